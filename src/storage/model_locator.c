/* SPDX-License-Identifier: Apache-2.0 */
/* From what the user wrote to a directory.
 *
 * First the places are listed, in their order; then the name is tried under each. The list serves
 * the failure too: it says where was looked and what lies there under a similar name. */
#include "storage/model_locator.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

#define PATH_MAXIMUM 4096u /* Linux's PATH_MAX */
#define NAME_MAXIMUM 255u  /* Linux's NAME_MAX */
#define CLOSE_COUNT 3u     /* close names to show */

/* Directories that hold models, each ended by a NUL, in `paths`. */
typedef struct place_list {
    sg_buffer paths;
} place_list;

/* The place after `place`, or the first if it is NULL; NULL after the last. */
static const char *next_place(const place_list *places, const char *place) {
    const char *end = places->paths.data + places->paths.length;
    const char *next = place == NULL ? places->paths.data : place + strlen(place) + 1;
    return places->paths.length == 0 || next >= end ? NULL : next;
}

/* Add directory[0..length) + end, unless it is listed or too long to be a path. */
static void add_place(place_list *places, const char *directory, size_t length, const char *end) {
    char path[PATH_MAXIMUM];
    if (length == 0 || length + strlen(end) >= sizeof path) {
        return;
    }
    memcpy(path, directory, length);
    memcpy(path + length, end, strlen(end) + 1);
    for (const char *place = next_place(places, NULL); place != NULL;
         place = next_place(places, place)) {
        if (strcmp(place, path) == 0) {
            return;
        }
    }
    (void)sg_buffer_append(&places->paths, path, strlen(path) + 1);
}

/* Each entry of $SWITCH_GEN_MODEL_PATH, divided by colons. */
static void add_listed_places(place_list *places) {
    const char *entry = getenv("SWITCH_GEN_MODEL_PATH");
    while (entry != NULL) {
        const char *end = strchrnul(entry, ':');
        add_place(places, entry, (size_t)(end - entry), "");
        entry = *end == '\0' ? NULL : end + 1;
    }
}

/* Cut the last part off path[0..length): the length of its directory, 0 where there is none. */
static size_t directory_length(const char *path, size_t length) {
    while (length > 0 && path[length - 1] != '/') {
        length--;
    }
    return length > 0 ? length - 1 : 0;
}

