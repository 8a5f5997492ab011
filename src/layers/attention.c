/* SPDX-License-Identifier: Apache-2.0 */
/* In: queries, keys, values and biases. Out: the weighted values. Three steps a query and head:
 * scores, softmax, weighted sum of values; the scores of a few queries are all the scratch there
 * is.
 *
 * A score is a sum over the head's features and an output a sum over the keys, both in order, one
 * term after the other for a block; lanes lie across keys or across features. So how queries are
 * tiled cannot be seen in the results. For single rows the features of a score are summed in lanes,
 * by the tree below. Products and sums are separate roundings, hence the same bits at any vector
 * width: on x86-64 each loop exists a second time for AVX2. */
#include "layers/attention.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "math/softmax.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#if defined(__x86_64__)
#define HAVE_AVX2_CLONES 1
#define AVX2_CLONE __attribute__((target("avx2")))
#else
#define HAVE_AVX2_CLONES 0
#endif

/* Eight floats at any alignment; one register with AVX2, two without. */
typedef float lanes8 __attribute__((vector_size(32), aligned(4), may_alias));
#define LANES 8

/* Queries whose scores are held at once, and how many of them a loop takes together. */
#define QUERY_TILE 16
#define QUERY_STEP 4
/* Keys that are turned, feature by feature, into lanes at once. */
#define KEY_TILE 16
/* Features of a head that are turned at once: bounds the buffer on the stack to 8 KiB. */
#define FEATURE_TILE 128

/* One tile of a block's queries. */
typedef struct block_tile {
    const float *queries; /* row 0's head; rows `stride` apart */
    float *outputs;
    size_t count;
    const float *keys; /* key 0's head */
    const float *values;
    size_t key_count;
    size_t stride;
    size_t d_kv;
    const float *bias; /* of query 0 and key 0; query i and key t have bias[t - i] */
    float *scores;     /* [QUERY_TILE, score_stride] */
    size_t score_stride;
} block_tile;

static size_t round_up(size_t count, size_t multiple) {
    return (count + multiple - 1) / multiple * multiple;
}

size_t sg_attention_scratch(const sg_attention_shape *shape, size_t max_count) {
    (void)shape;
    return QUERY_TILE * round_up(max_count, KEY_TILE);
}

/* ---- Blocks of queries (encoder) ---- */

/* turned[feature][key] for up to KEY_TILE keys; keys that are missing are 0. */
ALWAYS_INLINE void turn_keys(const block_tile *tile, size_t first_key, size_t first_feature,
                             size_t features, float turned[FEATURE_TILE][KEY_TILE]) {
    size_t keys = tile->key_count - first_key < KEY_TILE ? tile->key_count - first_key : KEY_TILE;
    for (size_t key = 0; key < keys; key++) {
        const float *row = tile->keys + (first_key + key) * tile->stride + first_feature;
        for (size_t feature = 0; feature < features; feature++) {
            turned[feature][key] = row[feature];
        }
    }
    for (size_t feature = 0; keys < KEY_TILE && feature < features; feature++) {
        for (size_t key = keys; key < KEY_TILE; key++) {
            turned[feature][key] = 0.0f;
        }
    }
}

/* Add `features` features to the scores of `queries` (a constant) queries with KEY_TILE keys. */
ALWAYS_INLINE void add_scores(const float *query, size_t stride,
                              float turned[FEATURE_TILE][KEY_TILE], size_t features, float *scores,
                              size_t score_stride, const size_t queries) {
    lanes8 sums[QUERY_STEP][2];
    for (size_t q = 0; q < queries; q++) {
        sums[q][0] = *(const lanes8 *)(scores + q * score_stride);
        sums[q][1] = *(const lanes8 *)(scores + q * score_stride + LANES);
    }
    for (size_t feature = 0; feature < features; feature++) {
        const lanes8 first = *(const lanes8 *)turned[feature];
        const lanes8 second = *(const lanes8 *)(turned[feature] + LANES);
        for (size_t q = 0; q < queries; q++) {
            sums[q][0] += first * query[q * stride + feature];
            sums[q][1] += second * query[q * stride + feature];
        }
    }
    for (size_t q = 0; q < queries; q++) {
        *(lanes8 *)(scores + q * score_stride) = sums[q][0];
        *(lanes8 *)(scores + q * score_stride + LANES) = sums[q][1];
    }
}

