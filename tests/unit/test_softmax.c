/* SPDX-License-Identifier: Apache-2.0 */
/* The exponential, softmax and the logarithm of the sum of exponentials. */
#include "math/softmax.h"

#include <float.h>
#include <math.h>

#include "math/exponential.h"
#include "support/random.h"
#include "support/test.h"

static int32_t ordered_bits(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Within 2 units in the last place over the whole range, 0 where the result would be subnormal. */
static void exponential_is_accurate(void) {
    int32_t worst = 0;
    for (int32_t i = -(87 << 12); i <= 88 << 12; i++) {
        float x = (float)i / 4096.0f;
        int32_t distance = ordered_bits(sg_exp(x)) - ordered_bits((float)exp((double)x));
        worst = distance > worst ? distance : -distance > worst ? -distance : worst;
    }
    printf("exp: worst %d units in the last place\n", worst);
    CHECK(worst <= 2);
    CHECK(sg_exp(0.0f) == 1.0f && sg_exp(-0.0f) == 1.0f);
    CHECK(sg_exp(-INFINITY) == 0.0f && sg_exp(-87.5f) == 0.0f && sg_exp(-1e30f) == 0.0f);
    CHECK(sg_exp(-87.33f) >= FLT_MIN);
    CHECK(sg_exp(-87.3365447f) == 0.0f || sg_exp(-87.3365447f) >= FLT_MIN);
    CHECK(isfinite(sg_exp(88.7228f)) && isinf(sg_exp(88.73f)) && isinf(sg_exp(INFINITY)));
    CHECK(isnan(sg_exp(NAN)));
}

/* Against double arithmetic, for lengths around the lanes and the blocks. */
static void equals_plain_loop(void) {
    static const size_t counts[] = {1, 2, 15, 16, 17, 100, 511, 512, 513, 4096};
    static float x[4096];
    static double expected[4096];
    uint64_t state = 1;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        double sum = 0.0;
        double max = -(double)INFINITY;
        for (size_t i = 0; i < counts[c]; i++) {
            x[i] = 20.0f * random_float(&state);
            max = fmax(max, (double)x[i]);
        }
        for (size_t i = 0; i < counts[c]; i++) {
            expected[i] = exp((double)x[i] - max);
            sum += expected[i];
        }
        CHECK_NEAR(sg_log_sum_exp(x, counts[c]), max + log(sum), 4e-6);
        sg_softmax(x, counts[c]);
        for (size_t i = 0; i < counts[c]; i++) {
            double p = expected[i] / sum;
            /* Rounding x - max costs half a unit of 40 in x: 2e-6. */
            CHECK_NEAR(x[i], p, 4e-6 * p + 1e-37);
            CHECK(x[i] == 0.0f || x[i] >= FLT_MIN);
        }
    }
}

/* Masked scores get exactly 0, and no subnormal comes out: one makes a product 20 times slower. */
static void flushes_and_masks(void) {
    float x[4] = {0.0f, -INFINITY, -88.0f, -87.3f};
    sg_softmax(x, 4);
    CHECK(x[0] > 0.99f && x[1] == 0.0f && x[2] == 0.0f);
    CHECK(x[3] == 0.0f || x[3] >= FLT_MIN);
    float equal[32];
    for (int i = 0; i < 32; i++) {
        equal[i] = i == 31 ? -86.0f : 0.0f; /* e^-86 is normal, e^-86 / 31 is not */
    }
    sg_softmax(equal, 32);
    CHECK(equal[31] == 0.0f && equal[0] == 1.0f / 31.0f);
    float large[2] = {3e38f, -3e38f};
    sg_softmax(large, 2);
    CHECK(large[0] == 1.0f && large[1] == 0.0f);
}

/* NaN is not hidden, and a row of -infinity has the logarithm of nothing. */
static void keeps_what_is_not_finite(void) {
    float x[40] = {0};
    x[37] = NAN;
    CHECK(isnan(sg_log_sum_exp(x, 40)));
    sg_softmax(x, 40);
    CHECK(isnan(x[0]) && isnan(x[37]));
    float nothing[3] = {-INFINITY, -INFINITY, -INFINITY};
    CHECK(isinf(sg_log_sum_exp(nothing, 3)) && sg_log_sum_exp(nothing, 3) < 0);
    sg_softmax(nothing, 3);
    CHECK(isnan(nothing[0]));
}

int main(void) {
    TEST(exponential_is_accurate);
    TEST(equals_plain_loop);
    TEST(flushes_and_masks);
    TEST(keeps_what_is_not_finite);
    return test_end();
}