/* Whether path[0..length) or a directory above it is a build tree of CMake. */
static bool is_in_build_tree(const char *path, size_t length) {
    char cache[PATH_MAXIMUM + sizeof "/CMakeCache.txt"];
    for (; length > 0; length = directory_length(path, length)) {
        memcpy(cache, path, length);
        memcpy(cache + length, "/CMakeCache.txt", sizeof "/CMakeCache.txt");
        if (access(cache, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* models/ beside the executable; that of the source if the executable was not installed; and the
 * install prefix, both where the executable lies now and where it was meant to. */
static void add_program_places(place_list *places) {
    char program[PATH_MAXIMUM];
    ssize_t read = readlink("/proc/self/exe", program, sizeof program);
    size_t directory =
        read <= 0 || (size_t)read == sizeof program ? 0 : directory_length(program, (size_t)read);
    add_place(places, program, directory, "/models");
    if (is_in_build_tree(program, directory)) {
        add_place(places, SG_SOURCE_DIRECTORY, strlen(SG_SOURCE_DIRECTORY), "/models");
    }
    add_place(places, program, directory_length(program, directory), "/share/switch-gen/models");
    add_place(places, SG_INSTALL_PREFIX, strlen(SG_INSTALL_PREFIX), "/share/switch-gen/models");
}

/* The XDG base directory specification: relative paths are to be ignored. */
static void add_data_place(place_list *places) {
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    if (data != NULL && data[0] == '/') {
        add_place(places, data, strlen(data), "/switch-gen/models");
    } else if (home != NULL && home[0] == '/') {
        add_place(places, home, strlen(home), "/.local/share/switch-gen/models");
    }
}

static sg_status list_places(place_list *places, sg_error *error) {
    sg_buffer_init(&places->paths, SIZE_MAX - 1);
    add_listed_places(places);
    add_program_places(places);
    add_data_place(places);
    return places->paths.status == SG_STATUS_OK
               ? SG_STATUS_OK
               : sg_memory_error(error, "the list of model directories", places->paths.length);
}

static bool is_directory(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

/* A name to be put under a place must not lead out of it. */
static bool is_inner_name(const char *name) {
    const char *part = name;
    if (name[0] == '/') {
        return false;
    }
    while (part != NULL) {
        size_t length = strcspn(part, "/");
        if ((length == 1 && part[0] == '.') || (length == 2 && strncmp(part, "..", 2) == 0)) {
            return false;
        }
        part = part[length] == '\0' ? NULL : part + length + 1;
    }
    return true;
}

/* Levenshtein's distance of two names of at most NAME_MAXIMUM bytes. */
static size_t edit_distance(const char *a, const char *b) {
    size_t row[NAME_MAXIMUM + 1];
    size_t length = strlen(b);
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t above = row[j + 1];
            size_t best = above < row[j] ? above : row[j];
            row[j + 1] = a[i] == b[j] ? diagonal : (best < diagonal ? best : diagonal) + 1;
            diagonal = above;
        }
    }
    return row[length];
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

/* Keep `name` if it is near enough: a third of the wanted name may differ, or one contains the
 * other. */
static void consider(close_names *names, const char *name) {
    size_t distance = edit_distance(names->wanted, name);
    size_t at = names->count;
    if (distance > 1 + strlen(names->wanted) / 3 && strstr(name, names->wanted) == NULL &&
        strstr(names->wanted, name) == NULL) {
        return;
    }
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->found[i].name, name) == 0) {
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

static void find_close_names(const place_list *places, close_names *names) {
    for (const char *place = next_place(places, NULL); place != NULL;
         place = next_place(places, place)) {
        DIR *opened = opendir(place);
        const struct dirent *entry;
        while (opened != NULL && (entry = readdir(opened)) != NULL) {
            if (entry->d_name[0] != '.' && strlen(entry->d_name) <= NAME_MAXIMUM &&
                (entry->d_type == DT_DIR || entry->d_type == DT_LNK ||
                 entry->d_type == DT_UNKNOWN)) {
                consider(names, entry->d_name);
            }
        }
        if (opened != NULL) {
            (void)closedir(opened);
        }
    }
}

/* The hint: close names first, for it may be cut at its end. */
static void write_hint(const place_list *places, const char *name, sg_error *error) {
    close_names names = {.wanted = name};
    sg_buffer hint;
    sg_buffer_init(&hint, 4 * SG_ERROR_HINT_SIZE);
    if (name[0] != '\0' && strlen(name) <= NAME_MAXIMUM) {
        find_close_names(places, &names);
    }
    for (size_t i = 0; i < names.count; i++) {
        (void)sg_buffer_append_format(&hint, "%s%s", i == 0 ? "close names: " : ", ",
                                      names.found[i].name);
    }
    (void)sg_buffer_append_text(&hint, hint.length == 0 ? "searched: " : "; searched: ");
    (void)sg_buffer_append_format(&hint, "%s", name[0] == '\0' ? "nothing" : name);
    for (const char *place = next_place(places, NULL); place != NULL;
         place = next_place(places, place)) {
        (void)sg_buffer_append_format(&hint, ", %s", place);
    }
    if (hint.length > 0) {
        (void)sg_error_hint(error, "%s", hint.data);
    }
    sg_buffer_clear(&hint);
}

static sg_status not_found(const place_list *places, const char *name, sg_error *error) {
    struct stat found;
    if (name[0] != '\0' && stat(name, &found) == 0) {
        (void)sg_error_set(error, SG_STATUS_NOT_FOUND,
                           "model \"%s\": found a file, expected a model's directory", name);
    } else {
        (void)sg_error_set(error, SG_STATUS_NOT_FOUND, "model \"%s\" was not found", name);
    }
    write_hint(places, name, error);
    return SG_STATUS_NOT_FOUND;
}

/* Take `path` as the result. */
static sg_status found(const char *path, char **directory, sg_error *error) {
    char *copy = sg_memory_copy_text(path, strlen(path));
    if (copy == NULL) {
        return sg_memory_error(error, "a model's directory", strlen(path) + 1);
    }
    *directory = copy;
    return SG_STATUS_OK;
}

static sg_status search(const place_list *places, const char *name, char **directory,
                        sg_error *error) {
    char path[PATH_MAXIMUM];
    for (const char *place = next_place(places, NULL); place != NULL && is_inner_name(name);
         place = next_place(places, place)) {
        if (strlen(place) + 1 + strlen(name) >= sizeof path) {
            continue;
        }
        memcpy(path, place, strlen(place));
        path[strlen(place)] = '/';
        memcpy(path + strlen(place) + 1, name, strlen(name) + 1);
        if (is_directory(path)) {
            return found(path, directory, error);
        }
    }
    return not_found(places, name, error);
}

sg_status sg_model_locator_find(const char *name, char **directory, sg_error *error) {
    place_list places;
    sg_status status;
    if (name[0] != '\0' && is_directory(name)) {
        return found(name, directory, error);
    }
    status = list_places(&places, error);
    if (status == SG_STATUS_OK) {
        status = name[0] == '\0' ? not_found(&places, name, error)
                                 : search(&places, name, directory, error);
    }
    sg_buffer_clear(&places.paths);
    return status;
}
