/* SPDX-License-Identifier: Apache-2.0 */
/* Feed-forwards and experts: the gathered way gives what a plain loop over tokens gives, bit for
 * bit. */
#include "layers/experts.h"

#include <math.h>
#include <stdlib.h>

#include "support/random.h"
#include "support/test.h"

static sg_matmul *matmul;

#define EXPERTS 5
#define WIDTH 24   /* D */
#define HIDDEN 40  /* F */
#define TOKENS 600 /* more than two chunks where all go to one expert */

static float weights[EXPERTS][3][HIDDEN * WIDTH];
static float x[TOKENS * WIDTH];
static int32_t expert[TOKENS];
static float gate[TOKENS];

static void fill(uint64_t *state) {
    random_fill(state, &weights[0][0][0], sizeof weights / sizeof(float));
    random_fill(state, x, TOKENS * WIDTH);
    random_fill(state, gate, TOKENS);
}

static void make_experts(sg_ffn ffns[EXPERTS], bool gated) {
    for (size_t e = 0; e < EXPERTS; e++) {
        ffns[e] = (sg_ffn){.wi = {weights[e][0], SG_WEIGHT_TYPE_F32, HIDDEN, WIDTH},
                           .wo = {weights[e][2], SG_WEIGHT_TYPE_F32, WIDTH, HIDDEN}};
        if (gated) {
            ffns[e].wi_1 = (sg_matrix){weights[e][1], SG_WEIGHT_TYPE_F32, HIDDEN, WIDTH};
        }
    }
}

static void run_experts(const sg_ffn *ffns, const int32_t *choice, sg_activation activation,
                        float *y) {
    static float gathered[SG_EXPERTS_CHUNK * WIDTH];
    static float hidden[2 * SG_EXPERTS_CHUNK * HIDDEN];
    static float output[SG_EXPERTS_CHUNK * WIDTH];
    static size_t order[TOKENS];
    size_t starts[EXPERTS + 1];
    sg_experts_scratch scratch = {gathered, hidden, output, order, starts};
    sg_experts_add(matmul, SG_MATMUL_STAGE_ENCODER, ffns, EXPERTS, activation, x, choice, gate,
                   TOKENS, &scratch, y);
}

/* One feed-forward against the formulas in double, plain and gated. */
static void ffn_equals_formula(void) {
    uint64_t state = 1;
    fill(&state);
    for (int gated = 0; gated < 2; gated++) {
        sg_ffn ffns[EXPERTS];
        static float hidden[2 * 3 * HIDDEN];
        float y[3 * WIDTH];
        make_experts(ffns, gated != 0);
        sg_ffn_forward(matmul, SG_MATMUL_STAGE_DECODER, &ffns[1], SG_ACTIVATION_RELU, x, 3, hidden,
                       y);
        for (size_t r = 0; r < 3; r++) {
            double h[HIDDEN];
            for (size_t f = 0; f < HIDDEN; f++) {
                double wi = 0.0;
                double wi_1 = 0.0;
                for (size_t d = 0; d < WIDTH; d++) {
                    wi += (double)x[r * WIDTH + d] * (double)weights[1][0][f * WIDTH + d];
                    wi_1 += (double)x[r * WIDTH + d] * (double)weights[1][1][f * WIDTH + d];
                }
                h[f] = (wi > 0.0 ? wi : 0.0) * (gated ? wi_1 : 1.0);
            }
            for (size_t d = 0; d < WIDTH; d++) {
                double sum = 0.0;
                for (size_t f = 0; f < HIDDEN; f++) {
                    sum += h[f] * (double)weights[1][2][d * HIDDEN + f];
                }
                CHECK_NEAR(y[r * WIDTH + d], sum, 2e-5);
            }
        }
    }
}

/* y must be base + gate * expert(x) for served tokens and base for dropped ones, as a loop over
 * tokens has it. */