ALWAYS_INLINE void score_tile(const block_tile *tile) {
    float turned[FEATURE_TILE][KEY_TILE];
    for (size_t key = 0; key < tile->key_count; key += KEY_TILE) {
        for (size_t q = 0; q < tile->count; q++) {
            memset(tile->scores + q * tile->score_stride + key, 0, KEY_TILE * sizeof(float));
        }
        for (size_t feature = 0; feature < tile->d_kv; feature += FEATURE_TILE) {
            size_t features =
                tile->d_kv - feature < FEATURE_TILE ? tile->d_kv - feature : FEATURE_TILE;
            turn_keys(tile, key, feature, features, turned);
            size_t q = 0;
            for (; q + QUERY_STEP <= tile->count; q += QUERY_STEP) {
                add_scores(tile->queries + q * tile->stride + feature, tile->stride, turned,
                           features, tile->scores + q * tile->score_stride + key,
                           tile->score_stride, QUERY_STEP);
            }
            for (; q < tile->count; q++) {
                add_scores(tile->queries + q * tile->stride + feature, tile->stride, turned,
                           features, tile->scores + q * tile->score_stride + key,
                           tile->score_stride, 1);
            }
        }
    }
}

/* `vectors` (a constant) times LANES features of the outputs of `queries` (a constant) queries. */
ALWAYS_INLINE void weigh_values(const float *weights, size_t weight_stride, const float *values,
                                size_t stride, size_t key_count, float *outputs,
                                const size_t queries, const size_t vectors) {
    lanes8 sums[QUERY_STEP][2];
    for (size_t q = 0; q < queries; q++) {
        for (size_t v = 0; v < vectors; v++) {
            sums[q][v] = (lanes8){0};
        }
    }
    for (size_t key = 0; key < key_count; key++) {
        for (size_t v = 0; v < vectors; v++) {
            const lanes8 value = *(const lanes8 *)(values + key * stride + v * LANES);
            for (size_t q = 0; q < queries; q++) {
                sums[q][v] += value * weights[q * weight_stride + key];
            }
        }
    }
    for (size_t q = 0; q < queries; q++) {
        for (size_t v = 0; v < vectors; v++) {
            *(lanes8 *)(outputs + q * stride + v * LANES) = sums[q][v];
        }
    }
}

/* One feature of one query's output: the same sum, for the features that fill no vector. */
ALWAYS_INLINE void weigh_feature(const float *weights, const float *values, size_t stride,
                                 size_t key_count, float *output) {
    float sum = 0.0f;
    for (size_t key = 0; key < key_count; key++) {
        sum += values[key * stride] * weights[key];
    }
    *output = sum;
}

ALWAYS_INLINE void weigh_queries(const block_tile *tile, size_t q, const size_t queries) {
    const float *weights = tile->scores + q * tile->score_stride;
    float *outputs = tile->outputs + q * tile->stride;
    size_t feature = 0;
    for (; feature + 2 * LANES <= tile->d_kv; feature += 2 * LANES) {
        weigh_values(weights, tile->score_stride, tile->values + feature, tile->stride,
                     tile->key_count, outputs + feature, queries, 2);
    }
    if (feature + LANES <= tile->d_kv) {
        weigh_values(weights, tile->score_stride, tile->values + feature, tile->stride,
                     tile->key_count, outputs + feature, queries, 1);
        feature += LANES;
    }
    for (; feature < tile->d_kv; feature++) {
        for (size_t i = 0; i < queries; i++) {
            weigh_feature(weights + i * tile->score_stride, tile->values + feature, tile->stride,
                          tile->key_count, outputs + i * tile->stride + feature);
        }
    }
}

ALWAYS_INLINE void weigh_tile(const block_tile *tile) {
    size_t q = 0;
    for (; q + QUERY_STEP <= tile->count; q += QUERY_STEP) {
        weigh_queries(tile, q, QUERY_STEP);
    }
    for (; q < tile->count; q++) {
        weigh_queries(tile, q, 1);
    }
}

/* ---- Single rows (decoder) ---- */

/* The sum over features of a[i] * b[i]: lane i mod 8, lanes added i + (i+4), +2, +1, then the
 * features that fill no group of eight, in order. */
