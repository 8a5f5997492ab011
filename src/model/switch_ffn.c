/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in, rows changed in place. Dense blocks go through in chunks; sparse ones route every row
 * first, because capacity is counted along whole sequences, and then run each chosen expert once.
 */
#include "model/switch_ffn.h"

#include <assert.h>
#include <stdint.h>

#include "layers/experts.h"
#include "math/norm.h"

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Sum that saturates at SIZE_MAX, for adding up scratch. */
static size_t saturating_add(size_t a, size_t b) {
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

void sg_residual_add(float *y, const float *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        y[i] += x[i];
    }
}

size_t sg_switch_ffn_scratch(const sg_model_config *config, size_t rows) {
    size_t chunk = smaller(rows, SG_MODEL_ROW_CHUNK);
    size_t hidden = config->d_ff * (config->is_gated ? 2 : 1);
    size_t expert_rows = smaller(rows, SG_EXPERTS_CHUNK);
    const size_t parts[] = {
        sg_arena_bytes(rows, config->d_model * sizeof(float)),        /* normed */
        sg_arena_bytes(chunk, config->d_model * sizeof(float)),       /* output */
        sg_arena_bytes(chunk, hidden * sizeof(float)),                /* hidden */
        sg_arena_bytes(chunk, config->num_experts * sizeof(float)),   /* router logits */
        sg_arena_bytes(rows, sizeof(int32_t)),                        /* expert */
        sg_arena_bytes(rows, sizeof(float)),                          /* gate */
        sg_arena_bytes(config->num_experts + 1, sizeof(size_t)),      /* counts */
        sg_arena_bytes(expert_rows, config->d_model * sizeof(float)), /* gathered */
        sg_arena_bytes(expert_rows, hidden * sizeof(float)),          /* expert hidden */
        sg_arena_bytes(expert_rows, config->d_model * sizeof(float)), /* expert output */
        sg_arena_bytes(rows, sizeof(size_t)),                         /* order */
        sg_arena_bytes(config->num_experts + 1, sizeof(size_t)),      /* starts */
    };
    size_t total = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        total = saturating_add(total, parts[i]);
    }
    return total;
}

static void *take(sg_arena *arena, size_t count, size_t size) {
    void *block = sg_arena_alloc(arena, count, size);
    assert(block != NULL);
    return block;
}

static void add_dense(const sg_model *model, sg_matmul *matmul, sg_matmul_stage stage,
                      const sg_block_weights *block, size_t rows, float *states, sg_arena *arena) {
    const sg_model_config *config = &model->config;
    size_t d_model = config->d_model;
    size_t chunk = smaller(rows, SG_MODEL_ROW_CHUNK);
    float *normed = take(arena, chunk * d_model, sizeof(float));
    float *output = take(arena, chunk * d_model, sizeof(float));
    float *hidden = take(arena, chunk * config->d_ff * (config->is_gated ? 2 : 1), sizeof(float));
    for (size_t first = 0; first < rows; first += chunk) {
        size_t count = smaller(chunk, rows - first);
        float *at = states + first * d_model;
        sg_norm_rms(at, count, &block->ffn_norm, config->layer_norm_epsilon, normed);
        sg_ffn_forward(matmul, stage, &block->ffn, config->activation, normed, count, hidden,
                       output);
        sg_residual_add(at, output, count * d_model);
    }
}

/* The tokens' experts and gates, chunk by chunk, then the capacity, sequence by sequence. */
static void route(const sg_model *model, sg_matmul *matmul, sg_matmul_stage stage,
                  const sg_block_weights *block, const sg_sequences *sequences, const float *normed,
                  int32_t *expert, float *gate, size_t *dropped, sg_arena *arena) {
    size_t num_experts = model->config.num_experts;
    size_t rows = sequences->offsets[sequences->count];
    size_t chunk = smaller(rows, SG_MODEL_ROW_CHUNK);
    float *logits = take(arena, chunk * num_experts, sizeof(float));
    size_t *counts = take(arena, num_experts, sizeof(size_t));
    for (size_t first = 0; first < rows; first += chunk) {
        sg_router_assign(matmul, stage, &block->router, normed + first * model->config.d_model,
                         smaller(chunk, rows - first), logits, expert + first, gate + first);
    }
    for (size_t i = 0; i < sequences->count; i++) {
        size_t begin = sequences->offsets[i];
        size_t count = sg_router_drop(expert + begin, sequences->offsets[i + 1] - begin,
                                      num_experts, model->capacity, counts);
        if (dropped != NULL) {
            dropped[i] += count;
        }
    }
}

static void add_sparse(const sg_model *model, sg_matmul *matmul, sg_matmul_stage stage,
                       sg_stack stack, size_t block_index, const sg_sequences *sequences,
                       float *states, size_t *dropped, sg_arena *arena, const sg_probe *probe) {
    const sg_model_config *config = &model->config;
    const sg_block_weights *block = &model->weights.stacks[stack].blocks[block_index];
    size_t rows = sequences->offsets[sequences->count];
    size_t chunk = smaller(rows, SG_EXPERTS_CHUNK);
    float *normed = take(arena, rows * config->d_model, sizeof(float));
    int32_t *expert = take(arena, rows, sizeof(int32_t));
    float *gate = take(arena, rows, sizeof(float));
    sg_experts_scratch scratch = {
        .gathered = take(arena, chunk * config->d_model, sizeof(float)),
        .hidden = take(arena, chunk * config->d_ff * (config->is_gated ? 2 : 1), sizeof(float)),
        .output = take(arena, chunk * config->d_model, sizeof(float)),
        .order = take(arena, rows, sizeof(size_t)),
        .starts = take(arena, config->num_experts + 1, sizeof(size_t))};
    sg_norm_rms(states, rows, &block->ffn_norm, config->layer_norm_epsilon, normed);
    route(model, matmul, stage, block, sequences, normed, expert, gate, dropped, arena);
    if (probe != NULL && probe->see_routing != NULL) {
        probe->see_routing(probe->context, stack, block_index, expert, gate, rows);
    }
    sg_experts_add(matmul, stage, block->experts, config->num_experts, config->activation, normed,
                   expert, gate, rows, &scratch, states);
}

void sg_switch_ffn_add(const sg_model *model, sg_matmul *matmul, sg_matmul_stage stage,
                       sg_stack stack, size_t block, const sg_sequences *sequences, float *states,
                       size_t *dropped, sg_arena *arena, const sg_probe *probe) {
    const sg_block_weights *weights = &model->weights.stacks[stack].blocks[block];
    size_t mark = sg_arena_mark(arena);
    if (weights->is_sparse) {
        add_sparse(model, matmul, stage, stack, block, sequences, states, dropped, arena, probe);
    } else {
        add_dense(model, matmul, stage, weights, sequences->offsets[sequences->count], states,
                  arena);
    }
    sg_arena_rewind(arena, mark);
}
