/* SPDX-License-Identifier: Apache-2.0 */
/* Hints: commands that can be pasted, and names that are close to what was typed. */
#include "storage/model_advice.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "storage/hub_cache.h"

#define NAME_MAXIMUM 255u /* Linux's NAME_MAX */
#define CLOSE_COUNT 3u    /* close names to show */

/* ---- commands ---- */

/* Append one word of a command, quoted where a shell would take it apart. */
static void append_word(sg_buffer *out, const char *word) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%";
    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        (void)sg_buffer_append_text(out, word);
        return;
    }
    (void)sg_buffer_append_text(out, "'");
    for (; *word != '\0'; word++) {
        (void)sg_buffer_append(out, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
    }
    (void)sg_buffer_append_text(out, "'");
}

/* Append " (15.3 GB)" where the size is known. */
static void append_size(sg_buffer *out, uint64_t bytes) {
    if (bytes >= 1000000000) {
        (void)sg_buffer_append_format(out, " (%.1f GB)", (double)bytes / 1e9);
    } else if (bytes > 0) {
        (void)sg_buffer_append_format(out, " (%.0f MB)", (double)bytes / 1e6);
    }
}

void sg_model_advice_download(const sg_known_model *model, const sg_known_revision *revision,
                              sg_buffer *out) {
    bool is_t5 = strncmp(model->name, "switch-", strlen("switch-")) != 0;
    (void)sg_buffer_append_format(out, "hf download %s", model->repository);
    if (strcmp(revision->revision, "main") != 0) {
        (void)sg_buffer_append_format(out, " --revision %s", revision->revision);
    }
    if (revision->form == SG_KNOWN_FORM_SAFETENSORS) {
        /* Beside these, Switch repositories hold .bin files; those of T5 more kinds. */
        (void)sg_buffer_append_text(
            out, is_t5 ? " --include \"*.json\" --include spiece.model --include \"*.safetensors\""
                       : " --exclude \"*.bin\"");
    }
}

/* ---- close names ---- */

/* Letters inserted, left out, changed, or swapped with a neighbour (Damerau's distance, restricted:
 * no place is edited twice), of two names of at most NAME_MAXIMUM bytes. */
static size_t edit_distance(const char *a, const char *b) {
    size_t rows[3][NAME_MAXIMUM + 1];
    size_t length = strlen(b);
    size_t last = 0;
    for (size_t j = 0; j <= length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        const size_t *above = rows[(i - 1) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            size_t shift = (above[j] < row[j - 1] ? above[j] : row[j - 1]) + 1;
            row[j] = change < shift ? change : shift;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_above[j - 2] + 1 < row[j]) {
                row[j] = two_above[j - 2] + 1;
            }
        }
        last = i;
    }
    return rows[last % 3][length];
}

/* The nearest names so far, nearest first. */
typedef struct close_names {
    const char *wanted;
    size_t count;
    struct {
        size_t distance;
        char name[NAME_MAXIMUM + 1];
    } found[CLOSE_COUNT];
} close_names;

/* The name without its organisation, where the wanted one has none. */
static const char *comparable(const close_names *names, const char *name) {
    const char *slash = strchr(name, '/');
    return slash == NULL || strchr(names->wanted, '/') != NULL ? name : slash + 1;
}

/* Keep `name` if it is near enough: a third of the wanted name may differ, or one contains the
 * other. */
static void consider(close_names *names, const char *name) {
    size_t distance = edit_distance(names->wanted, comparable(names, name));
    size_t at = names->count;
    if (distance > 1 + strlen(names->wanted) / 3 && strstr(name, names->wanted) == NULL &&
        strstr(names->wanted, name) == NULL) {
        return;
    }
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(comparable(names, names->found[i].name), comparable(names, name)) == 0) {
            return;
        }
    }
    while (at > 0 && (names->found[at - 1].distance > distance ||
                      (names->found[at - 1].distance == distance &&
                       strcmp(names->found[at - 1].name, name) > 0))) {
        at--;
    }
    if (at == CLOSE_COUNT) {
        return;
    }
    names->count += names->count < CLOSE_COUNT ? 1 : 0;
    memmove(&names->found[at + 1], &names->found[at],
            (names->count - at - 1) * sizeof names->found[0]);
    names->found[at].distance = distance;
    memcpy(names->found[at].name, name, strlen(name) + 1);
}

static void consider_cached(void *context, const char *repository) {
    consider(context, repository);
}

static void consider_place(close_names *names, const char *place) {
    DIR *opened = opendir(place);
    const struct dirent *entry;
    while (opened != NULL && (entry = readdir(opened)) != NULL) {
        if (entry->d_name[0] != '.' && strlen(entry->d_name) <= NAME_MAXIMUM &&
            (entry->d_type == DT_DIR || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN)) {
            consider(names, entry->d_name);
        }
    }
    if (opened != NULL) {
        (void)closedir(opened);
    }
}

static void find_close_names(const sg_model_places *places, const sg_model_manifest *manifest,
                             close_names *names) {
    for (const char *place = sg_model_places_next(places, NULL); place != NULL;
         place = sg_model_places_next(places, place)) {
        consider_place(names, place);
    }
    sg_hub_cache_each(places->hub, consider_cached, names);
    for (size_t i = 0; i < sg_model_manifest_count(manifest); i++) {
        const sg_known_model *model = sg_model_manifest_at(manifest, i);
        consider(names, strchr(names->wanted, '/') == NULL ? model->name : model->repository);
    }
}

