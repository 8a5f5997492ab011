/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint's tensors bound to their places: views into the mapped files, nothing copied or
 * converted. */
#ifndef SG_MODEL_WEIGHTS_H
#define SG_MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/options.h>
#include <switchgen/status.h>

#include "base/problem.h"
#include "layers/ffn.h"
#include "layers/router.h"
#include "math/matmul.h"
#include "model/config.h"
#include "storage/shard_index.h"

typedef struct sg_attention_weights {
    sg_matrix norm;    /* [1, D], before the projections */
    sg_matrix q, k, v; /* [H*K, D] */
    sg_matrix o;       /* [D, H*K] */
} sg_attention_weights;

typedef struct sg_block_weights {
    sg_attention_weights self;
    sg_attention_weights cross; /* decoder only */
    sg_matrix ffn_norm;         /* [1, D] */
    bool is_sparse;
    sg_ffn ffn;       /* dense blocks */
    sg_router router; /* sparse blocks */
    sg_ffn *experts;  /* [E], sparse blocks */
} sg_block_weights;

typedef struct sg_stack_weights {
    sg_matrix embedding;      /* [V, D] */
    sg_matrix relative_bias;  /* [buckets, H], added in every block */
    sg_matrix final_norm;     /* [1, D] */
    sg_block_weights *blocks; /* [num_blocks] */
    size_t num_blocks;
} sg_stack_weights;

typedef struct sg_weights {
    sg_stack_weights stacks[2]; /* by sg_stack */
    sg_matrix head;             /* [V, D] */
    float head_scale;           /* D^-0.5 where the output is scaled, else 1 */
} sg_weights;

/* Bind the tensors that `config` calls for. Every one is checked for presence, shape and type
 * before anything is allocated. Warnings go to `log`. `index` must outlive the weights. Errors:
 * SG_STATUS_MODEL: a tensor is missing or has another shape (name, found, expected), or the files
 * hold blocks, experts or a router bias that config.json does not speak of; SG_STATUS_UNSUPPORTED:
 * a needed tensor is not F32, BF16 or F16; SG_STATUS_MEMORY. On success release with
 * sg_weights_clear. */
sg_status sg_weights_bind(const sg_model_config *config, const sg_shard_index *index,
                          const sg_log *log, sg_weights *weights, sg_error *error) SG_MUST_CHECK;

/* Check as sg_weights_bind does, but tell every flaw to `sink`; the same table in several places
 * may be told several times. `partial`: some weight files could not be opened, so that a missing
 * tensor is no flaw of its own. Returns a failure only if the sink wants no more. */
sg_status sg_weights_examine(const sg_model_config *config, const sg_shard_index *index,
                             bool partial, const sg_log *log, const sg_problem_sink *sink,
                             sg_error *error) SG_MUST_CHECK;

/* The tensors that serve as embeddings and head; NULL where the checkpoint has none. */
typedef struct sg_weight_tables {
    const sg_tensor *encoder, *decoder, *head; /* [V, D]; may be one and the same */
} sg_weight_tables;

/* Which tensors these are: the place's own, else the one that stands in for it. */
void sg_weights_find_tables(const sg_model_config *config, const sg_shard_index *index,
                            sg_weight_tables *tables);

/* Free what bind allocated. Allowed on a zeroed struct and twice. */
void sg_weights_clear(sg_weights *weights);

#endif
