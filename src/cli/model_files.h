/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a model directory that decide what it computes. */
#ifndef SG_CLI_MODEL_FILES_H
#define SG_CLI_MODEL_FILES_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#define SG_MODEL_FILES_MAX 4096

/* One file of the list. */
typedef struct sg_model_file {
    char *name; /* in the directory; owned */
    uint64_t bytes;
} sg_model_file;

typedef struct sg_model_files {
    sg_model_file *items; /* sorted by name; owned */
    size_t count;
} sg_model_files;

/* List config.json, tokenizer_config.json, spiece.model, the index and the *.safetensors of
 * `directory`, those that are there. Errors: SG_STATUS_NOT_FOUND, SG_STATUS_MODEL (more than
 * SG_MODEL_FILES_MAX), SG_STATUS_MEMORY. On failure *files may be cleared. */
sg_status sg_model_files_list(const char *directory, sg_model_files *files,
                              sg_error *error) SG_MUST_CHECK;

/* Free. Allowed on a zeroed struct and twice. */
void sg_model_files_clear(sg_model_files *files);

/* "DIRECTORY/NAME" into path[size]. Errors: SG_STATUS_ARGUMENT if it does not fit. */
sg_status sg_model_files_path(const char *directory, const char *name, char *path, size_t size,
                              sg_error *error) SG_MUST_CHECK;

#endif
