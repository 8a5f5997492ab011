/* SPDX-License-Identifier: Apache-2.0 */
/* Top-1 routing and capacity. */
#include "layers/router.h"

#include <math.h>

#include "support/random.h"
#include "support/test.h"

static sg_matmul *matmul;

#define TOKENS 40
#define EXPERTS 7
#define WIDTH 12

/* The largest probability and its expert, for each token by itself, with and without a bias of each
 * type. */
static void equals_plain_loop(void) {
    uint64_t state = 1;
    float classifier[EXPERTS * WIDTH];
    float x[TOKENS * WIDTH];
    float logits[TOKENS * EXPERTS];
    float gate[TOKENS];
    int32_t expert[TOKENS];
    uint16_t bias[EXPERTS];
    random_fill(&state, classifier, EXPERTS * WIDTH);
    random_fill(&state, x, TOKENS * WIDTH);
    for (int e = 0; e < EXPERTS; e++) {
        bias[e] =
            (uint16_t)(e % 2 == 0 ? 0x3f00 + 8 * e : 0xbf40); /* bfloat16, about 0.5 and -0.75 */
    }
    for (int with_bias = 0; with_bias < 2; with_bias++) {
        sg_router router = {.classifier = {classifier, SG_WEIGHT_TYPE_F32, EXPERTS, WIDTH}};
        if (with_bias) {
            router.bias = (sg_matrix){bias, SG_WEIGHT_TYPE_BF16, 1, EXPERTS};
        }
        sg_router_assign(matmul, SG_MATMUL_STAGE_ENCODER, &router, x, TOKENS, logits, expert, gate);
        for (size_t t = 0; t < TOKENS; t++) {
            double p[EXPERTS];
            double sum = 0.0;
            size_t best = 0;
            for (size_t e = 0; e < EXPERTS; e++) {
                p[e] = 0.0;
                for (size_t d = 0; d < WIDTH; d++) {
                    p[e] += (double)x[t * WIDTH + d] * (double)classifier[e * WIDTH + d];
                }
                if (with_bias) {
                    float value;
                    sg_matrix one = {bias + e, SG_WEIGHT_TYPE_BF16, 1, 1};
                    sg_matrix_read_row(&one, 0, &value);
                    p[e] += (double)value;
                }
                p[e] = exp(p[e]);
                sum += p[e];
                best = p[e] > p[best] ? e : best;
            }
            CHECK_INT(expert[t], best);
            CHECK_NEAR(gate[t], p[best] / sum, 1e-6);
        }
    }
}

/* Equal probabilities go to the lowest expert, and NaN chooses expert 0: defined on every input. */
static void ties_and_nan(void) {
    float classifier[4 * 2] = {0.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 0.5f, 0.0f};
    float x[3 * 2] = {1.0f, 0.0f, 0.0f, 0.0f, NAN, 0.0f};
    float logits[12];
    float gate[3];
    int32_t expert[3];
    sg_router router = {.classifier = {classifier, SG_WEIGHT_TYPE_F32, 4, 2}};
    sg_router_assign(matmul, SG_MATMUL_STAGE_DECODER, &router, x, 3, logits, expert, gate);
    CHECK_INT(expert[0], 1);
    CHECK_INT(expert[1], 0);
    CHECK(gate[1] == 0.25f);
    CHECK_INT(expert[2], 0);
    CHECK(isnan(gate[2]));
}

static void check_drop(int32_t *expert, size_t tokens, int64_t capacity, const int32_t *expected,
                       size_t dropped) {
    size_t counts[3] = {99, 99, 99};
    CHECK_INT(sg_router_drop(expert, tokens, 3, capacity, counts), dropped);
    for (size_t t = 0; t < tokens; t++) {
        CHECK_INT(expert[t], expected[t]);
    }
}

/* Tokens are served in order until their expert is full; those dropped still count. */
static void capacity_counts_in_order(void) {
    int32_t mixed[] = {0, 1, 0, 2, 0, 1, 1, 0};
    const int32_t mixed_left[] = {0, 1, 0, 2, -1, 1, -1, -1};
    check_drop(mixed, 8, 2, mixed_left, 3);
    int32_t one[] = {2, 2, 2, 1};
    const int32_t one_left[] = {2, -1, -1, 1};
    check_drop(one, 4, 1, one_left, 2);
    int32_t all[] = {1, 1, 1, 1};
    const int32_t all_left[] = {1, 1, 1, 1};
    check_drop(all, 4, 4, all_left, 0);
    check_drop(all, 4, INT64_MAX, all_left, 0);
    int32_t none[] = {0, 1, 2};
    const int32_t none_left[] = {-1, -1, -1};
    check_drop(none, 3, 0, none_left, 3);
    int32_t negative[] = {0, 1, 2};
    check_drop(negative, 3, -5, none_left, 3);
    check_drop(negative, 0, 1, none_left, 0);
}

int main(void) {
    sg_error error;
    CHECK_INT(
        sg_matmul_create(SG_MATMUL_BACKEND_NATIVE, SG_CPU_LEVEL_AUTO, NULL, NULL, &matmul, &error),
        SG_STATUS_OK);
    TEST(equals_plain_loop);
    TEST(ties_and_nan);
    TEST(capacity_counts_in_order);
    sg_matmul_destroy(matmul);
    return test_end();
}
