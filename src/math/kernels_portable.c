/* SPDX-License-Identifier: Apache-2.0 */
/* In: a block of a product. Out: its elements of y. Plain C over sixteen lanes, for any CPU; also
 * what the other kernels are checked against. */
#include <stdint.h>
#include <string.h>

#include "math/half.h"
#include "math/kernels.h"
#include "math/lanes.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Up to 16 elements of a weight, widened; the rest of the group is 0. */
ALWAYS_INLINE void load_group(const unsigned char *w, sg_weight_type type, size_t count,
                              float out[SG_LANES]) {
    if (type == SG_WEIGHT_TYPE_F32) {
        memcpy(out, w, count * sizeof *out);
    } else {
        uint16_t bits[SG_LANES];
        memcpy(bits, w, count * sizeof *bits);
        for (size_t l = 0; l < count; l++) {
            out[l] = type == SG_WEIGHT_TYPE_BF16 ? sg_half_from_bf16(bits[l])
                                                 : sg_half_from_f16(bits[l]);
        }
    }
    for (size_t l = count; l < SG_LANES; l++) {
        out[l] = 0.0f;
    }
}

/* The sum over k of x[k] * w[k]. */
ALWAYS_INLINE float dot(const float *x, const unsigned char *w, sg_weight_type type,
                        size_t columns) {
    size_t size = type == SG_WEIGHT_TYPE_F32 ? 4 : 2;
    sg_lanes4 sums[4] = {{0}};
    float group[SG_LANES];
    size_t k = 0;
    for (; k + SG_LANES <= columns; k += SG_LANES) {
        load_group(w + k * size, type, SG_LANES, group);
        for (size_t i = 0; i < 4; i++) {
            sums[i] += *(const sg_lanes4 *)(x + k + 4 * i) * *(const sg_lanes4 *)(group + 4 * i);
        }
    }
    if (k < columns) {
        float last[SG_LANES] = {0};
        memcpy(last, x + k, (columns - k) * sizeof *last);
        load_group(w + k * size, type, columns - k, group);
        for (size_t i = 0; i < 4; i++) {
            sums[i] += *(const sg_lanes4 *)(last + 4 * i) * *(const sg_lanes4 *)(group + 4 * i);
        }
    }
    float lanes[SG_LANES];
    /* cppcheck-suppress bufferAccessOutOfBounds ; it takes a vector of four floats for one */
    memcpy(lanes, sums, sizeof lanes);
    return sg_lanes_sum(lanes);
}

ALWAYS_INLINE void multiply(const sg_kernel_block *block, sg_weight_type type) {
    size_t row_bytes = block->columns * (type == SG_WEIGHT_TYPE_F32 ? 4 : 2);
    for (size_t o = 0; o < block->outputs; o++) {
        for (size_t r = 0; r < block->rows; r++) {
            block->y[r * block->y_stride + o] =
                dot(block->x + r * block->columns, block->w + o * row_bytes, type, block->columns);
        }
    }
}

static void multiply_f32(const sg_kernel_block *block) {
    multiply(block, SG_WEIGHT_TYPE_F32);
}

static void multiply_row_f32(const sg_kernel_block *block, float *scratch) {
    (void)scratch;
    multiply(block, SG_WEIGHT_TYPE_F32);
}

static void multiply_row_bf16(const sg_kernel_block *block, float *scratch) {
    (void)scratch;
    multiply(block, SG_WEIGHT_TYPE_BF16);
}

static void multiply_row_f16(const sg_kernel_block *block, float *scratch) {
    (void)scratch;
    multiply(block, SG_WEIGHT_TYPE_F16);
}

static void widen_f32(const unsigned char *w, size_t count, float *out) {
    memcpy(out, w, count * sizeof *out);
}

static void widen_bf16(const unsigned char *w, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, w + 2 * i, sizeof bits);
        out[i] = sg_half_from_bf16(bits);
    }
}

static void widen_f16(const unsigned char *w, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, w + 2 * i, sizeof bits);
        out[i] = sg_half_from_f16(bits);
    }
}

const sg_kernels *sg_kernels_portable(void) {
    static const sg_kernels kernels = {
        .multiply_f32 = multiply_f32,
        .multiply_row = {multiply_row_f32, multiply_row_bf16, multiply_row_f16},
        .widen = {widen_f32, widen_bf16, widen_f16},
        .outputs_at_once = 4,
    };
    return &kernels;
}

const sg_kernels *sg_kernels_of(sg_cpu_level level) {
    const sg_kernels *kernels = level == SG_CPU_LEVEL_AVX512 ? sg_kernels_avx512()
                                : level == SG_CPU_LEVEL_AVX2 ? sg_kernels_avx2()
                                                             : NULL;
    return kernels != NULL ? kernels : sg_kernels_portable();
}
