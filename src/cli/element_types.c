/* SPDX-License-Identifier: Apache-2.0 */
/* Rounding on the bits of a float32: half of the last kept place is added, less a bit where the
 * kept part is even, and the carry runs into the exponent by itself.
 *
 * A double goes through a float32 that is rounded to odd: two roundings to nearest in a row can
 * differ from one, a rounding to odd first cannot (Boldo and Melquiond 2008). */
#include "cli/element_types.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "math/half.h"

#define SIGN 0x80000000u
#define INFINITY_BITS 0x7f800000u
/* 65520 = 2^16 - 2^4: from here on binary16 rounds to infinity. */
#define F16_OVERFLOW 0x477ff000u
/* 2^-14: below this binary16 is subnormal. */
#define F16_NORMAL 0x38800000u

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool sg_element_types_is_float(sg_dtype dtype) {
    return dtype == SG_DTYPE_F64 || dtype == SG_DTYPE_F32 || dtype == SG_DTYPE_BF16 ||
           dtype == SG_DTYPE_F16;
}

uint16_t sg_element_types_bf16(float value) {
    uint32_t bits = bits_of(value);
    if ((bits & ~SIGN) > INFINITY_BITS) {
        return (uint16_t)(bits >> 16 | 0x0040u); /* quiet, so that the payload is never all zero */
    }
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

uint16_t sg_element_types_f16(float value) {
    uint32_t bits = bits_of(value);
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t size = bits & ~SIGN;
    if (size > INFINITY_BITS) {
        return (uint16_t)(sign | 0x7e00u | (size >> 13 & 0x01ffu));
    }
    if (size >= F16_OVERFLOW) {
        return (uint16_t)(sign | 0x7c00u);
    }
    if (size < F16_NORMAL) {
        /* Adding 1/2 leaves multiples of 2^-24, the subnormals' step, in the low bits, rounded by
         * the addition. */
        float shifted = float_of(size) + 0.5f;
        return (uint16_t)(sign | (bits_of(shifted) - bits_of(0.5f)));
    }
    /* The exponent's bias goes from 127 to 15. */
    return (uint16_t)(sign | ((size - (112u << 23) + 0x0fffu + (size >> 13 & 1u)) >> 13));
}

float sg_element_types_odd_f32(double value) {
    float nearest = (float)value;
    uint32_t bits = bits_of(nearest);
    if (isnan(value) || (double)nearest == value) {
        return nearest;
    }
    if (fabs((double)nearest) > fabs(value)) {
        bits--; /* towards zero; infinity becomes the largest number */
    }
    return float_of(bits | 1u);
}

static float load(const unsigned char *in, sg_dtype from, sg_dtype to) {
    uint16_t half;
    float single;
    double wide;
    switch (from) {
    case SG_DTYPE_BF16:
        memcpy(&half, in, sizeof half);
        return sg_half_from_bf16(half);
    case SG_DTYPE_F16:
        memcpy(&half, in, sizeof half);
        return sg_half_from_f16(half);
    case SG_DTYPE_F32:
        memcpy(&single, in, sizeof single);
        return single;
    default:
        assert(from == SG_DTYPE_F64);
        memcpy(&wide, in, sizeof wide);
        return to == SG_DTYPE_F32 ? (float)wide : sg_element_types_odd_f32(wide);
    }
}

/* True if a finite element became infinite: of a double only it itself tells whether it was finite.
 */
static bool overflowed(const unsigned char *in, sg_dtype from, float loaded, float stored) {
    double wide;
    if (!isinf(stored)) {
        return false;
    }
    if (from != SG_DTYPE_F64) {
        return !isinf(loaded);
    }
    memcpy(&wide, in, sizeof wide);
    return !isinf(wide);
}

size_t sg_element_types_convert(const void *in, sg_dtype from, void *out, sg_dtype to,
                                size_t count) {
    const unsigned char *source = in;
    unsigned char *target = out;
    size_t step = sg_dtype_bits(from) / 8;
    size_t infinite = 0;
    for (size_t i = 0; i < count; i++, source += step) {
        float value = load(source, from, to);
        float stored = value;
        if (to == SG_DTYPE_F32) {
            memcpy(target + 4 * i, &value, sizeof value);
        } else {
            bool bf16 = to == SG_DTYPE_BF16;
            uint16_t half = bf16 ? sg_element_types_bf16(value) : sg_element_types_f16(value);
            memcpy(target + 2 * i, &half, sizeof half);
            stored = bf16 ? sg_half_from_bf16(half) : sg_half_from_f16(half);
        }
        infinite += overflowed(source, from, value, stored) ? 1 : 0;
    }
    return infinite;
}
