/* SPDX-License-Identifier: Apache-2.0 */
/* e^x in float32, the same bits on every CPU: used by softmax and the activations. */
#ifndef SG_MATH_EXPONENTIAL_H
#define SG_MATH_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

/* e^x within 2 units in the last place. Below ln(2^-126), to its last place, exactly 0 (no
 * subnormal comes out), above ln(FLT_MAX) infinity, NaN for NaN. Only additions, multiplications
 * and selects, so loops over it vectorise.
 *
 * x = n ln 2 + r with |r| <= ln(2)/2: ln 2 is split so that n * high is exact (Cody & Waite 1980);
 * the polynomial is the minimax one of Cephes' expf; 2^n is applied in two halves because n reaches
 * 128. */
static inline __attribute__((always_inline)) float sg_exp(float x) {
    const float to_integer = 12582912.0f; /* 1.5 * 2^23: adding it rounds to the nearest integer */
    float clamped = x < -87.3365402f ? -87.3365402f : x;
    clamped = clamped > 88.7228394f ? 88.7228394f : clamped;
    float shifted = clamped * 1.44269504f + to_integer;
    float n = shifted - to_integer;
    float r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    int32_t integer = (int32_t)(bits - 0x4b400000u);
    uint32_t half = (uint32_t)(integer + 256) >> 1; /* floor(n / 2) + 128 */
    uint32_t first_bits = (half - 1u) << 23;
    uint32_t second_bits = (uint32_t)(integer + 255 - (int32_t)half) << 23;
    float first;
    float second;
    memcpy(&first, &first_bits, sizeof first);
    memcpy(&second, &second_bits, sizeof second);
    float result = p * first * second;
    result = x < -87.3365402f ? 0.0f : result;
    result = x > 88.7228394f ? (float)__builtin_inff() : result;
    return x != x ? x : result;
}

#endif
