/* SPDX-License-Identifier: Apache-2.0 */
/* The one door to matrix products: y = x W^T with W as stored.
 *
 * Every output element is summed in an order fixed by the number of columns alone, so a row's
 * result does not depend on how many rows there are, on its place among them, or on the number of
 * threads. Which kernel runs depends on the stage, the backend, the weight's type and the CPU,
 * never on the number of rows. */
#ifndef SG_MATH_MATMUL_H
#define SG_MATH_MATMUL_H

#include <stddef.h>

#include <switchgen/options.h>
#include <switchgen/status.h>

#include "math/thread_pool.h"

/* How the elements of a weight are stored. */
typedef enum sg_weight_type {
    SG_WEIGHT_TYPE_F32 = 0,
    SG_WEIGHT_TYPE_BF16,
    SG_WEIGHT_TYPE_F16
} sg_weight_type;

/* A weight as stored: row-major [rows, columns], little-endian, at any alignment. Borrowed view. */
typedef struct sg_matrix {
    const void *data; /* NULL: no such weight */
    sg_weight_type type;
    size_t rows;    /* output features (1 for a vector) */
    size_t columns; /* input features */
} sg_matrix;

/* Bytes of one element of `type`. */
size_t sg_weight_type_size(sg_weight_type type);

/* Where a product is used. */
typedef enum sg_matmul_stage {
    SG_MATMUL_STAGE_ENCODER = 0, /* many rows: the encoder, and cross-attention's keys and values */
    SG_MATMUL_STAGE_DECODER      /* few rows: the decoder and the head */
} sg_matmul_stage;

/* Backend, kernels, threads and scratch. One caller at a time. */
typedef struct sg_matmul sg_matmul;

/* Choose kernels. `pool` is borrowed and may be NULL (one thread). OpenBLAS is opened here, and
 * only if `backend` has a use for it: AUTO without it falls back to own kernels with an INFO
 * message; BLAS without it is SG_STATUS_NOT_FOUND. Errors also: SG_STATUS_ARGUMENT (a CPU level
 * that is not there), _MEMORY. */
sg_status sg_matmul_create(sg_matmul_backend backend, sg_cpu_level cpu, sg_thread_pool *pool,
                           const sg_log *log, sg_matmul **matmul, sg_error *error) SG_MUST_CHECK;

/* Free. NULL is allowed. */
void sg_matmul_destroy(sg_matmul *matmul);

/* The pool given at creation. */
sg_thread_pool *sg_matmul_pool(const sg_matmul *matmul);

/* y[r, o] = sum over c of x[r, c] * w[o, c].
 *
 * x     [row_count, w->columns] f32, contiguous. Borrowed.
 * y     [row_count, w->rows] f32, contiguous, written; does not overlap x.
 * No allocation, cannot fail. NaN and infinities propagate. */
void sg_matmul_multiply(sg_matmul *matmul, sg_matmul_stage stage, const float *x, size_t row_count,
                        const sg_matrix *w, float *y);

/* Widen row `row` of `w` to f32: out[w->columns]. */
void sg_matrix_read_row(const sg_matrix *w, size_t row, float *out);

/* Which kernels and which OpenBLAS are in use, for --version -v and bench: "avx512; OpenBLAS 0.3.21
 * SkylakeX in the encoder". Borrowed from `matmul`. */
const char *sg_matmul_description(const sg_matmul *matmul);

#endif
