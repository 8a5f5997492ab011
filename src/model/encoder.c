/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-norm blocks: x += SelfAttn(norm x); x += FF(norm x); one norm at the end. Keys and values of
 * a block are kept for all rows, queries only for a chunk of them, so scratch grows with N * (D + 2
 * H K) and no more. */
#include "model/encoder.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "layers/attention.h"
#include "layers/relative_bias.h"
#include "math/norm.h"
#include "model/token_embedding.h"

/* One run: what every block needs. */
typedef struct run {
    const sg_model *model;
    sg_matmul *matmul;
    const sg_sequences *sequences;
    sg_arena *arena;
    const sg_probe *probe;
    size_t rows;    /* N */
    size_t longest; /* S of the longest sequence */
    float *states;  /* [N, D] */
    float *bias;    /* [H, 2 * longest - 1] */
    size_t *dropped;
} run;

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t longest_sequence(const sg_sequences *sequences) {
    size_t longest = 0;
    for (size_t i = 0; i < sequences->count; i++) {
        size_t length = sequences->offsets[i + 1] - sequences->offsets[i];
        longest = length > longest ? length : longest;
    }
    return longest;
}

static sg_attention_shape attention_shape(const sg_model_config *config) {
    return (sg_attention_shape){.num_heads = config->num_heads, .d_kv = config->d_kv};
}

/* Arena bytes of the attention sublayer. */
static size_t attention_scratch(const sg_model_config *config, size_t rows, size_t longest,
                                unsigned threads) {
    size_t width = sg_model_config_attention_width(config);
    size_t chunk = smaller(rows, SG_MODEL_ROW_CHUNK);
    sg_attention_shape shape = attention_shape(config);
    size_t caches = 2 * sg_arena_bytes(rows, width * sizeof(float));
    size_t chunks = sg_arena_bytes(chunk, config->d_model * sizeof(float)) +
                    sg_arena_bytes(chunk, width * sizeof(float));
    size_t scores = sg_arena_bytes(threads, sg_attention_scratch(&shape, longest) * sizeof(float));
    return caches + chunks + scores;
}

size_t sg_encoder_scratch(const sg_model *model, const sg_sequences *sequences, unsigned threads) {
    const sg_model_config *config = &model->config;
    size_t rows = sequences->offsets[sequences->count];
    size_t longest = longest_sequence(sequences);
    size_t attention = attention_scratch(config, rows, longest, threads);
    size_t ffn = sg_switch_ffn_scratch(config, rows);
    size_t larger = attention > ffn ? attention : ffn;
    return larger + sg_arena_bytes(config->num_heads * 2 * longest, sizeof(float)) +
           sg_arena_bytes(sequences->count, sizeof(size_t));
}

/* Attend for the rows first .. first + count - 1, whose queries are given, each within its own
 * sequence. */
static void attend_chunk(const run *at, size_t first, size_t count, float *queries,
                         const float *keys, const float *values, float *scores,
                         size_t scores_stride) {
    sg_attention_shape shape = attention_shape(&at->model->config);
    size_t width = shape.num_heads * shape.d_kv;
    const size_t *offsets = at->sequences->offsets;
    for (size_t i = 0; i < at->sequences->count; i++) {
        size_t begin = offsets[i] > first ? offsets[i] : first;
        size_t end = smaller(offsets[i + 1], first + count);
        if (begin < end) {
            sg_attention_block(&shape, queries + (begin - first) * width, end - begin,
                               begin - offsets[i], keys + offsets[i] * width,
                               values + offsets[i] * width, offsets[i + 1] - offsets[i], at->bias,
                               2 * at->longest - 1, at->longest - 1, scores, scores_stride,
                               sg_matmul_pool(at->matmul));
        }
    }
}

