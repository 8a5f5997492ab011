/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-norm blocks: x += SelfAttn(norm x); x += CrossAttn(norm x, encoder); x += FF(norm x); one
 * norm at the end. The causal bias of block 0's table is laid out backwards, so that the bias of a
 * row's whole past is one stretch of it whatever the row's position. */
#include "model/decoder.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "layers/attention.h"
#include "layers/relative_bias.h"
#include "math/norm.h"
#include "model/token_embedding.h"

struct sg_decoder {
    const sg_model *model;
    sg_matmul *matmul;
    size_t max_rows;
    size_t max_length;
    sg_arena arena;
    float *bias;             /* [H, max_length], the farthest distance first */
    float *normed;           /* [chunk, D], chunk = max(max_rows, SG_MODEL_ROW_CHUNK) */
    float *queries;          /* [chunk, H*K] */
    float *keys;             /* [chunk, H*K] */
    float *values;           /* [chunk, H*K] */
    float *scores;           /* [threads, scores_stride] */
    size_t scores_stride;    /* floats a thread */
    sg_attention_row *views; /* [max_rows] */
    size_t *offsets;         /* [max_rows + 1] 0, 1, 2, ...: each row is a sequence of one token */
};

static sg_attention_shape attention_shape(const sg_model_config *config) {
    return (sg_attention_shape){.num_heads = config->num_heads, .d_kv = config->d_kv};
}

static size_t arena_capacity(const sg_decoder *decoder, size_t chunk, unsigned threads) {
    const sg_model_config *config = &decoder->model->config;
    size_t width = sg_model_config_attention_width(config);
    const size_t parts[] = {
        sg_arena_bytes(config->num_heads * decoder->max_length, sizeof(float)),
        sg_arena_bytes(chunk, config->d_model * sizeof(float)),
        sg_arena_bytes(chunk, width * sizeof(float)),
        sg_arena_bytes(chunk, width * sizeof(float)),
        sg_arena_bytes(chunk, width * sizeof(float)),
        sg_arena_bytes(threads, decoder->scores_stride * sizeof(float)),
        sg_arena_bytes(decoder->max_rows, sizeof(sg_attention_row)),
        sg_arena_bytes(decoder->max_rows + 1, sizeof(size_t)),
        sg_switch_ffn_scratch(config, decoder->max_rows),
    };
    size_t total = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        total = parts[i] > SIZE_MAX - total ? SIZE_MAX : total + parts[i];
    }
    return total;
}

/* Turn each head's row of distances 0, 1, 2, ... around. */
static void reverse_rows(float *rows, size_t row_count, size_t length) {
    for (size_t row = 0; row < row_count; row++) {
        float *at = rows + row * length;
        for (size_t i = 0; i < length / 2; i++) {
            float swap = at[i];
            at[i] = at[length - 1 - i];
            at[length - 1 - i] = swap;
        }
    }
}

static void fill_bias(sg_decoder *decoder) {
    const sg_model_config *config = &decoder->model->config;
    sg_relative_bias_fill(&decoder->model->weights.stacks[SG_STACK_DECODER].relative_bias, false,
                          config->relative_attention_max_distance, decoder->max_length,
                          decoder->bias);
    reverse_rows(decoder->bias, config->num_heads, decoder->max_length);
}

static void take_scratch(sg_decoder *decoder, size_t chunk, unsigned threads) {
    const sg_model_config *config = &decoder->model->config;
    size_t width = sg_model_config_attention_width(config);
    sg_arena *arena = &decoder->arena;
    decoder->bias = sg_arena_alloc(arena, config->num_heads * decoder->max_length, sizeof(float));
    decoder->normed = sg_arena_alloc(arena, chunk * config->d_model, sizeof(float));
    decoder->queries = sg_arena_alloc(arena, chunk * width, sizeof(float));
    decoder->keys = sg_arena_alloc(arena, chunk * width, sizeof(float));
    decoder->values = sg_arena_alloc(arena, chunk * width, sizeof(float));
    decoder->scores = sg_arena_alloc(arena, threads * decoder->scores_stride, sizeof(float));
    decoder->views = sg_arena_alloc(arena, decoder->max_rows, sizeof(sg_attention_row));
    decoder->offsets = sg_arena_alloc(arena, decoder->max_rows + 1, sizeof(size_t));
    assert(decoder->bias != NULL && decoder->normed != NULL && decoder->queries != NULL &&
           decoder->keys != NULL && decoder->values != NULL && decoder->scores != NULL &&
           decoder->views != NULL && decoder->offsets != NULL);
    for (size_t i = 0; i <= decoder->max_rows; i++) {
        decoder->offsets[i] = i;
    }
}

