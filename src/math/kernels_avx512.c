/* SPDX-License-Identifier: Apache-2.0 */
/* In: a block of a product. Out: its elements of y. For CPUs with AVX-512 F, BW, DQ and VL; this
 * file alone is compiled for them. The 16 lanes of an element are one register. */
#include "math/kernels.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>
#include <string.h>

#include "math/lanes.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Rows by outputs of the widest tile: 16 elements, of thirty-two registers. */
#define TILE_ROWS 4
#define TILE_OUTPUTS 4

/* The tree of lanes.h. */
ALWAYS_INLINE float sum_lanes(__m512 lanes) {
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* The elements of a group of 16 that `mask` names, widened; the others are 0 and not read. */
ALWAYS_INLINE __m512 load_masked(const unsigned char *w, sg_weight_type type, __mmask16 mask) {
    if (type == SG_WEIGHT_TYPE_F32) {
        return _mm512_maskz_loadu_ps(mask, w);
    }
    __m256i bits = _mm256_maskz_loadu_epi16(mask, w);
    if (type == SG_WEIGHT_TYPE_F16) {
        return _mm512_cvtph_ps(bits);
    }
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

/* A whole group of 16. */
ALWAYS_INLINE __m512 load16(const unsigned char *w, sg_weight_type type) {
    if (type == SG_WEIGHT_TYPE_F32) {
        return _mm512_loadu_ps(w);
    }
    __m256i bits = _mm256_loadu_si256((const __m256i *)(const void *)w);
    if (type == SG_WEIGHT_TYPE_F16) {
        return _mm512_cvtph_ps(bits);
    }
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

/* Load once: compilers repeat a load in every fused operation that uses it, and loads are what
 * limits. */
ALWAYS_INLINE __m512 keep(__m512 value) {
    __asm__("" : "+v"(value));
    return value;
}

/* A tile of `rows` by `outputs` elements; both are constants where this is inlined. */
ALWAYS_INLINE void multiply_tile(const float *x, const unsigned char *w, sg_weight_type type,
                                 size_t columns, float *y, size_t y_stride, const size_t rows,
                                 const size_t outputs) {
    const size_t size = type == SG_WEIGHT_TYPE_F32 ? 4 : 2;
    __m512 sums[TILE_ROWS][TILE_OUTPUTS];
    __m512 rows16[TILE_ROWS];
    for (size_t r = 0; r < rows; r++) {
        for (size_t o = 0; o < outputs; o++) {
            sums[r][o] = _mm512_setzero_ps();
        }
    }
    size_t k = 0;
    for (; k + SG_LANES <= columns; k += SG_LANES) {
        for (size_t r = 0; r < rows; r++) {
            rows16[r] = _mm512_loadu_ps(x + r * columns + k);
        }
        for (size_t o = 0; o < outputs; o++) {
            __m512 w16 = keep(load16(w + (o * columns + k) * size, type));
            for (size_t r = 0; r < rows; r++) {
                sums[r][o] = _mm512_fmadd_ps(rows16[r], w16, sums[r][o]);
            }
        }
    }
    if (k < columns) {
        const __mmask16 mask = (__mmask16)((1u << (columns - k)) - 1u);
        for (size_t r = 0; r < rows; r++) {
            rows16[r] = _mm512_maskz_loadu_ps(mask, x + r * columns + k);
        }
        for (size_t o = 0; o < outputs; o++) {
            __m512 w16 = load_masked(w + (o * columns + k) * size, type, mask);
            for (size_t r = 0; r < rows; r++) {
                sums[r][o] = _mm512_fmadd_ps(rows16[r], w16, sums[r][o]);
            }
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t o = 0; o < outputs; o++) {
            y[r * y_stride + o] = sum_lanes(sums[r][o]);
        }
    }
}

/* `outputs` (a constant) outputs for all rows: their weights stay in the first cache, rows stream
 * by. */
ALWAYS_INLINE void multiply_outputs(const sg_kernel_block *block, size_t output,
                                    const size_t outputs) {
    const unsigned char *w = block->w + output * block->columns * 4;
    float *y = block->y + output;
    size_t r = 0;
    for (; r + TILE_ROWS <= block->rows; r += TILE_ROWS) {
        multiply_tile(block->x + r * block->columns, w, SG_WEIGHT_TYPE_F32, block->columns,
                      y + r * block->y_stride, block->y_stride, TILE_ROWS, outputs);
    }
    for (; r < block->rows; r++) {
        multiply_tile(block->x + r * block->columns, w, SG_WEIGHT_TYPE_F32, block->columns,
                      y + r * block->y_stride, block->y_stride, 1, outputs);
    }
}

static void multiply_f32(const sg_kernel_block *block) {
    size_t o = 0;
    for (; o + TILE_OUTPUTS <= block->outputs; o += TILE_OUTPUTS) {
        multiply_outputs(block, o, TILE_OUTPUTS);
    }
    for (; o < block->outputs; o++) {
        multiply_outputs(block, o, 1);
    }
}

/* One row, widening in registers. */
ALWAYS_INLINE void multiply_row(const sg_kernel_block *block, sg_weight_type type) {
    const size_t size = type == SG_WEIGHT_TYPE_F32 ? 4 : 2;
    size_t o = 0;
    for (; o + 2 <= block->outputs; o += 2) {
        multiply_tile(block->x, block->w + o * block->columns * size, type, block->columns,
                      block->y + o, block->y_stride, 1, 2);
    }
    if (o < block->outputs) {
        multiply_tile(block->x, block->w + o * block->columns * size, type, block->columns,
                      block->y + o, block->y_stride, 1, 1);
    }
}

static void multiply_row_f32(const sg_kernel_block *block, float *scratch) {
    (void)scratch;
    multiply_row(block, SG_WEIGHT_TYPE_F32);
}

static void multiply_row_f16(const sg_kernel_block *block, float *scratch) {
    (void)scratch;
    multiply_row(block, SG_WEIGHT_TYPE_F16);
}

ALWAYS_INLINE void widen(const unsigned char *w, size_t count, float *out, sg_weight_type type) {
    size_t i = 0;
    for (; i + SG_LANES <= count; i += SG_LANES) {
        _mm512_storeu_ps(out + i, load16(w + 2 * i, type));
    }
    if (i < count) {
        const __mmask16 mask = (__mmask16)((1u << (count - i)) - 1u);
        _mm512_mask_storeu_ps(out + i, mask, load_masked(w + 2 * i, type, mask));
    }
}

static void widen_f32(const unsigned char *w, size_t count, float *out) {
    memcpy(out, w, count * sizeof *out);
}

static void widen_bf16(const unsigned char *w, size_t count, float *out) {
    widen(w, count, out, SG_WEIGHT_TYPE_BF16);
}

static void widen_f16(const unsigned char *w, size_t count, float *out) {
    widen(w, count, out, SG_WEIGHT_TYPE_F16);
}

const sg_kernels *sg_kernels_avx512(void) {
    static const sg_kernels kernels = {
        .multiply_f32 = multiply_f32,
        .multiply_row = {multiply_row_f32, sg_kernels_avx2_row_bf16, multiply_row_f16},
        .widen = {widen_f32, widen_bf16, widen_f16},
        .outputs_at_once = TILE_OUTPUTS,
    };
    return &kernels;
}

#else

const sg_kernels *sg_kernels_avx512(void) {
    return NULL;
}

#endif