ALWAYS_INLINE float dot(const float *a, const float *b, size_t count) {
    lanes8 sums = {0};
    float lanes[LANES];
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        sums += *(const lanes8 *)(a + i) * *(const lanes8 *)(b + i);
    }
    memcpy(lanes, &sums, sizeof lanes);
    float total = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
                  ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
    for (; i < count; i++) {
        total += a[i] * b[i];
    }
    return total;
}

/* One head of one row. */
typedef struct row_head {
    const sg_attention_row *row;
    size_t offset; /* of the head's features */
    size_t d_kv;
    size_t stride; /* H*K */
    const float *bias;
    float *scores;
} row_head;

ALWAYS_INLINE size_t position_of(const sg_attention_row *row, size_t index) {
    return row->positions == NULL ? index : (size_t)row->positions[index];
}

ALWAYS_INLINE void score_row(const row_head *head) {
    const sg_attention_row *row = head->row;
    for (size_t t = 0; t < row->count; t++) {
        const float *key = row->keys + position_of(row, t) * head->stride + head->offset;
        float score = dot(row->query + head->offset, key, head->d_kv);
        head->scores[t] = head->bias == NULL ? score : score + head->bias[t];
    }
}

ALWAYS_INLINE void weigh_row(const row_head *head) {
    const sg_attention_row *row = head->row;
    float *output = row->output + head->offset;
    memset(output, 0, head->d_kv * sizeof *output);
    for (size_t t = 0; t < row->count; t++) {
        const float *value = row->values + position_of(row, t) * head->stride + head->offset;
        const float weight = head->scores[t];
        size_t i = 0;
        for (; i + LANES <= head->d_kv; i += LANES) {
            *(lanes8 *)(output + i) += *(const lanes8 *)(value + i) * weight;
        }
        for (; i < head->d_kv; i++) {
            output[i] += value[i] * weight;
        }
    }
}

/* ---- The loops, for any CPU and for AVX2 ---- */

typedef struct loops {
    void (*score_tile)(const block_tile *tile);
    void (*weigh_tile)(const block_tile *tile);
    void (*score_row)(const row_head *head);
    void (*weigh_row)(const row_head *head);
} loops;

static void score_tile_plain(const block_tile *tile) {
    score_tile(tile);
}

static void weigh_tile_plain(const block_tile *tile) {
    weigh_tile(tile);
}

static void score_row_plain(const row_head *head) {
    score_row(head);
}

static void weigh_row_plain(const row_head *head) {
    weigh_row(head);
}

#if HAVE_AVX2_CLONES
AVX2_CLONE static void score_tile_avx2(const block_tile *tile) {
    score_tile(tile);
}

AVX2_CLONE static void weigh_tile_avx2(const block_tile *tile) {
    weigh_tile(tile);
}

AVX2_CLONE static void score_row_avx2(const row_head *head) {
    score_row(head);
}

AVX2_CLONE static void weigh_row_avx2(const row_head *head) {
    weigh_row(head);
}
#endif

static const loops *choose_loops(void) {
    static const loops plain = {score_tile_plain, weigh_tile_plain, score_row_plain,
                                weigh_row_plain};
#if HAVE_AVX2_CLONES
    static const loops avx2 = {score_tile_avx2, weigh_tile_avx2, score_row_avx2, weigh_row_avx2};
    if (__builtin_cpu_supports("avx2")) {
        return &avx2;
    }
#endif
    return &plain;
}

/* ---- Work for the pool ---- */

typedef struct rows_work {
    const loops *loops;
    const sg_attention_shape *shape;
    const sg_attention_row *rows;
    float *scratch;
    size_t scratch_stride;
} rows_work;

static void attend_rows(void *context, size_t begin, size_t end, unsigned thread) {
    const rows_work *work = context;
    size_t heads = work->shape->num_heads;
    size_t d_kv = work->shape->d_kv;
    for (size_t item = begin; item < end; item++) {
        size_t h = item % heads;
        const sg_attention_row *row = &work->rows[item / heads];
        row_head head = {.row = row,
                         .offset = h * d_kv,
                         .d_kv = d_kv,
                         .stride = heads * d_kv,
                         .bias = row->bias == NULL ? NULL : row->bias + h * row->bias_stride,
                         .scores = work->scratch + thread * work->scratch_stride};
        assert(row->count >= 1 && row->count <= work->scratch_stride);
        work->loops->score_row(&head);
        sg_softmax(head.scores, row->count);
        work->loops->weigh_row(&head);
    }
}

