/* SPDX-License-Identifier: Apache-2.0 */
/* From a repository and a revision to a snapshot's folder. */
#include "storage/hub_cache.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "storage/mapped_file.h"
#include "storage/model_places.h"

#define PREFIX "models--"
#define SEPARATOR "--" /* between ORG and NAME */
#define COMMIT_LENGTH 40u
#define REF_MAXIMUM 4096u   /* bytes of a file below refs/ */
#define LISTED_MAXIMUM 400u /* bytes of the list of revisions in a message */
#define REF_DEPTH 4u        /* folders below refs/ that the list looks into: refs/refs/pr/6 */
#define NAME_MAXIMUM 255u   /* Linux's NAME_MAX */

static bool is_directory(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static bool is_file(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode);
}

bool sg_hub_cache_path(const char *cache, const char *repository, char *path) {
    char name[NAME_MAXIMUM + 1];
    const char *slash = strchr(repository, '/');
    int length;
    if (cache[0] == '\0' || !sg_model_places_is_inner(repository) ||
        (slash != NULL && strchr(slash + 1, '/') != NULL)) {
        return false;
    }
    length = slash == NULL ? snprintf(name, sizeof name, PREFIX "%s", repository)
                           : snprintf(name, sizeof name, PREFIX "%.*s" SEPARATOR "%s",
                                      (int)(slash - repository), repository, slash + 1);
    return length > 0 && (size_t)length < sizeof name && sg_model_places_join(cache, name, path);
}

bool sg_hub_cache_has(const char *cache, const char *repository) {
    char folder[SG_MODEL_PATH_MAXIMUM];
    return sg_hub_cache_path(cache, repository, folder) && is_directory(folder);
}

static bool is_commit(const char *text) {
    return strlen(text) == COMMIT_LENGTH && strspn(text, "0123456789abcdef") == COMMIT_LENGTH;
}

/* ---- the revisions there are, for messages ---- */

/* One folder below refs/ whose names are being read. */
typedef struct ref_level {
    DIR *folder;
    size_t length; /* of its path */
} ref_level;

/* Append the names of the files below `refs`: a walk with its own stack, at most REF_DEPTH folders
 * deep. */
static void list_refs(const char *refs, sg_buffer *list) {
    char path[SG_MODEL_PATH_MAXIMUM];
    size_t begin = strlen(refs) + 1;
    ref_level levels[REF_DEPTH];
    size_t depth = 0;
    memcpy(path, refs, begin);
    levels[0] = (ref_level){.folder = opendir(path), .length = begin - 1};
    depth = levels[0].folder == NULL ? 0 : 1;
    while (depth > 0) {
        ref_level *level = &levels[depth - 1];
        const struct dirent *entry = readdir(level->folder);
        path[level->length] = '\0';
        if (entry == NULL) {
            (void)closedir(level->folder);
            depth--;
        } else if (entry->d_name[0] != '.' &&
                   level->length + 1 + strlen(entry->d_name) < sizeof path) {
            path[level->length] = '/';
            memcpy(path + level->length + 1, entry->d_name, strlen(entry->d_name) + 1);
            if (is_file(path)) {
                (void)sg_buffer_append_format(list, "%s%s", list->length == 0 ? "" : ", ",
                                              path + begin);
            } else if (depth < REF_DEPTH) {
                levels[depth] = (ref_level){.folder = opendir(path), .length = strlen(path)};
                depth += levels[depth].folder == NULL ? 0 : 1;
            }
        }
    }
}

/* The folders below snapshots/. */
static void list_snapshots(const char *snapshots, sg_buffer *list) {
    DIR *folder = opendir(snapshots);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)sg_buffer_append_format(list, "%s%s", list->length == 0 ? "" : ", ",
                                          entry->d_name);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

/* The hint that says how the hub's client gets a revision. */
static void hint_download(const char *before, const char *repository, const char *revision,
                          sg_error *error) {
    bool is_main = strcmp(revision, "main") == 0;
    (void)sg_error_hint(error, "%s: hf download %s%s%s", before, repository,
                        is_main ? "" : " --revision ", is_main ? "" : revision);
}

