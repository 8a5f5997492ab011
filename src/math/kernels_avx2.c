/* SPDX-License-Identifier: Apache-2.0 */
/* In: a block of a product. Out: its elements of y. For CPUs with AVX2, FMA and F16C; this file
 * alone is compiled for them. The 16 lanes of an element are two registers. */
#include "math/kernels.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "math/lanes.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Rows by outputs of the widest tile: 2 * 3 elements of two registers each, of sixteen registers.
 */
#define TILE_ROWS 2
#define TILE_OUTPUTS 3
/* How far ahead a single row asks for its weights. */
#define PREFETCH_BYTES 4096

/* The tree of lanes.h for lanes 0-7 and 8-15. */
ALWAYS_INLINE float sum_lanes(__m256 low, __m256 high) {
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* The same for even lanes (0, 2, ... 14) and odd ones. */
ALWAYS_INLINE float sum_even_odd(__m256 even, __m256 odd) {
    __m128 even4 = _mm_add_ps(_mm256_castps256_ps128(even), _mm256_extractf128_ps(even, 1));
    __m128 odd4 = _mm_add_ps(_mm256_castps256_ps128(odd), _mm256_extractf128_ps(odd, 1));
    __m128 even2 = _mm_add_ps(even4, _mm_movehl_ps(even4, even4));
    __m128 odd2 = _mm_add_ps(odd4, _mm_movehl_ps(odd4, odd4));
    __m128 even1 = _mm_add_ss(even2, _mm_movehdup_ps(even2));
    __m128 odd1 = _mm_add_ss(odd2, _mm_movehdup_ps(odd2));
    return _mm_cvtss_f32(_mm_add_ss(even1, odd1));
}

/* Eight elements of a weight, widened. */
ALWAYS_INLINE __m256 load8(const unsigned char *w, sg_weight_type type) {
    if (type == SG_WEIGHT_TYPE_F32) {
        return _mm256_loadu_ps((const float *)(const void *)w);
    }
    __m128i bits = _mm_loadu_si128((const __m128i *)(const void *)w);
    if (type == SG_WEIGHT_TYPE_F16) {
        return _mm256_cvtph_ps(bits);
    }
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

/* Load once: compilers repeat a load in every fused operation that uses it, and loads are what
 * limits. */
ALWAYS_INLINE __m256 keep(__m256 value) {
    __asm__("" : "+x"(value));
    return value;
}

/* A tile of `rows` by `outputs` elements; both are constants where this is inlined. */
ALWAYS_INLINE void multiply_tile(const float *x, const unsigned char *w, sg_weight_type type,
                                 size_t columns, float *y, size_t y_stride, const size_t rows,
                                 const size_t outputs) {
    const size_t size = type == SG_WEIGHT_TYPE_F32 ? 4 : 2;
    __m256 sums[TILE_ROWS][TILE_OUTPUTS][2];
    for (size_t r = 0; r < rows; r++) {
        for (size_t o = 0; o < outputs; o++) {
            sums[r][o][0] = _mm256_setzero_ps();
            sums[r][o][1] = _mm256_setzero_ps();
        }
    }
    size_t k = 0;
    for (; k + SG_LANES <= columns; k += SG_LANES) {
        for (size_t half = 0; half < 2; half++) {
            __m256 rows8[TILE_ROWS];
            for (size_t r = 0; r < rows; r++) {
                rows8[r] = _mm256_loadu_ps(x + r * columns + k + 8 * half);
            }
            for (size_t o = 0; o < outputs; o++) {
                __m256 w8 = keep(load8(w + (o * columns + k + 8 * half) * size, type));
                for (size_t r = 0; r < rows; r++) {
                    sums[r][o][half] = _mm256_fmadd_ps(rows8[r], w8, sums[r][o][half]);
                }
            }
        }
    }
    if (k < columns) {
        float x_last[TILE_ROWS][SG_LANES] = {{0}};
        unsigned char w_last[4 * SG_LANES] = {0};
        for (size_t r = 0; r < rows; r++) {
            memcpy(x_last[r], x + r * columns + k, (columns - k) * sizeof **x_last);
        }
        for (size_t o = 0; o < outputs; o++) {
            memcpy(w_last, w + (o * columns + k) * size, (columns - k) * size);
            for (size_t half = 0; half < 2; half++) {
                __m256 w8 = load8(w_last + 8 * half * size, type);
                for (size_t r = 0; r < rows; r++) {
                    sums[r][o][half] = _mm256_fmadd_ps(_mm256_loadu_ps(x_last[r] + 8 * half), w8,
                                                       sums[r][o][half]);
                }
            }
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t o = 0; o < outputs; o++) {
            y[r * y_stride + o] = sum_lanes(sums[r][o][0], sums[r][o][1]);
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
    if (r < block->rows) {
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

/* Each group of 16 of x as its even elements, then its odd ones; the last group filled up with 0.
 */
static void split_even_odd(const float *x, size_t columns, float *out) {
    for (size_t k = 0; k < columns; k += SG_LANES) {
        for (size_t l = 0; l < SG_LANES; l++) {
            out[k + l / 2 + (l % 2) * 8] = k + l < columns ? x[k + l] : 0.0f;
        }
    }
}

/* Add a group of 16 bfloat16: as 32-bit words, the even elements are their low halves, the odd ones
 * their high halves. One load, two cheap operations. */
ALWAYS_INLINE void add_even_odd(const float *x, __m256i words, __m256 *even, __m256 *odd) {
    const __m256i high = _mm256_set1_epi32((int)0xffff0000u);
    *even = _mm256_fmadd_ps(_mm256_loadu_ps(x), _mm256_castsi256_ps(_mm256_slli_epi32(words, 16)),
                            *even);
    *odd = _mm256_fmadd_ps(_mm256_loadu_ps(x + 8),
                           _mm256_castsi256_ps(_mm256_and_si256(words, high)), *odd);
}

/* `outputs` (a constant) outputs of one row, x split into even and odd. */
ALWAYS_INLINE void multiply_even_odd(const float *x, const unsigned char *w, size_t columns,
                                     float *y, const size_t outputs) {
    __m256 even[TILE_OUTPUTS];
    __m256 odd[TILE_OUTPUTS];
    for (size_t o = 0; o < outputs; o++) {
        even[o] = _mm256_setzero_ps();
        odd[o] = _mm256_setzero_ps();
    }
    size_t k = 0;
    for (; k + SG_LANES <= columns; k += SG_LANES) {
        for (size_t o = 0; o < outputs; o++) {
            const unsigned char *group = w + (o * columns + k) * 2;
            _mm_prefetch((const char *)group + PREFETCH_BYTES, _MM_HINT_T0);
            add_even_odd(x + k, _mm256_loadu_si256((const __m256i *)(const void *)group), &even[o],
                         &odd[o]);
        }
    }
    for (size_t o = 0; o < outputs; o++) {
        if (k < columns) {
            uint16_t last[SG_LANES] = {0};
            memcpy(last, w + (o * columns + k) * 2, (columns - k) * 2);
            add_even_odd(x + k, _mm256_loadu_si256((const __m256i *)(const void *)last), &even[o],
                         &odd[o]);
        }
        y[o] = sum_even_odd(even[o], odd[o]);
    }
}

void sg_kernels_avx2_row_bf16(const sg_kernel_block *block, float *scratch) {
    size_t o = 0;
    if (scratch == NULL) {
        multiply_row(block, SG_WEIGHT_TYPE_BF16);
        return;
    }
    split_even_odd(block->x, block->columns, scratch);
    for (; o + 2 <= block->outputs; o += 2) {
        multiply_even_odd(scratch, block->w + o * block->columns * 2, block->columns, block->y + o,
                          2);
    }
    if (o < block->outputs) {
        multiply_even_odd(scratch, block->w + o * block->columns * 2, block->columns, block->y + o,
                          1);
    }
}

ALWAYS_INLINE void widen(const unsigned char *w, size_t count, float *out, sg_weight_type type) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        _mm256_storeu_ps(out + i, load8(w + 2 * i, type));
    }
    if (i < count) {
        unsigned char last[16] = {0};
        float wide[8];
        memcpy(last, w + 2 * i, (count - i) * 2);
        _mm256_storeu_ps(wide, load8(last, type));
        memcpy(out + i, wide, (count - i) * sizeof *out);
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

const sg_kernels *sg_kernels_avx2(void) {
    static const sg_kernels kernels = {
        .multiply_f32 = multiply_f32,
        .multiply_row = {multiply_row_f32, sg_kernels_avx2_row_bf16, multiply_row_f16},
        .widen = {widen_f32, widen_bf16, widen_f16},
        .outputs_at_once = TILE_OUTPUTS,
    };
    return &kernels;
}

#else

const sg_kernels *sg_kernels_avx2(void) {
    return NULL;
}

#endif
