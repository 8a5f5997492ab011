/* SPDX-License-Identifier: Apache-2.0 */
/* OpenBLAS, opened when it is first wanted and called in one fixed shape only. */
#ifndef SG_MATH_BLAS_H
#define SG_MATH_BLAS_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/status.h>

/* Rows of every call. OpenBLAS adds in another order for another number of rows, and with 16 or 32
 * rows it even depends on a row's place; with 8 it does not, on the cores of sg_blas_keeps_order.
 */
#define SG_BLAS_TILE_ROWS 8

typedef struct sg_blas sg_blas;

/* Load libopenblas.so.0, set to one thread and to a core type that fits the CPU (OPENBLAS_CORETYPE
 * wins). `threads`: how many threads will call it at once. May be called again: the library is
 * shared. Errors: SG_STATUS_NOT_FOUND (no library, or one without its functions); _MEMORY (too
 * little address space for it to start without hanging); _UNSUPPORTED (more threads than it was
 * built for). */
sg_status sg_blas_open(unsigned threads, sg_blas **blas, sg_error *error) SG_MUST_CHECK;

/* Let go of it; the library stays loaded. NULL is allowed. */
void sg_blas_close(sg_blas *blas);

/* Version and core type: "OpenBLAS 0.3.21 SkylakeX". Borrowed. */
const char *sg_blas_description(const sg_blas *blas);

/* True if a row's result was measured, on this core type, not to depend on the row's place in a
 * tile nor on the rows beside it. */
bool sg_blas_keeps_order(const sg_blas *blas);

/* One product of SG_BLAS_TILE_ROWS rows. */
typedef struct sg_blas_tile {
    const float *x; /* [8, columns], rows x_stride apart */
    size_t x_stride;
    const float *w; /* [outputs, columns], rows w_stride apart, aligned to 4 bytes */
    size_t w_stride;
    size_t outputs;
    size_t columns;
    float *y; /* [8, outputs], rows y_stride apart, written, or added to if `add` */
    size_t y_stride;
    bool add;
} sg_blas_tile;

/* y = x w^T, or y += x w^T. May be called from several threads. All sizes below 2^31. */
void sg_blas_multiply(const sg_blas *blas, const sg_blas_tile *tile);

#endif
