/* SPDX-License-Identifier: Apache-2.0 */
/* Rounding between float types: exhaustive over the 16-bit types, by their neighbours and
 * midpoints. */
#include "cli/element_types.h"

#include <math.h>

#include "math/half.h"
#include "support/random.h"
#include "support/test.h"

/* Protects: every 16-bit number comes back; between two neighbours the nearer is taken, at the
 * midpoint the even one; beyond the largest there is infinity. */
static void rounds_to_nearest_even(bool bf16) {
    uint16_t largest = bf16 ? 0x7f7f : 0x7bff;
    size_t wrong = 0;
    for (uint32_t bits = 0; bits <= largest; bits++) {
        float low = bf16 ? sg_half_from_bf16((uint16_t)bits) : sg_half_from_f16((uint16_t)bits);
        /* Above the largest: what would be next, as a power of two goes on. */
        double high = bits < largest ? (double)(bf16 ? sg_half_from_bf16((uint16_t)(bits + 1))
                                                     : sg_half_from_f16((uint16_t)(bits + 1)))
                                     : (bf16 ? 0x1p128 : 65536.0);
        float middle = (float)(((double)low + high) / 2);
        uint16_t (*round_to)(float) = bf16 ? sg_element_types_bf16 : sg_element_types_f16;
        uint16_t even = (uint16_t)(bits + (bits & 1u));
        wrong += round_to(low) != bits;
        wrong += round_to(middle) != even;
        wrong += round_to(nextafterf(middle, 0.0f)) != bits;
        wrong += round_to(nextafterf(middle, INFINITY)) != bits + 1;
        wrong += round_to(-low) != (bits | 0x8000u);
        wrong += round_to(-middle) != (even | 0x8000u);
    }
    CHECK_INT(wrong, 0);
}

static void rounds_bf16(void) {
    rounds_to_nearest_even(true);
}

static void rounds_f16(void) {
    rounds_to_nearest_even(false);
}

/* Protects: infinities stay, NaN stays NaN with its sign. */
static void keeps_special_values(void) {
    CHECK_INT(sg_element_types_bf16(INFINITY), 0x7f80);
    CHECK_INT(sg_element_types_f16(-INFINITY), 0xfc00);
    CHECK(isnan(sg_half_from_bf16(sg_element_types_bf16(NAN))));
    CHECK(isnan(sg_half_from_f16(sg_element_types_f16(-NAN))));
    for (uint32_t bits = 0x7f800001u; bits < 0x7f810000u; bits += 13) {
        float value;
        memcpy(&value, &bits, sizeof value);
        CHECK(isnan(sg_half_from_bf16(sg_element_types_bf16(value))));
        CHECK(isnan(sg_half_from_f16(sg_element_types_f16(value))));
    }
}

/* Protects: a double is rounded once: just above the midpoint of two bfloat16 it goes up, though as
 * a float32 it would be the midpoint itself. */
static void rounds_doubles_once(void) {
    double above[2] = {1.00390625 + 0x1p-40,
                       1.00390625 - 0x1p-40}; /* 1 + 2^-8: between 0x3f80 and 0x3f81 */
    uint16_t out[2];
    float single;
    double large = 1e300;
    CHECK_INT(sg_element_types_convert(above, SG_DTYPE_F64, out, SG_DTYPE_BF16, 2), 0);
    CHECK_INT(out[0], 0x3f81);
    CHECK_INT(out[1], 0x3f80);
    CHECK_INT(sg_element_types_convert(&large, SG_DTYPE_F64, out, SG_DTYPE_F16, 1), 1);
    CHECK_INT(out[0], 0x7c00);
    CHECK_INT(sg_element_types_convert(&large, SG_DTYPE_F64, &single, SG_DTYPE_F32, 1), 1);
    CHECK(isinf(single));
}

/* Protects: all pairs of types over random values: widening is exact, and what overflows is
 * counted. */
static void converts_arrays(void) {
    uint64_t state = 5;
    float in[100], back[100];
    uint16_t half[100];
    random_fill(&state, in, 100);
    in[7] = 70000.0f;
    in[8] = -INFINITY;
    CHECK_INT(sg_element_types_convert(in, SG_DTYPE_F32, half, SG_DTYPE_F16, 100), 1);
    CHECK_INT(sg_element_types_convert(half, SG_DTYPE_F16, back, SG_DTYPE_F32, 100), 0);
    for (size_t i = 0; i < 100; i++) {
        CHECK(i == 7 || i == 8 || fabsf(back[i] - in[i]) <= 0x1p-12f);
    }
    CHECK(isinf(back[7]) && isinf(back[8]));
    in[7] = in[8] = 0;
    CHECK_INT(sg_element_types_convert(in, SG_DTYPE_F32, half, SG_DTYPE_BF16, 100), 0);
    CHECK_INT(sg_element_types_convert(half, SG_DTYPE_BF16, back, SG_DTYPE_F32, 100), 0);
    for (size_t i = 0; i < 100; i++) {
        CHECK(fabsf(back[i] - in[i]) <= 0x1p-9f);
    }
}

int main(void) {
    TEST(rounds_bf16);
    TEST(rounds_f16);
    TEST(keeps_special_values);
    TEST(rounds_doubles_once);
    TEST(converts_arrays);
    return test_end();
}
