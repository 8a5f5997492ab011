/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration in, one visit a tensor out; nothing is allocated, so a configuration that claims
 * a million layers costs nothing until a tensor is missing. */
#include "model/tensor_table.h"

#include <stdio.h>

#include "base/error.h"

#define NAME_SIZE 160

/* One walk: the slot that is being described and whom to tell. */
typedef struct walk {
    const sg_model_config *config;
    sg_tensor_visit visit;
    void *context;
    sg_tensor_slot slot;
} walk;

/* Describe STACK.block.I.`rest` and visit it. `columns` 0 means a vector. */
static sg_status visit_in_block(walk *at, sg_tensor_role role, const char *rest, size_t rows,
                                size_t columns) {
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s.block.%zu.%s", sg_stack_name(at->slot.stack),
                   at->slot.block, rest);
    at->slot.role = role;
    at->slot.name = name;
    at->slot.rank = columns == 0 ? 1 : 2;
    at->slot.shape[0] = rows;
    at->slot.shape[1] = columns == 0 ? 1 : columns;
    return at->visit(at->context, &at->slot);
}

/* q, k, v, o of the attention called `kind` in sublayer `layer`, and the norm before it. */
static sg_status walk_attention(walk *at, size_t layer, const char *kind, sg_tensor_role q) {
    static const char projections[] = {'q', 'k', 'v'};
    size_t width = sg_model_config_attention_width(at->config);
    size_t d_model = at->config->d_model;
    char rest[64];
    for (size_t i = 0; i < sizeof projections; i++) {
        (void)snprintf(rest, sizeof rest, "layer.%zu.%s.%c.weight", layer, kind, projections[i]);
        SG_TRY(visit_in_block(at, (sg_tensor_role)(q + i), rest, width, d_model));
    }
    (void)snprintf(rest, sizeof rest, "layer.%zu.%s.o.weight", layer, kind);
    SG_TRY(visit_in_block(at, (sg_tensor_role)(q + 3), rest, d_model, width));
    (void)snprintf(rest, sizeof rest, "layer.%zu.layer_norm.weight", layer);
    return visit_in_block(at, (sg_tensor_role)(q + 4), rest, d_model, 0);
}

/* The matrices of one feed-forward whose names begin with `prefix`. */
static sg_status walk_matrices(walk *at, const char *prefix) {
    size_t d_model = at->config->d_model;
    size_t d_ff = at->config->d_ff;
    char rest[96];
    (void)snprintf(rest, sizeof rest, "%s.%s.weight", prefix, at->config->is_gated ? "wi_0" : "wi");
    SG_TRY(visit_in_block(at, SG_TENSOR_ROLE_FFN_WI, rest, d_ff, d_model));
    if (at->config->is_gated) {
        (void)snprintf(rest, sizeof rest, "%s.wi_1.weight", prefix);
        SG_TRY(visit_in_block(at, SG_TENSOR_ROLE_FFN_WI_1, rest, d_ff, d_model));
    }
    (void)snprintf(rest, sizeof rest, "%s.wo.weight", prefix);
    return visit_in_block(at, SG_TENSOR_ROLE_FFN_WO, rest, d_model, d_ff);
}

static sg_status walk_experts(walk *at, size_t layer) {
    size_t num_experts = at->config->num_experts;
    char rest[64];
    (void)snprintf(rest, sizeof rest, "layer.%zu.mlp.router.classifier.weight", layer);
    SG_TRY(visit_in_block(at, SG_TENSOR_ROLE_ROUTER, rest, num_experts, at->config->d_model));
    if (at->config->router_bias) {
        (void)snprintf(rest, sizeof rest, "layer.%zu.mlp.router.classifier.bias", layer);
        SG_TRY(visit_in_block(at, SG_TENSOR_ROLE_ROUTER_BIAS, rest, num_experts, 0));
    }
    for (size_t expert = 0; expert < num_experts; expert++) {
        at->slot.expert = expert;
        (void)snprintf(rest, sizeof rest, "layer.%zu.mlp.experts.expert_%zu", layer, expert);
        SG_TRY(walk_matrices(at, rest));
    }
    at->slot.expert = 0;
    return SG_STATUS_OK;
}

static sg_status walk_feed_forward(walk *at, size_t layer) {
    char rest[64];
    (void)snprintf(rest, sizeof rest, "layer.%zu.layer_norm.weight", layer);
    SG_TRY(visit_in_block(at, SG_TENSOR_ROLE_FFN_NORM, rest, at->config->d_model, 0));
    if (sg_model_config_is_sparse(at->config, at->slot.stack, at->slot.block)) {
        return walk_experts(at, layer);
    }
    (void)snprintf(rest, sizeof rest, "layer.%zu.%s", layer,
                   at->config->type == SG_MODEL_TYPE_SWITCH ? "mlp" : "DenseReluDense");
    return walk_matrices(at, rest);
}

static sg_status walk_block(walk *at) {
    bool is_decoder = at->slot.stack == SG_STACK_DECODER;
    if (at->slot.block == 0) {
        SG_TRY(visit_in_block(at, SG_TENSOR_ROLE_RELATIVE_BIAS,
                              "layer.0.SelfAttention.relative_attention_bias.weight",
                              at->config->relative_attention_num_buckets, at->config->num_heads));
    }
    SG_TRY(walk_attention(at, 0, "SelfAttention", SG_TENSOR_ROLE_SELF_Q));
    if (is_decoder) {
        SG_TRY(walk_attention(at, 1, "EncDecAttention", SG_TENSOR_ROLE_CROSS_Q));
    }
    return walk_feed_forward(at, is_decoder ? 2 : 1);
}

static sg_status walk_final_norm(walk *at) {
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s.final_layer_norm.weight", sg_stack_name(at->slot.stack));
    at->slot.role = SG_TENSOR_ROLE_FINAL_NORM;
    at->slot.name = name;
    at->slot.rank = 1;
    at->slot.shape[0] = at->config->d_model;
    at->slot.shape[1] = 1;
    return at->visit(at->context, &at->slot);
}

sg_status sg_tensor_table_walk(const sg_model_config *config, sg_tensor_visit visit,
                               void *context) {
    walk at = {.config = config, .visit = visit, .context = context};
    for (int stack = SG_STACK_ENCODER; stack <= SG_STACK_DECODER; stack++) {
        at.slot.stack = (sg_stack)stack;
        for (size_t block = 0; block < config->stacks[stack].num_layers; block++) {
            at.slot.block = block;
            SG_TRY(walk_block(&at));
        }
        at.slot.block = 0;
        SG_TRY(walk_final_norm(&at));
    }
    return SG_STATUS_OK;
}
