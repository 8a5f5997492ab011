/* SPDX-License-Identifier: Apache-2.0 */
/* A directory's listing, filtered and sorted. */
#include "cli/model_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"

static const char *const known_names[] = {"config.json", "tokenizer_config.json", "spiece.model",
                                          "model.safetensors.index.json"};

static const char weights_ending[] = ".safetensors";

static bool is_wanted(const char *name) {
    size_t length = strlen(name);
    size_t ending = sizeof weights_ending - 1;
    for (size_t i = 0; i < sizeof known_names / sizeof known_names[0]; i++) {
        if (strcmp(name, known_names[i]) == 0) {
            return true;
        }
    }
    return length > ending && strcmp(name + length - ending, weights_ending) == 0;
}

sg_status sg_model_files_path(const char *directory, const char *name, char *path, size_t size,
                              sg_error *error) {
    int length = snprintf(path, size, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= size) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "%s: the path is too long", directory);
    }
    return SG_STATUS_OK;
}

static sg_status add_file(const char *directory, const char *name, sg_model_files *files,
                          sg_error *error) {
    char path[4096];
    struct stat found;
    sg_model_file *file = &files->items[files->count];
    SG_TRY(sg_model_files_path(directory, name, path, sizeof path, error));
    if (stat(path, &found) != 0 || !S_ISREG(found.st_mode)) {
        return SG_STATUS_OK;
    }
    if (files->count == SG_MODEL_FILES_MAX) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: holds more than %d model files", directory,
                            SG_MODEL_FILES_MAX);
    }
    file->name = sg_memory_copy_text(name, strlen(name));
    if (file->name == NULL) {
        return sg_memory_error(error, "a file name", strlen(name));
    }
    file->bytes = (uint64_t)found.st_size;
    files->count++;
    return SG_STATUS_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const sg_model_file *)a)->name, ((const sg_model_file *)b)->name);
}

sg_status sg_model_files_list(const char *directory, sg_model_files *files, sg_error *error) {
    sg_status status = SG_STATUS_OK;
    DIR *folder;
    memset(files, 0, sizeof *files);
    files->items = sg_memory_alloc(SG_MODEL_FILES_MAX + 1, sizeof *files->items);
    if (files->items == NULL) {
        return sg_memory_error(error, "a list of files", SG_MODEL_FILES_MAX * sizeof *files->items);
    }
    folder = opendir(directory);
    if (folder == NULL) {
        (void)sg_error_from_errno(error, errno, "%s: cannot be listed", directory);
        if (error != NULL) {
            error->code = SG_STATUS_NOT_FOUND;
        }
        return SG_STATUS_NOT_FOUND;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL && status == SG_STATUS_OK;
         entry = readdir(folder)) {
        if (is_wanted(entry->d_name)) {
            status = add_file(directory, entry->d_name, files, error);
        }
    }
    (void)closedir(folder);
    qsort(files->items, files->count, sizeof *files->items, by_name);
    return status;
}

void sg_model_files_clear(sg_model_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        sg_memory_free(files->items[i].name);
    }
    sg_memory_free(files->items);
    memset(files, 0, sizeof *files);
}