void sg_attention_rows(const sg_attention_shape *shape, const sg_attention_row *rows,
                       size_t row_count, float *scratch, size_t scratch_stride,
                       sg_thread_pool *pool) {
    rows_work work = {.loops = choose_loops(),
                      .shape = shape,
                      .rows = rows,
                      .scratch = scratch,
                      .scratch_stride = scratch_stride};
    size_t longest = 0;
    for (size_t i = 0; i < row_count; i++) {
        longest = rows[i].count > longest ? rows[i].count : longest;
    }
    sg_thread_pool_run(pool, row_count * shape->num_heads,
                       sg_thread_pool_grain(2 * longest * shape->d_kv), attend_rows, &work);
}

typedef struct block_work {
    const loops *loops;
    const sg_attention_shape *shape;
    float *queries;
    size_t query_count;
    size_t first_query;
    const float *keys;
    const float *values;
    size_t key_count;
    const float *bias;
    size_t bias_stride;
    size_t bias_zero;
    float *scratch;
    size_t scratch_stride;
} block_work;

/* Tile number `item`: all tiles of a head follow each other, so that its keys and values stay
 * cached. */
static block_tile tile_of(const block_work *work, size_t item, unsigned thread) {
    size_t tiles = (work->query_count - 1) / QUERY_TILE + 1;
    size_t head = item / tiles;
    size_t first = item % tiles * QUERY_TILE;
    size_t left = work->query_count - first;
    size_t stride = work->shape->num_heads * work->shape->d_kv;
    size_t offset = head * work->shape->d_kv;
    block_tile tile = {.queries = work->queries + first * stride + offset,
                       .outputs = work->queries + first * stride + offset,
                       .count = left < QUERY_TILE ? left : QUERY_TILE,
                       .keys = work->keys + offset,
                       .values = work->values + offset,
                       .key_count = work->key_count,
                       .stride = stride,
                       .d_kv = work->shape->d_kv,
                       .bias = work->bias + head * work->bias_stride + work->bias_zero -
                               (work->first_query + first),
                       .scores = work->scratch + thread * work->scratch_stride,
                       .score_stride = round_up(work->key_count, KEY_TILE)};
    return tile;
}

static void attend_block(void *context, size_t begin, size_t end, unsigned thread) {
    const block_work *work = context;
    for (size_t item = begin; item < end; item++) {
        block_tile tile = tile_of(work, item, thread);
        work->loops->score_tile(&tile);
        for (size_t q = 0; q < tile.count; q++) {
            float *scores = tile.scores + q * tile.score_stride;
            const float *bias = tile.bias - q;
            for (size_t t = 0; t < tile.key_count; t++) {
                scores[t] += bias[t];
            }
            sg_softmax(scores, tile.key_count);
        }
        work->loops->weigh_tile(&tile);
    }
}

void sg_attention_block(const sg_attention_shape *shape, float *queries, size_t query_count,
                        size_t first_query, const float *keys, const float *values,
                        size_t key_count, const float *bias, size_t bias_stride, size_t bias_zero,
                        float *scratch, size_t scratch_stride, sg_thread_pool *pool) {
    assert(key_count >= 1 && first_query + query_count <= key_count && bias_zero >= key_count - 1);
    assert(scratch_stride >= sg_attention_scratch(shape, key_count));
    if (query_count == 0) {
        return;
    }
    block_work work = {.loops = choose_loops(),
                       .shape = shape,
                       .queries = queries,
                       .query_count = query_count,
                       .first_query = first_query,
                       .keys = keys,
                       .values = values,
                       .key_count = key_count,
                       .bias = bias,
                       .bias_stride = bias_stride,
                       .bias_zero = bias_zero,
                       .scratch = scratch,
                       .scratch_stride = scratch_stride};
    size_t tiles = (query_count - 1) / QUERY_TILE + 1;
    sg_thread_pool_run(pool, shape->num_heads * tiles,
                       sg_thread_pool_grain(2 * QUERY_TILE * key_count * shape->d_kv), attend_block,
                       &work);
}
