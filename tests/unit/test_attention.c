/* SPDX-License-Identifier: Apache-2.0 */
/* Attention against plain loops in double; independence of block, batch, threads and scratch
 * contents. */
#include "layers/attention.h"

#include <math.h>
#include <stdlib.h>

#include "support/random.h"
#include "support/test.h"

static sg_thread_pool *pools[4]; /* [threads]; 1 is no pool */

/* Scratch that is full of NaN: what is read before it is written is seen. */
static float *make_scratch(size_t floats, unsigned threads) {
    float *scratch = malloc(floats * threads * sizeof *scratch);
    for (size_t i = 0; i < floats * threads; i++) {
        scratch[i] = NAN;
    }
    return scratch;
}

/* One query and head in double: bias[t] or none. */
static void attend_plainly(const float *query, const float *keys, const float *values,
                           size_t stride, const int32_t *positions, size_t count, size_t d_kv,
                           const float *bias, double *output) {
    double *p = malloc(count * sizeof *p);
    double max = -(double)INFINITY;
    double sum = 0.0;
    for (size_t t = 0; t < count; t++) {
        const float *key = keys + (positions == NULL ? t : (size_t)positions[t]) * stride;
        p[t] = bias == NULL ? 0.0 : (double)bias[t];
        for (size_t k = 0; k < d_kv; k++) {
            p[t] += (double)query[k] * (double)key[k];
        }
        max = fmax(max, p[t]);
    }
    for (size_t t = 0; t < count; t++) {
        p[t] = exp(p[t] - max);
        sum += p[t];
    }
    for (size_t k = 0; k < d_kv; k++) {
        output[k] = 0.0;
        for (size_t t = 0; t < count; t++) {
            size_t row = positions == NULL ? t : (size_t)positions[t];
            output[k] += p[t] / sum * (double)values[row * stride + k];
        }
    }
    free(p);
}

/* Rows with own lengths, scattered positions, with and without bias, output over the query or
 * elsewhere. */
static void rows_equal_plain_loop(void) {
    static const size_t widths[] = {1, 3, 8, 12, 16, 24, 64, 65};
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        sg_attention_shape shape = {3, widths[i]};
        size_t stride = 3 * widths[i];
        static float keys[40 * 200];
        static float values[40 * 200];
        static float queries[5 * 200];
        static float outputs[5 * 200];
        static float bias[3 * 50];
        int32_t positions[40];
        sg_attention_row rows[5];
        random_fill(&state, keys, 40 * stride);
        random_fill(&state, values, 40 * stride);
        random_fill(&state, queries, 5 * stride);
        random_fill(&state, bias, 150);
        for (int32_t p = 0; p < 40; p++) {
            positions[p] = (p * 17) % 40;
        }
        for (size_t r = 0; r < 5; r++) {
            rows[r] = (sg_attention_row){.query = queries + r * stride,
                                         .keys = keys,
                                         .values = values,
                                         .positions = r % 2 == 0 ? NULL : positions,
                                         .count = r == 0 ? 1 : 8 * r + 1,
                                         .bias = r == 2 ? NULL : bias,
                                         .bias_stride = 50,
                                         .output = outputs + r * stride};
        }
        size_t floats = sg_attention_scratch(&shape, 40);
        for (unsigned threads = 1; threads <= 3; threads++) {
            float *scratch = make_scratch(floats, threads);
            sg_attention_rows(&shape, rows, 5, scratch, floats, pools[threads]);
            free(scratch);
            for (size_t r = 0; r < 5; r++) {
                for (size_t h = 0; h < 3; h++) {
                    double expected[65];
                    size_t head = h * widths[i];
                    attend_plainly(rows[r].query + head, keys + head, values + head, stride,
                                   rows[r].positions, rows[r].count, widths[i],
                                   rows[r].bias == NULL ? NULL : bias + h * 50, expected);
                    for (size_t k = 0; k < widths[i]; k++) {
                        CHECK_NEAR(rows[r].output[head + k], expected[k], 5e-6);
                    }
                }
            }
        }
        float alone[200];
        float *scratch = make_scratch(floats, 1);
        memcpy(alone, queries + 3 * stride, stride * sizeof *alone);
        rows[3].query = rows[3].output = alone;
        sg_attention_rows(&shape, &rows[3], 1, scratch, floats, NULL);
        CHECK(memcmp(alone, outputs + 3 * stride, stride * sizeof *alone) == 0);
        free(scratch);
    }
}