sg_status sg_decoder_create(const sg_model *model, sg_matmul *matmul, size_t max_rows,
                            size_t max_length, size_t max_source, sg_decoder **decoder,
                            sg_error *error) {
    sg_attention_shape shape = attention_shape(&model->config);
    size_t longest = max_length > max_source ? max_length : max_source;
    size_t chunk = max_rows > SG_MODEL_ROW_CHUNK ? max_rows : SG_MODEL_ROW_CHUNK;
    unsigned threads = sg_thread_pool_count(sg_matmul_pool(matmul));
    sg_status status;
    sg_decoder *made = sg_memory_alloc_zeroed(1, sizeof *made);
    if (made == NULL) {
        return sg_memory_error(error, "the decoder", sizeof *made);
    }
    made->model = model;
    made->matmul = matmul;
    made->max_rows = max_rows;
    made->max_length = max_length;
    made->scores_stride = sg_attention_scratch(&shape, longest);
    status = sg_arena_init(&made->arena, arena_capacity(made, chunk, threads), error);
    if (status != SG_STATUS_OK) {
        sg_decoder_destroy(made);
        return status;
    }
    take_scratch(made, chunk, threads);
    fill_bias(made);
    *decoder = made;
    return SG_STATUS_OK;
}

void sg_decoder_destroy(sg_decoder *decoder) {
    if (decoder != NULL) {
        sg_arena_clear(&decoder->arena);
        sg_memory_free(decoder);
    }
}

/* Copy the part of projected[count, H*K], rows first .. first + count - 1 of all, that belongs to
 * each sequence to where its cache keeps `layer`. */
static void scatter(const sg_sequences *sequences, size_t first, size_t count,
                    const float *projected, size_t width, size_t layer, sg_kv_cache *const *caches,
                    float *(*place)(const sg_kv_cache *, size_t)) {
    for (size_t i = 0; i < sequences->count; i++) {
        size_t begin = sequences->offsets[i];
        size_t end = sequences->offsets[i + 1];
        size_t from = begin > first ? begin : first;
        size_t to = end < first + count ? end : first + count;
        if (from < to) {
            memcpy(place(caches[i], layer) + (from - begin) * width,
                   projected + (from - first) * width, (to - from) * width * sizeof *projected);
        }
    }
}

void sg_decoder_read_source(sg_decoder *decoder, const sg_sequences *sequences, const float *states,
                            sg_kv_cache *const *caches) {
    const sg_model_config *config = &decoder->model->config;
    const sg_stack_weights *stack = &decoder->model->weights.stacks[SG_STACK_DECODER];
    size_t width = sg_model_config_attention_width(config);
    size_t rows = sequences->offsets[sequences->count];
    for (size_t layer = 0; layer < stack->num_blocks; layer++) {
        const sg_attention_weights *cross = &stack->blocks[layer].cross;
        for (size_t first = 0; first < rows; first += SG_MODEL_ROW_CHUNK) {
            size_t count = rows - first < SG_MODEL_ROW_CHUNK ? rows - first : SG_MODEL_ROW_CHUNK;
            const float *chunk = states + first * config->d_model;
            sg_matmul_multiply(decoder->matmul, SG_MATMUL_STAGE_ENCODER, chunk, count, &cross->k,
                               decoder->keys);
            scatter(sequences, first, count, decoder->keys, width, layer, caches,
                    sg_kv_cache_cross_keys);
            sg_matmul_multiply(decoder->matmul, SG_MATMUL_STAGE_ENCODER, chunk, count, &cross->v,
                               decoder->values);
            scatter(sequences, first, count, decoder->values, width, layer, caches,
                    sg_kv_cache_cross_values);
        }
    }
}

/* hidden += o(attention over decoder->views), whose outputs stand in decoder->queries. */
static void attend_and_add(sg_decoder *decoder, const sg_attention_weights *weights,
                           size_t row_count, float *hidden, size_t layer, sg_probe_point point,
                           const sg_probe *probe) {
    sg_attention_shape shape = attention_shape(&decoder->model->config);
    size_t d_model = decoder->model->config.d_model;
    sg_attention_rows(&shape, decoder->views, row_count, decoder->scores, decoder->scores_stride,
                      sg_matmul_pool(decoder->matmul));
    sg_matmul_multiply(decoder->matmul, SG_MATMUL_STAGE_DECODER, decoder->queries, row_count,
                       &weights->o, decoder->normed);
    sg_probe_see(probe, SG_STACK_DECODER, layer, point, 0, decoder->normed, row_count, d_model);
    sg_residual_add(hidden, decoder->normed, row_count * d_model);
}

