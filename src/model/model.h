/* SPDX-License-Identifier: Apache-2.0 */
/* A model opened from a folder: configuration, generation settings and weights. Read-only once
 * open. */
#ifndef SG_MODEL_MODEL_H
#define SG_MODEL_MODEL_H

#include <switchgen/options.h>
#include <switchgen/status.h>

#include "model/config.h"
#include "model/generation_config.h"
#include "model/weights.h"
#include "storage/shard_index.h"

typedef struct sg_model {
    sg_model_config config;
    sg_generation_config generation;
    sg_shard_index *index;
    sg_weights weights;
    int64_t capacity; /* tokens of one sequence that an expert serves; INT64_MAX: no limit */
} sg_model;

/* Open the model in `directory` with `options` (capacity, generation_config, log). Errors: those of
 * sg_model_config_read, sg_generation_config_read, sg_shard_index_open, sg_weights_bind. On failure
 * *model is zeroed. */
sg_status sg_model_open(const char *directory, const sg_engine_options *options, sg_model *model,
                        sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_model_close(sg_model *model);

#endif