/* A whole sequence as one block against plain loops, and bit for bit against itself cut into other
 * blocks on other numbers of threads: the encoder may walk a long text in pieces. */
static void check_block(size_t heads, size_t d_kv, size_t length, uint64_t *state) {
    sg_attention_shape shape = {heads, d_kv};
    size_t stride = heads * d_kv;
    size_t bias_stride = 2 * length + 3;
    float *keys = malloc(length * stride * sizeof *keys);
    float *values = malloc(length * stride * sizeof *values);
    float *queries = malloc(length * stride * sizeof *queries);
    float *whole = malloc(length * stride * sizeof *whole);
    float *pieces = malloc(length * stride * sizeof *pieces);
    float *bias = malloc(heads * bias_stride * sizeof *bias);
    size_t floats = sg_attention_scratch(&shape, length);
    float *scratch = make_scratch(floats, 3);
    size_t zero = length + 1;
    random_fill(state, keys, length * stride);
    random_fill(state, values, length * stride);
    random_fill(state, queries, length * stride);
    random_fill(state, bias, heads * bias_stride);
    memcpy(whole, queries, length * stride * sizeof *whole);
    sg_attention_block(&shape, whole, length, 0, keys, values, length, bias, bias_stride, zero,
                       scratch, floats, NULL);
    for (size_t q = 0; q < length; q += 1 + length / 40) {
        for (size_t h = 0; h < heads; h++) {
            double expected[300];
            attend_plainly(queries + q * stride + h * d_kv, keys + h * d_kv, values + h * d_kv,
                           stride, NULL, length, d_kv, bias + h * bias_stride + zero - q, expected);
            for (size_t k = 0; k < d_kv; k++) {
                CHECK_NEAR(whole[q * stride + h * d_kv + k], expected[k], 1e-5);
            }
        }
    }
    memcpy(pieces, queries, length * stride * sizeof *pieces);
    for (size_t begin = 0; begin < length;) {
        size_t count = 1 + random_below(state, 37);
        count = length - begin < count ? length - begin : count;
        sg_attention_block(&shape, pieces + begin * stride, count, begin, keys, values, length,
                           bias, bias_stride, zero, scratch, floats, pools[1 + begin % 3]);
        begin += count;
    }
    CHECK(memcmp(whole, pieces, length * stride * sizeof *whole) == 0);
    free(keys);
    free(values);
    free(queries);
    free(whole);
    free(pieces);
    free(bias);
    free(scratch);
}

static void block_equals_plain_loop(void) {
    static const size_t shapes[][3] = {{2, 64, 50},  {3, 8, 17},  {1, 1, 1},
                                       {2, 5, 16},   {1, 20, 33}, {2, 16, 4},
                                       {1, 130, 21}, {1, 300, 7}, {1, 8, 2100}};
    uint64_t state = 2;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_block(shapes[i][0], shapes[i][1], shapes[i][2], &state);
    }
}

/* NaN in one query stays in that query. */
static void nan_stays_in_its_row(void) {
    sg_attention_shape shape = {1, 8};
    float queries[20 * 8] = {0};
    float keys[20 * 8] = {0};
    float values[20 * 8];
    float bias[39] = {0};
    float scratch[16 * 32];
    for (size_t i = 0; i < 160; i++) {
        values[i] = 1.0f;
    }
    queries[3 * 8] = NAN;
    CHECK(sg_attention_scratch(&shape, 20) <= 16 * 32);
    sg_attention_block(&shape, queries, 20, 0, keys, values, 20, bias, 39, 19, scratch, 16 * 32,
                       NULL);
    CHECK(isnan(queries[3 * 8]));
    for (size_t q = 0; q < 20; q++) {
        CHECK(q == 3 || fabsf(queries[q * 8 + 5] - 1.0f) < 1e-6f);
    }
    sg_attention_block(&shape, queries, 0, 0, keys, values, 20, bias, 39, 19, scratch, 16 * 32,
                       NULL);
}

int main(void) {
    sg_error error;
    for (unsigned threads = 2; threads <= 3; threads++) {
        CHECK_INT(sg_thread_pool_create(threads, &pools[threads], &error), SG_STATUS_OK);
    }
    TEST(rows_equal_plain_loop);
    TEST(block_equals_plain_loop);
    TEST(nan_stays_in_its_row);
    for (unsigned threads = 2; threads <= 3; threads++) {
        sg_thread_pool_destroy(pools[threads]);
    }
    return test_end();
}
