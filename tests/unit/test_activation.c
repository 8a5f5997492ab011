/* SPDX-License-Identifier: Apache-2.0 */
/* The activations against their formulas in double. */
#include "math/activation.h"

#include <math.h>

#include "support/test.h"

static double expected_of(sg_activation activation, double x) {
    switch (activation) {
    case SG_ACTIVATION_RELU:
        return x > 0.0 ? x : 0.0;
    case SG_ACTIVATION_GELU:
        return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
    case SG_ACTIVATION_GELU_NEW:
        return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case SG_ACTIVATION_SILU:
        break;
    }
    return x / (1.0 + exp(-x));
}

static const sg_activation all[] = {SG_ACTIVATION_RELU, SG_ACTIVATION_GELU, SG_ACTIVATION_GELU_NEW,
                                    SG_ACTIVATION_SILU};

/* Each formula over a range that reaches both tails. */
static void equals_formula(void) {
    for (size_t a = 0; a < 4; a++) {
        for (int i = -2000; i <= 2000; i++) {
            float x = (float)i / 100.0f;
            double expected = expected_of(all[a], (double)x);
            sg_activation_apply(all[a], &x, 1);
            CHECK_NEAR(x, expected, 4e-7 * fmax(1.0, fabs(expected)));
        }
    }
}

/* The result of an element does not depend on its neighbours or the length. */
static void is_elementwise(void) {
    for (size_t a = 0; a < 4; a++) {
        float together[71];
        for (int i = 0; i < 71; i++) {
            together[i] = (float)(i - 35) / 7.0f;
        }
        sg_activation_apply(all[a], together, 71);
        for (int i = 0; i < 71; i++) {
            float alone = (float)(i - 35) / 7.0f;
            sg_activation_apply(all[a], &alone, 1);
            CHECK(memcmp(&alone, &together[i], sizeof alone) == 0);
        }
    }
}

/* The gated form multiplies, across its chunks. */
static void gates(void) {
    for (size_t a = 0; a < 4; a++) {
        float x[200];
        float gate[200];
        float plain[200];
        for (int i = 0; i < 200; i++) {
            plain[i] = x[i] = (float)(i - 100) / 20.0f;
            gate[i] = (float)i - 60.0f;
        }
        sg_activation_apply(all[a], plain, 200);
        sg_activation_apply_gated(all[a], x, gate, 200);
        for (int i = 0; i < 200; i++) {
            CHECK(x[i] == plain[i] * gate[i]);
        }
    }
}

/* NaN stays NaN and huge numbers do not turn into it. */
static void keeps_nan(void) {
    for (size_t a = 0; a < 4; a++) {
        float x[3] = {NAN, 1e30f, -1e30f};
        sg_activation_apply(all[a], x, 3);
        CHECK(isnan(x[0]));
        CHECK(x[1] == 1e30f);
        CHECK(x[2] == 0.0f);
    }
}

int main(void) {
    TEST(equals_formula);
    TEST(is_elementwise);
    TEST(gates);
    TEST(keeps_nan);
    return test_end();
}
