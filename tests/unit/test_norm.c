/* SPDX-License-Identifier: Apache-2.0 */
/* RMS norm against its formula in double, with weights of each type at odd addresses. */
#include "math/norm.h"

#include <math.h>

#include "support/random.h"
#include "support/test.h"

/* The formula, for widths around the lanes, in place and out of place. */
static void equals_formula(void) {
    static const size_t widths[] = {1, 3, 15, 16, 17, 64, 768};
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        size_t d_model = widths[i];
        for (int type = 0; type < 3; type++) {
            static float x[3 * 768];
            static float y[3 * 768];
            static unsigned char data[768 * 4 + 1];
            float weight[768];
            random_fill(&state, x, 3 * d_model);
            for (size_t d = 0; d < d_model; d++) {
                uint16_t bits = (uint16_t)(0x3c00u + random_below(&state, 0x400));
                float value = random_float(&state);
                memcpy(data + 1 + d * (type == 0 ? 4 : 2),
                       type == 0 ? (void *)&value : (void *)&bits, type == 0 ? 4 : 2);
            }
            sg_matrix w = {data + 1, (sg_weight_type)type, 1, d_model};
            sg_matrix_read_row(&w, 0, weight);
            sg_norm_rms(x, 3, &w, 1e-6f, y);
            for (size_t r = 0; r < 3; r++) {
                double squares = 0.0;
                for (size_t d = 0; d < d_model; d++) {
                    squares += (double)x[r * d_model + d] * (double)x[r * d_model + d];
                }
                double scale = 1.0 / sqrt(squares / (double)d_model + 1e-6);
                for (size_t d = 0; d < d_model; d++) {
                    double expected = (double)weight[d] * (double)x[r * d_model + d] * scale;
                    CHECK_NEAR(y[r * d_model + d], expected, 5e-7 * fabs(expected) + 1e-12);
                }
            }
            float alone[768];
            sg_norm_rms(x + d_model, 1, &w, 1e-6f, alone);
            CHECK(memcmp(alone, y + d_model, d_model * sizeof *alone) == 0);
            sg_norm_rms(x, 3, &w, 1e-6f, x);
            CHECK(memcmp(x, y, 3 * d_model * sizeof *x) == 0);
        }
    }
}

/* Epsilon keeps a row of zeros from becoming NaN. */
static void takes_zeros(void) {
    float x[20] = {0};
    float ones[20];
    for (int i = 0; i < 20; i++) {
        ones[i] = 1.0f;
    }
    sg_matrix w = {ones, SG_WEIGHT_TYPE_F32, 1, 20};
    sg_norm_rms(x, 1, &w, 1e-6f, x);
    CHECK(x[0] == 0.0f && x[19] == 0.0f);
}

int main(void) {
    TEST(equals_formula);
    TEST(takes_zeros);
    return test_end();
}
