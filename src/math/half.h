/* SPDX-License-Identifier: Apache-2.0 */
/* 16-bit floats to float32, exactly. This is where widening is defined; kernels do the same in
 * bulk. */
#ifndef SG_MATH_HALF_H
#define SG_MATH_HALF_H

#include <stdint.h>
#include <string.h>

/* bfloat16: the upper half of a float32. */
static inline float sg_half_from_bf16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* IEEE 754 binary16, subnormals, infinities and NaN included. */
static inline float sg_half_from_f16(uint16_t bits) {
    uint32_t sign = (uint32_t)(bits & 0x8000u) << 16;
    uint32_t exponent = (bits >> 10) & 0x1fu;
    uint32_t mantissa = bits & 0x3ffu;
    uint32_t wide;
    float value;
    if (exponent == 0x1fu) {
        wide = sign | 0x7f800000u | (mantissa << 13);
    } else if (exponent != 0) {
        wide = sign | ((exponent + 112u) << 23) | (mantissa << 13);
    } else {
        /* Subnormal: mantissa * 2^-24, exact in float32. */
        value = (float)mantissa * 0x1p-24f;
        memcpy(&wide, &value, sizeof wide);
        wide |= sign;
    }
    memcpy(&value, &wide, sizeof value);
    return value;
}

#endif
