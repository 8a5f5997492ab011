/* SPDX-License-Identifier: Apache-2.0 */
/* The environment, read once, as a list of directories. */
#include "storage/model_places.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

const char *sg_model_places_next(const sg_model_places *places, const char *place) {
    const char *end = places->paths.data + places->paths.length;
    const char *next = place == NULL ? places->paths.data : place + strlen(place) + 1;
    return places->paths.length == 0 || next >= end ? NULL : next;
}

/* Write directory[0..length) + end to path[SG_MODEL_PATH_MAXIMUM]; false, and "", if it does not
 * fit or there is no directory. */
static bool write_path(char *path, const char *directory, size_t length, const char *end) {
    if (length == 0 || length + strlen(end) >= SG_MODEL_PATH_MAXIMUM) {
        path[0] = '\0';
        return false;
    }
    memmove(path, directory, length);
    memcpy(path + length, end, strlen(end) + 1);
    return true;
}

bool sg_model_places_join(const char *directory, const char *name, char *path) {
    size_t length = strlen(directory);
    if (length + 1 >= SG_MODEL_PATH_MAXIMUM || !write_path(path, directory, length, "/")) {
        path[0] = '\0';
        return false;
    }
    return write_path(path, path, length + 1, name);
}

bool sg_model_places_is_inner(const char *name) {
    const char *part = name;
    while (part != NULL) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && strncmp(part, "..", 2) == 0)) {
            return false;
        }
        part = part[length] == '\0' ? NULL : part + length + 1;
    }
    return true;
}

/* Add directory[0..length) + end, unless it is listed or too long to be a path. */
static void add_place(sg_model_places *places, const char *directory, size_t length,
                      const char *end) {
    char path[SG_MODEL_PATH_MAXIMUM];
    if (!write_path(path, directory, length, end)) {
        return;
    }
    for (const char *place = sg_model_places_next(places, NULL); place != NULL;
         place = sg_model_places_next(places, place)) {
        if (strcmp(place, path) == 0) {
            return;
        }
    }
    (void)sg_buffer_append(&places->paths, path, strlen(path) + 1);
}

/* Each entry of $SWITCH_GEN_MODEL_PATH, divided by colons. */
static void add_listed_places(sg_model_places *places) {
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
    char cache[SG_MODEL_PATH_MAXIMUM];
    for (; length > 0; length = directory_length(path, length)) {
        if (write_path(cache, path, length, "/CMakeCache.txt") && access(cache, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* models/ beside the executable; that of the source if the executable was not installed; and the
 * install prefix, both where the executable lies now and where it was meant to. */
static void add_program_places(sg_model_places *places) {
    char program[SG_MODEL_PATH_MAXIMUM];
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

/* The value of a variable, NULL where it is absent or empty. */
static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* The value of a variable of the XDG base directory specification: relative paths are ignored. */
static const char *absolute_variable(const char *name) {
    const char *value = variable(name);
    return value == NULL || value[0] != '/' ? NULL : value;
}

static void add_data_place(sg_model_places *places) {
    const char *data = absolute_variable("XDG_DATA_HOME");
    const char *home = absolute_variable("HOME");
    if (data != NULL) {
        (void)write_path(places->data, data, strlen(data), "/switch-gen/models");
    } else if (home != NULL) {
        (void)write_path(places->data, home, strlen(home), "/.local/share/switch-gen/models");
    }
    add_place(places, places->data, strlen(places->data), "");
}

/* VALUE + end, where a leading ~ is the home directory. */
static void write_hub(sg_model_places *places, const char *value, const char *end) {
    const char *home = absolute_variable("HOME");
    char expanded[SG_MODEL_PATH_MAXIMUM];
    if (home != NULL && value[0] == '~' && (value[1] == '/' || value[1] == '\0') &&
        write_path(expanded, home, strlen(home), value + 1)) {
        value = expanded;
    }
    (void)write_path(places->hub, value, strlen(value), end);
}

static void find_hub(sg_model_places *places) {
    const char *cache = variable("HF_HUB_CACHE");
    const char *home = variable("HF_HOME");
    const char *user_cache = absolute_variable("XDG_CACHE_HOME");
    const char *user = absolute_variable("HOME");
    if (cache != NULL) {
        write_hub(places, cache, "");
    } else if (home != NULL) {
        write_hub(places, home, "/hub");
    } else if (user_cache != NULL) {
        write_hub(places, user_cache, "/huggingface/hub");
    } else if (user != NULL) {
        write_hub(places, user, "/.cache/huggingface/hub");
    }
}

sg_status sg_model_places_list(sg_model_places *places, sg_error *error) {
    memset(places, 0, sizeof *places);
    sg_buffer_init(&places->paths, SIZE_MAX - 1);
    add_listed_places(places);
    add_program_places(places);
    add_data_place(places);
    find_hub(places);
    return places->paths.status == SG_STATUS_OK
               ? SG_STATUS_OK
               : sg_memory_error(error, "the list of model directories", places->paths.length);
}

void sg_model_places_clear(sg_model_places *places) {
    sg_buffer_clear(&places->paths);
}