/* ---- not found ---- */

/* "ORG/NAME" of letters, digits and the signs that the hub allows. */
static bool can_be_repository(const char *name) {
    const char *slash = strchr(name, '/');
    return sg_model_places_is_inner(name) && slash != NULL && strchr(slash + 1, '/') == NULL &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") ==
               strlen(name);
}

static void append_get(const sg_model_manifest *manifest, const char *name, sg_buffer *hint) {
    const sg_known_model *model = sg_model_manifest_find(manifest, name);
    const sg_known_revision *best = model == NULL ? NULL : sg_known_model_best(model);
    if (best != NULL) {
        (void)sg_buffer_append_text(hint, "download it with: ");
        sg_model_advice_download(model, best, hint);
        (void)sg_buffer_append_format(hint, "; or: tools/fetch-model %s", model->name);
        append_size(hint, best->about_bytes);
        (void)sg_buffer_append_text(hint, "; ");
    } else if (model == NULL && can_be_repository(name)) {
        (void)sg_buffer_append_format(hint, "if the hub has it, download it with: hf download %s; ",
                                      name);
    }
}

static void append_close(const sg_model_places *places, const sg_model_manifest *manifest,
                         const char *name, sg_buffer *hint) {
    close_names names = {.wanted = name};
    if (name[0] != '\0' && strlen(name) <= NAME_MAXIMUM &&
        sg_model_manifest_find(manifest, name) == NULL) {
        find_close_names(places, manifest, &names);
    }
    for (size_t i = 0; i < names.count; i++) {
        (void)sg_buffer_append_format(hint, "%s%s", i == 0 ? "close names: " : ", ",
                                      names.found[i].name);
    }
    (void)sg_buffer_append_text(hint, names.count > 0 ? "; " : "");
}

static void append_places(const sg_model_places *places, sg_buffer *hint) {
    (void)sg_buffer_append_text(hint, "searched: the name as a directory");
    for (const char *place = sg_model_places_next(places, NULL); place != NULL;
         place = sg_model_places_next(places, place)) {
        (void)sg_buffer_append_format(hint, ", %s", place);
    }
    if (places->hub[0] != '\0') {
        (void)sg_buffer_append_format(hint, ", the Hugging Face cache %s", places->hub);
    }
}

sg_status sg_model_advice_not_found(const sg_model_places *places,
                                    const sg_model_manifest *manifest, const char *name,
                                    sg_error *error) {
    struct stat found;
    sg_buffer hint;
    if (name[0] != '\0' && stat(name, &found) == 0) {
        (void)sg_error_set(error, SG_STATUS_NOT_FOUND,
                           "model \"%s\": found a file, expected a model's directory", name);
    } else {
        (void)sg_error_set(error, SG_STATUS_NOT_FOUND, "model \"%s\" was not found", name);
    }
    sg_buffer_init(&hint, 4 * SG_ERROR_HINT_SIZE);
    append_get(manifest, name, &hint);
    append_close(places, manifest, name, &hint);
    append_places(places, &hint);
    if (hint.length > 0) {
        (void)sg_error_hint(error, "%s", hint.data);
    }
    sg_buffer_clear(&hint);
    return SG_STATUS_NOT_FOUND;
}

/* ---- only pickle ---- */

void sg_model_advice_conversion(const char *directory, const char *target, sg_buffer *out) {
    char beside[SG_MODEL_PATH_MAXIMUM + sizeof "-safetensors"];
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/') {
        length--;
    }
    (void)snprintf(beside, sizeof beside, "%.*s-safetensors",
                   length < SG_MODEL_PATH_MAXIMUM ? (int)length : 0, directory);
    (void)sg_buffer_append_text(out, "switch-gen convert ");
    append_word(out, directory);
    (void)sg_buffer_append_text(out, " ");
    append_word(out, target == NULL ? beside : target);
}

/* Where the converted model is looked for by its name, into path[SG_MODEL_PATH_MAXIMUM]; false if
 * something is there already, or nowhere is. */
static bool find_target(const sg_model_places *places, const char *name, char *path) {
    struct stat found;
    return places->data[0] != '\0' && sg_model_places_join(places->data, name, path) &&
           stat(path, &found) != 0;
}

sg_status sg_model_advice_convert(const sg_model_places *places, const sg_known_model *model,
                                  const char *name, const char *directory, sg_error *error) {
    const sg_known_revision *best = model == NULL ? NULL : sg_known_model_best(model);
    char target[SG_MODEL_PATH_MAXIMUM];
    sg_buffer hint;
    (void)sg_error_set(error, SG_STATUS_MODEL,
                       "%s: found only pytorch_model.bin files, expected safetensors", directory);
    sg_buffer_init(&hint, 4 * SG_ERROR_HINT_SIZE);
    (void)sg_buffer_append_text(&hint, "convert them with: ");
    sg_model_advice_conversion(
        directory, find_target(places, model == NULL ? name : model->name, target) ? target : NULL,
        &hint);
    if (best != NULL && best->form == SG_KNOWN_FORM_SAFETENSORS) {
        (void)sg_buffer_append_text(&hint, "; or download safetensors with: ");
        sg_model_advice_download(model, best, &hint);
        append_size(&hint, best->about_bytes);
    }
    if (hint.length > 0) {
        (void)sg_error_hint(error, "%s", hint.data);
    }
    sg_buffer_clear(&hint);
    return SG_STATUS_MODEL;
}
