/* SPDX-License-Identifier: Apache-2.0 */
/* Names and links first, then the weight files' own headers. */
#include "storage/model_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "storage/model_places.h"
#include "storage/shard_index.h"

/* Whether the directory has an entry of this name, were it a link to nothing. */
static bool has_entry(const char *directory, const char *name) {
    char path[SG_MODEL_PATH_MAXIMUM];
    struct stat found;
    return sg_model_places_join(directory, name, path) && lstat(path, &found) == 0;
}

static bool has_file(const char *directory, const char *name) {
    char path[SG_MODEL_PATH_MAXIMUM];
    struct stat found;
    return sg_model_places_join(directory, name, path) && stat(path, &found) == 0 &&
           S_ISREG(found.st_mode);
}

sg_known_form sg_model_folder_form(const char *directory) {
    if (has_entry(directory, "model.safetensors") ||
        has_entry(directory, "model.safetensors.index.json")) {
        return SG_KNOWN_FORM_SAFETENSORS;
    }
    return has_entry(directory, "pytorch_model.bin") ||
                   has_entry(directory, "pytorch_model.bin.index.json")
               ? SG_KNOWN_FORM_PICKLE
               : SG_KNOWN_FORM_UNKNOWN;
}

bool sg_model_folder_is_model(const char *directory) {
    return has_entry(directory, "config.json") || has_entry(directory, "spiece.model") ||
           sg_model_folder_form(directory) != SG_KNOWN_FORM_UNKNOWN;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static sg_status check_link(const char *directory, const char *name, sg_error *error) {
    char path[SG_MODEL_PATH_MAXIMUM];
    struct stat found;
    if (!sg_model_places_join(directory, name, path) || stat(path, &found) == 0) {
        return SG_STATUS_OK;
    }
    if (errno != ENOENT && errno != ELOOP) {
        return sg_error_from_errno(error, errno, "%s", path);
    }
    (void)sg_error_set(error, SG_STATUS_NOT_FOUND, "%s: the link leads to nothing", path);
    (void)sg_error_hint(error,
                        "the download is incomplete or its file was deleted; download it again");
    return SG_STATUS_NOT_FOUND;
}

sg_status sg_model_folder_check_links(const char *directory, sg_error *error) {
    DIR *folder = opendir(directory);
    const struct dirent *entry;
    sg_status status = SG_STATUS_OK;
    if (folder == NULL) {
        return sg_error_from_errno(error, errno, "%s", directory);
    }
    while (status == SG_STATUS_OK && (entry = readdir(folder)) != NULL) {
        if (ends_with(entry->d_name, ".safetensors") || ends_with(entry->d_name, ".json") ||
            ends_with(entry->d_name, ".model")) {
            status = check_link(directory, entry->d_name, error);
        }
    }
    (void)closedir(folder);
    return status;
}

static sg_status check_tokenizer(const char *directory, sg_error *error) {
    if (has_file(directory, "spiece.model")) {
        return SG_STATUS_OK;
    }
    if (has_file(directory, "tokenizer.json")) {
        return sg_error_set(error, SG_STATUS_UNSUPPORTED,
                            "%s: found tokenizer.json and no spiece.model, which is needed",
                            directory);
    }
    return sg_error_set(error, SG_STATUS_NOT_FOUND, "%s: spiece.model is missing", directory);
}

sg_status sg_model_folder_check(const char *directory, sg_error *error) {
    sg_shard_index *index = NULL;
    SG_TRY(sg_model_folder_check_links(directory, error));
    if (!has_file(directory, "config.json")) {
        return sg_error_set(error, SG_STATUS_NOT_FOUND, "%s: config.json is missing", directory);
    }
    SG_TRY(check_tokenizer(directory, error));
    SG_TRY(sg_shard_index_open(directory, &index, error));
    sg_shard_index_close(index);
    return SG_STATUS_OK;
}