static void add_self_attention(const run *at, size_t block) {
    const sg_model_config *config = &at->model->config;
    const sg_attention_weights *weights =
        &at->model->weights.stacks[SG_STACK_ENCODER].blocks[block].self;
    sg_attention_shape shape = attention_shape(config);
    const sg_matmul_stage stage = SG_MATMUL_STAGE_ENCODER;
    size_t mark = sg_arena_mark(at->arena);
    size_t d_model = config->d_model;
    size_t width = sg_model_config_attention_width(config);
    size_t chunk = smaller(at->rows, SG_MODEL_ROW_CHUNK);
    size_t stride = sg_attention_scratch(&shape, at->longest);
    unsigned threads = sg_thread_pool_count(sg_matmul_pool(at->matmul));
    float *keys = sg_arena_alloc(at->arena, at->rows * width, sizeof(float));
    float *values = sg_arena_alloc(at->arena, at->rows * width, sizeof(float));
    float *normed = sg_arena_alloc(at->arena, chunk * d_model, sizeof(float));
    float *queries = sg_arena_alloc(at->arena, chunk * width, sizeof(float));
    float *scores = sg_arena_alloc(at->arena, threads * stride, sizeof(float));
    assert(keys != NULL && values != NULL && normed != NULL && queries != NULL && scores != NULL);
    for (size_t first = 0; first < at->rows; first += chunk) {
        size_t count = smaller(chunk, at->rows - first);
        sg_norm_rms(at->states + first * d_model, count, &weights->norm, config->layer_norm_epsilon,
                    normed);
        sg_matmul_multiply(at->matmul, stage, normed, count, &weights->k, keys + first * width);
        sg_matmul_multiply(at->matmul, stage, normed, count, &weights->v, values + first * width);
    }
    for (size_t first = 0; first < at->rows; first += chunk) {
        size_t count = smaller(chunk, at->rows - first);
        float *rows = at->states + first * d_model;
        sg_norm_rms(rows, count, &weights->norm, config->layer_norm_epsilon, normed);
        sg_matmul_multiply(at->matmul, stage, normed, count, &weights->q, queries);
        attend_chunk(at, first, count, queries, keys, values, scores, stride);
        sg_matmul_multiply(at->matmul, stage, queries, count, &weights->o, normed);
        sg_probe_see(at->probe, SG_STACK_ENCODER, block, SG_PROBE_POINT_SELF_ATTENTION, first,
                     normed, count, d_model);
        sg_residual_add(rows, normed, count * d_model);
    }
    sg_arena_rewind(at->arena, mark);
}

static bool all_finite(const float *values, size_t count) {
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        finite = finite && isfinite(values[i]);
    }
    return finite;
}

/* Note the first block after which a sequence's states were not finite. */
static void check_finite(const run *at, size_t block, sg_encoder_outcome *outcomes) {
    size_t d_model = at->model->config.d_model;
    for (size_t i = 0; i < at->sequences->count; i++) {
        size_t begin = at->sequences->offsets[i];
        size_t count = at->sequences->offsets[i + 1] - begin;
        if (outcomes[i].non_finite_block == SIZE_MAX &&
            !all_finite(at->states + begin * d_model, count * d_model)) {
            outcomes[i].non_finite_block = block;
        }
    }
}

static void run_blocks(const run *at, sg_encoder_outcome *outcomes) {
    size_t d_model = at->model->config.d_model;
    for (size_t block = 0; block < at->model->weights.stacks[SG_STACK_ENCODER].num_blocks;
         block++) {
        add_self_attention(at, block);
        sg_switch_ffn_add(at->model, at->matmul, SG_MATMUL_STAGE_ENCODER, SG_STACK_ENCODER, block,
                          at->sequences, at->states, at->dropped, at->arena, at->probe);
        sg_probe_see(at->probe, SG_STACK_ENCODER, block, SG_PROBE_POINT_BLOCK, 0, at->states,
                     at->rows, d_model);
        check_finite(at, block, outcomes);
    }
}

void sg_encoder_run(const sg_model *model, sg_matmul *matmul, const int32_t *ids,
                    const sg_sequences *sequences, float *states, sg_encoder_outcome *outcomes,
                    sg_arena *arena, const sg_probe *probe) {
    const sg_model_config *config = &model->config;
    const sg_stack_weights *stack = &model->weights.stacks[SG_STACK_ENCODER];
    size_t mark = sg_arena_mark(arena);
    run at = {.model = model,
              .matmul = matmul,
              .sequences = sequences,
              .arena = arena,
              .probe = probe,
              .rows = sequences->offsets[sequences->count],
              .longest = longest_sequence(sequences),
              .states = states};
    at.bias = sg_arena_alloc(arena, config->num_heads * 2 * at.longest, sizeof(float));
    at.dropped = sg_arena_alloc(arena, sequences->count, sizeof(size_t));
    assert(at.bias != NULL && at.dropped != NULL);
    for (size_t i = 0; i < sequences->count; i++) {
        outcomes[i] = (sg_encoder_outcome){.non_finite_block = SIZE_MAX};
        at.dropped[i] = 0;
    }
    sg_relative_bias_fill(&stack->relative_bias, true, config->relative_attention_max_distance,
                          at.longest, at.bias);
    sg_token_embedding_lookup(&stack->embedding, ids, at.rows, states);
    sg_probe_see(probe, SG_STACK_ENCODER, 0, SG_PROBE_POINT_EMBEDDING, 0, states, at.rows,
                 config->d_model);
    run_blocks(&at, outcomes);
    sg_norm_rms(states, at.rows, &stack->final_norm, config->layer_norm_epsilon, states);
    sg_probe_see(probe, SG_STACK_ENCODER, 0, SG_PROBE_POINT_OUTPUT, 0, states, at.rows,
                 config->d_model);
    for (size_t i = 0; i < sequences->count; i++) {
        outcomes[i].dropped = at.dropped[i];
    }
    sg_arena_rewind(arena, mark);
}
