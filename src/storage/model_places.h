/* SPDX-License-Identifier: Apache-2.0 */
/* The directories in which models are looked for, in their order, from the environment and from
 * where the program lies. Nothing is checked to exist. */
#ifndef SG_STORAGE_MODEL_PLACES_H
#define SG_STORAGE_MODEL_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/status.h>

#include "base/buffer.h"

/* Linux's PATH_MAX; longer paths are no places. */
#define SG_MODEL_PATH_MAXIMUM 4096

typedef struct sg_model_places {
    sg_buffer paths;                  /* each ended by a NUL */
    char data[SG_MODEL_PATH_MAXIMUM]; /* where the user's own models go; "" without a home */
    char hub[SG_MODEL_PATH_MAXIMUM];  /* the Hugging Face cache; "" without a home */
} sg_model_places;

/* List (1) each entry of $SWITCH_GEN_MODEL_PATH (divided by colons); (2) models/ beside the
 * executable, models/ of the source if the executable lies in a build tree, and
 * share/switch-gen/models of the install prefix; (3) $XDG_DATA_HOME/switch-gen/models
 * (~/.local/share without it), which is `data`. `hub` is $HF_HUB_CACHE, else $HF_HOME/hub, else
 * $XDG_CACHE_HOME/huggingface/hub, else
 * ~/.cache/huggingface/hub; as the hub's client does, the first two may begin with "~/". An empty
 * variable is an absent one. Errors: SG_STATUS_MEMORY; *places may then be cleared. */
sg_status sg_model_places_list(sg_model_places *places, sg_error *error) SG_MUST_CHECK;

/* Free. Allowed on a zeroed struct and twice. */
void sg_model_places_clear(sg_model_places *places);

/* The directory after `place`, or the first if it is NULL; NULL after the last. */
const char *sg_model_places_next(const sg_model_places *places, const char *place);

/* "DIRECTORY/NAME" into path[SG_MODEL_PATH_MAXIMUM]; false, and "", if it does not fit. */
bool sg_model_places_join(const char *directory, const char *name, char *path);

/* Whether `name` can be put under a directory without leading out of it: relative, no part of it
 * empty,
 * "." or "..". */
bool sg_model_places_is_inner(const char *name);

#endif
