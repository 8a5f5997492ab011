/* SPDX-License-Identifier: Apache-2.0 */
/* config.json, read and checked: every limit on what a model may claim about itself is enforced
 * here.
 *
 * Meaning and defaults: SwitchTransformersConfig and T5Config of transformers 5.23.0. */
#ifndef SG_MODEL_CONFIG_H
#define SG_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "base/problem.h"
#include "math/activation.h"

#define SG_CONFIG_MAX_DIMENSION (1 << 20)
#define SG_CONFIG_MAX_VOCABULARY (1 << 24)
#define SG_CONFIG_MAX_EXPERTS 65536
#define SG_CONFIG_MAX_FILE_BYTES (1 << 20)

typedef enum sg_stack { SG_STACK_ENCODER = 0, SG_STACK_DECODER } sg_stack;

typedef enum sg_model_type {
    SG_MODEL_TYPE_SWITCH = 0, /* switch_transformers */
    SG_MODEL_TYPE_T5          /* t5: T5 v1.0, v1.1, Flan-T5; no sparse layer */
} sg_model_type;

/* The numbers of one of the two stacks. */
typedef struct sg_stack_config {
    size_t num_layers;
    int64_t sparse_step; /* block i is sparse iff step > 0 and (step = 1 or i mod step = 1) */
} sg_stack_config;

typedef struct sg_model_config {
    sg_model_type type;
    size_t vocab_size;         /* V */
    size_t d_model;            /* D */
    size_t d_kv;               /* K */
    size_t d_ff;               /* F */
    size_t num_heads;          /* H */
    sg_stack_config stacks[2]; /* by sg_stack */
    size_t num_experts;        /* E; 0 for T5 */
    int64_t expert_capacity;   /* C; 0 or less drops every token */
    bool router_bias;
    sg_activation activation;
    bool is_gated; /* wi_0 and wi_1 */
    size_t relative_attention_num_buckets;
    size_t relative_attention_max_distance;
    float layer_norm_epsilon;
    bool tie_word_embeddings;
    bool scale_output; /* logits are scaled by D^-0.5 */
    int64_t pad_token_id;
} sg_model_config;

/* Read DIRECTORY/config.json. Errors: SG_STATUS_NOT_FOUND; SG_STATUS_MODEL (malformed, out of
 * range, naming key, value and range); SG_STATUS_UNSUPPORTED (another kind of model);
 * SG_STATUS_MEMORY. */
sg_status sg_model_config_read(const char *directory, sg_model_config *config,
                               sg_error *error) SG_MUST_CHECK;

/* The same for a report: with a sink, flaws of single values are told and those values keep their
 * defaults; what makes the rest meaningless (no file, no JSON, another kind of model) is returned.
 */
sg_status sg_model_config_examine(const char *directory, const sg_problem_sink *sink,
                                  sg_model_config *config, sg_error *error) SG_MUST_CHECK;

/* True if block `block` of `stack` has experts instead of one feed-forward. */
bool sg_model_config_is_sparse(const sg_model_config *config, sg_stack stack, size_t block);

/* "encoder" or "decoder". Static storage. */
const char *sg_stack_name(sg_stack stack);

/* H * K, the width of queries, keys and values; need not equal d_model. */
size_t sg_model_config_attention_width(const sg_model_config *config);

#endif