static void check_against_loop(const sg_ffn *ffns, sg_activation activation) {
    static float y[TOKENS * WIDTH];
    for (size_t i = 0; i < TOKENS * WIDTH; i++) {
        y[i] = (float)(i % 13);
    }
    run_experts(ffns, expert, activation, y);
    for (size_t t = 0; t < TOKENS; t++) {
        float hidden[2 * HIDDEN];
        float out[WIDTH] = {0};
        if (expert[t] >= 0) {
            sg_ffn_forward(matmul, SG_MATMUL_STAGE_ENCODER, &ffns[expert[t]], activation,
                           x + t * WIDTH, 1, hidden, out);
        }
        int wrong = 0;
        for (size_t d = 0; d < WIDTH; d++) {
            float base = (float)((t * WIDTH + d) % 13);
            float expected = expert[t] >= 0 ? base + gate[t] * out[d] : base;
            wrong += memcmp(&expected, &y[t * WIDTH + d], sizeof expected) != 0;
        }
        CHECK_INT(wrong, 0);
    }
}

/* Bit for bit the plain loop: mixed, dropped, all to one expert, nobody served. */
static void equals_plain_loop(void) {
    uint64_t state = 2;
    sg_ffn ffns[EXPERTS];
    fill(&state);
    make_experts(ffns, false);
    for (size_t t = 0; t < TOKENS; t++) {
        expert[t] = (int32_t)random_below(&state, EXPERTS + 1) - 1;
    }
    check_against_loop(ffns, SG_ACTIVATION_RELU);
    make_experts(ffns, true);
    check_against_loop(ffns, SG_ACTIVATION_GELU_NEW);
    for (int32_t only = -1; only < EXPERTS; only += EXPERTS) {
        for (size_t t = 0; t < TOKENS; t++) {
            expert[t] = only;
        }
        check_against_loop(ffns, SG_ACTIVATION_SILU);
    }
}

/* Renaming the experts, and the choices with them, changes nothing. */
static void renaming_changes_nothing(void) {
    static float y[TOKENS * WIDTH];
    static float renamed_y[TOKENS * WIDTH];
    static const size_t new_name[EXPERTS] = {3, 0, 4, 1, 2};
    uint64_t state = 3;
    sg_ffn ffns[EXPERTS];
    sg_ffn renamed[EXPERTS];
    int32_t choice[TOKENS];
    fill(&state);
    make_experts(ffns, false);
    memset(y, 0, sizeof y);
    memset(renamed_y, 0, sizeof renamed_y);
    for (size_t e = 0; e < EXPERTS; e++) {
        renamed[new_name[e]] = ffns[e];
    }
    for (size_t t = 0; t < TOKENS; t++) {
        expert[t] = (int32_t)random_below(&state, EXPERTS);
        choice[t] = (int32_t)new_name[expert[t]];
    }
    run_experts(ffns, expert, SG_ACTIVATION_RELU, y);
    run_experts(renamed, choice, SG_ACTIVATION_RELU, renamed_y);
    CHECK(memcmp(y, renamed_y, sizeof y) == 0);
    CHECK(y[0] != 0.0f);
}

/* Experts that nobody chose are not read: their pages need not be in memory. */
static void leaves_others_alone(void) {
    uint64_t state = 4;
    static float y[TOKENS * WIDTH];
    sg_ffn ffns[EXPERTS];
    fill(&state);
    make_experts(ffns, false);
    for (size_t e = 0; e < EXPERTS; e++) {
        if (e != 2) {
            ffns[e].wi.data = NULL; /* touching it fails */
            ffns[e].wo.data = NULL;
        }
    }
    for (size_t t = 0; t < TOKENS; t++) {
        expert[t] = 2;
    }
    run_experts(ffns, expert, SG_ACTIVATION_RELU, y);
    CHECK(isfinite(y[0]) && y[0] != 0.0f);
}

int main(void) {
    sg_error error;
    CHECK_INT(
        sg_matmul_create(SG_MATMUL_BACKEND_NATIVE, SG_CPU_LEVEL_AUTO, NULL, NULL, &matmul, &error),
        SG_STATUS_OK);
    TEST(ffn_equals_formula);
    TEST(equals_plain_loop);
    TEST(renaming_changes_nothing);
    TEST(leaves_others_alone);
    sg_matmul_destroy(matmul);
    return test_end();
}