static void add_self_attention(sg_decoder *decoder, size_t layer, const sg_decoder_row *rows,
                               size_t row_count, float *hidden, const sg_probe *probe) {
    const sg_model_config *config = &decoder->model->config;
    const sg_attention_weights *weights =
        &decoder->model->weights.stacks[SG_STACK_DECODER].blocks[layer].self;
    const sg_matmul_stage stage = SG_MATMUL_STAGE_DECODER;
    size_t width = sg_model_config_attention_width(config);
    sg_norm_rms(hidden, row_count, &weights->norm, config->layer_norm_epsilon, decoder->normed);
    sg_matmul_multiply(decoder->matmul, stage, decoder->normed, row_count, &weights->q,
                       decoder->queries);
    sg_matmul_multiply(decoder->matmul, stage, decoder->normed, row_count, &weights->k,
                       decoder->keys);
    sg_matmul_multiply(decoder->matmul, stage, decoder->normed, row_count, &weights->v,
                       decoder->values);
    for (size_t i = 0; i < row_count; i++) {
        sg_kv_cache *cache = rows[i].cache;
        sg_kv_cache_put(cache, layer, rows[i].slot, decoder->keys + i * width,
                        decoder->values + i * width);
        decoder->views[i] =
            (sg_attention_row){.query = decoder->queries + i * width,
                               .keys = sg_kv_cache_self_keys(cache, layer),
                               .values = sg_kv_cache_self_values(cache, layer),
                               .positions = sg_kv_cache_lineage(cache, rows[i].slot),
                               .count = cache->length + 1,
                               .bias = decoder->bias + (decoder->max_length - 1 - cache->length),
                               .bias_stride = decoder->max_length,
                               .output = decoder->queries + i * width};
    }
    attend_and_add(decoder, weights, row_count, hidden, layer, SG_PROBE_POINT_SELF_ATTENTION,
                   probe);
}

static void add_cross_attention(sg_decoder *decoder, size_t layer, const sg_decoder_row *rows,
                                size_t row_count, float *hidden, const sg_probe *probe) {
    const sg_model_config *config = &decoder->model->config;
    const sg_attention_weights *weights =
        &decoder->model->weights.stacks[SG_STACK_DECODER].blocks[layer].cross;
    size_t width = sg_model_config_attention_width(config);
    sg_norm_rms(hidden, row_count, &weights->norm, config->layer_norm_epsilon, decoder->normed);
    sg_matmul_multiply(decoder->matmul, SG_MATMUL_STAGE_DECODER, decoder->normed, row_count,
                       &weights->q, decoder->queries);
    for (size_t i = 0; i < row_count; i++) {
        const sg_kv_cache *cache = rows[i].cache;
        decoder->views[i] = (sg_attention_row){.query = decoder->queries + i * width,
                                               .keys = sg_kv_cache_cross_keys(cache, layer),
                                               .values = sg_kv_cache_cross_values(cache, layer),
                                               .count = cache->source_length,
                                               .output = decoder->queries + i * width};
    }
    attend_and_add(decoder, weights, row_count, hidden, layer, SG_PROBE_POINT_CROSS_ATTENTION,
                   probe);
}

/* Every cache that has rows here goes on by one position. */
static void advance_caches(const sg_decoder_row *rows, size_t row_count) {
    for (size_t i = 0; i < row_count; i++) {
        if (i == 0 || rows[i].cache != rows[i - 1].cache) {
            sg_kv_cache_advance(rows[i].cache);
        }
    }
}

void sg_decoder_step(sg_decoder *decoder, const sg_decoder_row *rows, size_t row_count,
                     float *hidden, const sg_probe *probe) {
    const sg_model_config *config = &decoder->model->config;
    const sg_stack_weights *stack = &decoder->model->weights.stacks[SG_STACK_DECODER];
    const sg_sequences sequences = {.offsets = decoder->offsets, .count = row_count};
    assert(row_count >= 1 && row_count <= decoder->max_rows);
    for (size_t i = 0; i < row_count; i++) {
        sg_token_embedding_lookup(&stack->embedding, &rows[i].token, 1,
                                  hidden + i * config->d_model);
    }
    sg_probe_see(probe, SG_STACK_DECODER, 0, SG_PROBE_POINT_EMBEDDING, 0, hidden, row_count,
                 config->d_model);
    for (size_t layer = 0; layer < stack->num_blocks; layer++) {
        add_self_attention(decoder, layer, rows, row_count, hidden, probe);
        add_cross_attention(decoder, layer, rows, row_count, hidden, probe);
        sg_switch_ffn_add(decoder->model, decoder->matmul, SG_MATMUL_STAGE_DECODER,
                          SG_STACK_DECODER, layer, &sequences, hidden, NULL, &decoder->arena,
                          probe);
        sg_probe_see(probe, SG_STACK_DECODER, layer, SG_PROBE_POINT_BLOCK, 0, hidden, row_count,
                     config->d_model);
    }
    advance_caches(rows, row_count);
    sg_norm_rms(hidden, row_count, &stack->final_norm, config->layer_norm_epsilon, hidden);
    sg_probe_see(probe, SG_STACK_DECODER, 0, SG_PROBE_POINT_OUTPUT, 0, hidden, row_count,
                 config->d_model);
}