static sg_status no_revision(const char *folder, const char *repository, const char *revision,
                             sg_error *error) {
    char path[SG_MODEL_PATH_MAXIMUM];
    sg_buffer list;
    sg_status status;
    sg_buffer_init(&list, LISTED_MAXIMUM);
    if (sg_model_places_join(folder, "refs", path)) {
        list_refs(path, &list);
    }
    if (list.length == 0 && sg_model_places_join(folder, "snapshots", path)) {
        list_snapshots(path, &list);
    }
    status = sg_error_set(error, SG_STATUS_NOT_FOUND,
                          "%s: revision \"%s\" is not in the cache, found %s", folder, revision,
                          list.length == 0 ? "none" : list.data);
    hint_download("choose one with --revision, or download it with", repository, revision, error);
    sg_buffer_clear(&list);
    return status;
}

/* ---- the way to the snapshot ---- */

/* Read refs/REVISION; *commit is "" where there is no such file. */
static sg_status read_ref(const char *folder, const char *revision, char commit[NAME_MAXIMUM + 1],
                          sg_error *error) {
    char refs[SG_MODEL_PATH_MAXIMUM];
    char path[SG_MODEL_PATH_MAXIMUM];
    char *text = NULL;
    size_t length = 0;
    bool is_name;
    commit[0] = '\0';
    if (!sg_model_places_join(folder, "refs", refs) ||
        !sg_model_places_join(refs, revision, path) || !is_file(path)) {
        return SG_STATUS_OK;
    }
    SG_TRY(sg_file_read_small(path, REF_MAXIMUM, &text, &length, error));
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL) {
        text[--length] = '\0';
    }
    is_name = length <= NAME_MAXIMUM && strlen(text) == length && strchr(text, '/') == NULL &&
              sg_model_places_is_inner(text);
    if (is_name) {
        memcpy(commit, text, length + 1);
    } else {
        (void)sg_error_set(error, SG_STATUS_MODEL, "%s: found \"%.80s\", expected a commit", path,
                           text);
        (void)sg_error_hint(error, "the cache is damaged; remove this file and download again");
    }
    sg_memory_free(text);
    return is_name ? SG_STATUS_OK : SG_STATUS_MODEL;
}

static sg_status take(const char *path, char **snapshot, sg_error *error) {
    char *copy = sg_memory_copy_text(path, strlen(path));
    if (copy == NULL) {
        return sg_memory_error(error, "a model's directory", strlen(path) + 1);
    }
    *snapshot = copy;
    return SG_STATUS_OK;
}

sg_status sg_hub_cache_find(const char *cache, const char *repository, const char *revision,
                            char **snapshot, sg_error *error) {
    char folder[SG_MODEL_PATH_MAXIMUM];
    char snapshots[SG_MODEL_PATH_MAXIMUM];
    char path[SG_MODEL_PATH_MAXIMUM];
    char commit[NAME_MAXIMUM + 1];
    bool named;
    if (!sg_hub_cache_path(cache, repository, folder) || !is_directory(folder)) {
        return sg_error_set(error, SG_STATUS_NOT_FOUND, "%s is not in the cache %s", repository,
                            cache);
    }
    if (!sg_model_places_is_inner(revision)) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "revision \"%s\" is no name of one",
                            revision);
    }
    commit[0] = '\0';
    if (!is_commit(revision)) {
        SG_TRY(read_ref(folder, revision, commit, error));
    }
    named = commit[0] != '\0';
    if (sg_model_places_join(folder, "snapshots", snapshots) &&
        (named || strchr(revision, '/') == NULL) &&
        sg_model_places_join(snapshots, named ? commit : revision, path) && is_directory(path)) {
        return take(path, snapshot, error);
    }
    if (!named) {
        return no_revision(folder, repository, revision, error);
    }
    (void)sg_error_set(error, SG_STATUS_NOT_FOUND,
                       "%s: revision \"%s\" is commit %s, whose snapshot is missing", folder,
                       revision, commit);
    hint_download("the download is incomplete or was deleted; download it again with", repository,
                  revision, error);
    return SG_STATUS_NOT_FOUND;
}

void sg_hub_cache_each(const char *cache, void (*visit)(void *context, const char *repository),
                       void *context) {
    DIR *folder = cache[0] == '\0' ? NULL : opendir(cache);
    const struct dirent *entry;
    char name[NAME_MAXIMUM + 1];
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const char *organisation = entry->d_name + strlen(PREFIX);
        const char *end;
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 || organisation[0] == '\0') {
            continue;
        }
        end = strstr(organisation, SEPARATOR);
        if (end == NULL) {
            (void)snprintf(name, sizeof name, "%s", organisation);
        } else {
            (void)snprintf(name, sizeof name, "%.*s/%s", (int)(end - organisation), organisation,
                           end + strlen(SEPARATOR));
        }
        visit(context, name);
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}
