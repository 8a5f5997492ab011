/* SPDX-License-Identifier: Apache-2.0 */
/* The products of one instruction set, and the order in which all of them add.
 *
 * y[r, o] = sum over k of x[r, k] * w[o, k]: lane l (of 16) takes k = l, l + 16, l + 32, ... in
 * this order, the last, partial group of 16 filled up with products of zeros; lanes are added by
 * the tree of lanes.h. A multiplication and its addition are one fused operation in avx2 and
 * avx512, which agree bit for bit, and two roundings in portable. Nothing else may differ, so
 * blocking is free to. Nothing is read beyond K elements of a row of x or w, and nothing but the
 * named elements of y is written. */
#ifndef SG_MATH_KERNELS_H
#define SG_MATH_KERNELS_H

#include <stddef.h>

#include <switchgen/options.h>

#include "math/matmul.h"

#define SG_WEIGHT_TYPES 3

/* One product of a block of rows of x with a block of outputs. K is `columns`. */
typedef struct sg_kernel_block {
    const float *x;         /* [rows, K] */
    size_t rows;            /* 1 or more */
    const unsigned char *w; /* [outputs, K], any alignment */
    size_t outputs;         /* 1 or more */
    size_t columns;         /* 1 or more */
    float *y;               /* y[r * y_stride + o] is written */
    size_t y_stride;
} sg_kernel_block;

typedef struct sg_kernels {
    /* Any number of rows by float32 weights. */
    void (*multiply_f32)(const sg_kernel_block *block);
    /* One row by weights of each type, widened in registers. scratch: K rounded up to 16 floats, or
     * NULL (slower, the same bits). */
    void (*multiply_row[SG_WEIGHT_TYPES])(const sg_kernel_block *block, float *scratch);
    /* Widen `count` elements of each type, exactly. */
    void (*widen[SG_WEIGHT_TYPES])(const unsigned char *w, size_t count, float *out);
    size_t outputs_at_once; /* how many outputs multiply_f32 works on together */
} sg_kernels;

/* The kernels of `level` (not AUTO), which the CPU must have. Static storage. */
const sg_kernels *sg_kernels_of(sg_cpu_level level);

/* One a file. NULL where the compiler's target has no such instructions. */
const sg_kernels *sg_kernels_portable(void);
const sg_kernels *sg_kernels_avx2(void);
const sg_kernels *sg_kernels_avx512(void);

/* One row by bfloat16 weights, of kernels_avx2.c; half registers serve kernels_avx512.c as well. */
void sg_kernels_avx2_row_bf16(const sg_kernel_block *block, float *scratch);

#endif
