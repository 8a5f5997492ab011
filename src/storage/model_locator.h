/* SPDX-License-Identifier: Apache-2.0 */
/* Where a model is looked for: from what the user wrote to a directory. */
#ifndef SG_STORAGE_MODEL_LOCATOR_H
#define SG_STORAGE_MODEL_LOCATOR_H

#include <stdbool.h>

#include <switchgen/options.h>
#include <switchgen/status.h>

#include "storage/model_manifest.h"
#include "storage/model_places.h"

/* The model that runs when none is named. */
#define SG_MODEL_LOCATOR_SHIPPED "switch-small-64"

typedef struct sg_model_request {
    const char *name;     /* a directory, "NAME" or "ORG/NAME" */
    const char *revision; /* of the hub's repository; NULL: main, or a known one with safetensors */
    bool needs_weights; /* a model with pickle files only is refused, with the way to convert it */
    const sg_log *log;  /* for warnings; may be NULL */
} sg_model_request;

/* Find a model: (1) an existing directory; (2) under each of the places of model_places.h, in their
 * order, as it is written, and as the known model of that name with and without its organisation;
 * (3) in the Hugging Face cache: a bare name as the known model of that name, as itself, as
 * google/NAME, as google-t5/NAME. Names under (2) may have parts but none of them "." or "..", and
 * what is found there must be a model (model_folder.h).
 *
 * Without a revision, (3) takes `main`; where main is not cached or has no safetensors, and a
 * revision that the manifest knows is cached and has them, that one, with a warning. With a
 * revision, (1) and (2) still come first, with a warning that it has no effect.
 *
 * On success *directory is the caller's (sg_memory_free). Errors: SG_STATUS_NOT_FOUND (the hint of
 * model_advice.h, or what a cached repository lacks), SG_STATUS_MODEL (only pickle files; a damaged
 * cache), SG_STATUS_ARGUMENT (no name of a revision), SG_STATUS_IO, SG_STATUS_MEMORY. */
sg_status sg_model_locator_find(const sg_model_request *request, char **directory,
                                sg_error *error) SG_MUST_CHECK;

/* Visit every directory in which sg_model_locator_find may find the known model `model`, whether it
 * exists or not, in the order of search; `revision` is NULL for plain directories. In the cache
 * these are the snapshots that are there, of main and of the known revisions; a repository that is
 * there without any of them is visited itself with a revision of "". */
void sg_model_locator_each(const sg_model_places *places, const sg_known_model *model,
                           void (*visit)(void *context, const char *path, const char *revision),
                           void *context);

#endif
