/* SPDX-License-Identifier: Apache-2.0 */
/* All 65,536 values of both 16-bit types, by the header and by every kernel level's bulk widening.
 */
#include "math/half.h"

#include <math.h>

#include "math/cpu.h"
#include "math/kernels.h"
#include "support/test.h"

/* sign * 2^(exponent - bias) * 1.mantissa, by the definition of the formats (IEEE 754, bfloat16).
 */
static double value_of(unsigned bits, int exponent_bits, int mantissa_bits) {
    int bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = (int)(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
    double mantissa = (double)(bits & ((1u << mantissa_bits) - 1u)) / (double)(1 << mantissa_bits);
    double sign = (bits & 0x8000u) != 0 ? -1.0 : 1.0;
    if (exponent == (1 << exponent_bits) - 1) {
        return mantissa == 0.0 ? sign * (double)INFINITY : (double)NAN;
    }
    return exponent == 0 ? sign * ldexp(mantissa, 1 - bias)
                         : sign * ldexp(1.0 + mantissa, exponent - bias);
}

static bool is_same(float found, double expected) {
    return isnan(expected) ? isnan(found)
                           : (double)found == expected && !signbit(found) == !signbit(expected);
}

/* Widening is exact for every value: weights are read in their stored type everywhere. */
static void header_is_exact(void) {
    int wrong = 0;
    for (unsigned bits = 0; bits < 65536; bits++) {
        wrong += !is_same(sg_half_from_bf16((uint16_t)bits), value_of(bits, 8, 7));
        wrong += !is_same(sg_half_from_f16((uint16_t)bits), value_of(bits, 5, 10));
    }
    CHECK_INT(wrong, 0);
}

/* The kernels' bulk widening gives the header's values at any alignment and any count. */
static void kernels_agree(void) {
    static unsigned char data[65536 * 2 + 1];
    static float out[65536 + 1];
    for (unsigned bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits;
        memcpy(data + 1 + 2 * bits, &half, 2);
    }
    for (int level = SG_CPU_LEVEL_PORTABLE; level <= SG_CPU_LEVEL_AVX512; level++) {
        sg_cpu_level chosen;
        if (sg_cpu_choose((sg_cpu_level)level, &chosen, NULL) != SG_STATUS_OK) {
            printf("no %s on this machine\n", sg_cpu_level_name((sg_cpu_level)level));
            continue;
        }
        for (int type = SG_WEIGHT_TYPE_BF16; type <= SG_WEIGHT_TYPE_F16; type++) {
            for (size_t cut = 0; cut < 20; cut++) {
                size_t count = cut == 0 ? 65536 : cut;
                int wrong = 0;
                out[count] = 77.0f;
                sg_kernels_of(chosen)->widen[type](data + 1, count, out);
                for (unsigned bits = 0; bits < count; bits++) {
                    double expected =
                        type == SG_WEIGHT_TYPE_BF16 ? value_of(bits, 8, 7) : value_of(bits, 5, 10);
                    wrong += !is_same(out[bits], expected);
                }
                CHECK_INT(wrong, 0);
                CHECK(out[count] == 77.0f);
            }
        }
    }
}

int main(void) {
    TEST(header_is_exact);
    TEST(kernels_agree);
    return test_end();
}
