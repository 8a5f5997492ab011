/* SPDX-License-Identifier: Apache-2.0 */
/* In: activations and a weight as stored. Out: their product, by the kernels chosen at creation.
 *
 * A product is cut into blocks (outputs by groups of rows); blocks are what threads share out. How
 * it is cut cannot be seen in the result: own kernels add in one order (kernels.h), and OpenBLAS
 * gets tiles of 8 rows by panels of outputs that depend on the weight alone. */
#include "math/matmul.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "math/blas.h"
#include "math/cpu.h"
#include "math/half.h"
#include "math/kernels.h"

/* Scratch of a thread, in floats: weights widened to float32 (half of a typical second cache) ...
 */
#define PANEL_FLOATS ((size_t)1 << 17)
/* ... for OpenBLAS also rows filled up with zeros to a tile, and the tile's result. */
#define BLAS_COLUMNS ((size_t)1 << 13)
#define BLAS_OUTPUTS ((size_t)64)
#define TILE_X_FLOATS (SG_BLAS_TILE_ROWS * BLAS_COLUMNS)
#define TILE_Y_FLOATS (SG_BLAS_TILE_ROWS * BLAS_OUTPUTS)
/* Rows that share one pass over the weights: as many as stay in the second cache. */
#define ROW_GROUP_FLOATS ((size_t)1 << 16)
#define ROW_GROUP_MIN ((size_t)16)
#define ROW_GROUP_MAX ((size_t)256)
/* Rows that share one panel widened for OpenBLAS. */
#define BLAS_ROW_GROUP ((size_t)64)
/* Outputs a thread takes at least. */
#define ROW_GRAIN 8

struct sg_matmul {
    const sg_kernels *kernels;
    sg_blas *blas;    /* NULL where not wanted or not there */
    bool use_blas[2]; /* [sg_matmul_stage] */
    sg_thread_pool *pool;
    float *scratch; /* [threads, scratch_stride] */
    size_t scratch_stride;
    char description[192];
};

/* One product on its way through the pool. */
typedef struct matmul_product {
    const sg_matmul *matmul;
    const float *x;
    size_t rows;
    const sg_matrix *w;
    float *y;
    size_t row_group;     /* rows of a block */
    size_t output_group;  /* outputs of a block */
    size_t output_groups; /* blocks across */
} matmul_product;

/* One block of it. */
typedef struct block_range {
    size_t row;
    size_t rows;
    size_t output;
    size_t outputs;
} block_range;

size_t sg_weight_type_size(sg_weight_type type) {
    return type == SG_WEIGHT_TYPE_F32 ? 4 : 2;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static const unsigned char *row_of_weight(const sg_matrix *w, size_t row) {
    const unsigned char *bytes = w->data;
    return bytes + row * w->columns * sg_weight_type_size(w->type);
}

static block_range range_of(const matmul_product *product, size_t index) {
    block_range range;
    range.row = index / product->output_groups * product->row_group;
    range.rows = smaller(product->row_group, product->rows - range.row);
    range.output = index % product->output_groups * product->output_group;
    range.outputs = smaller(product->output_group, product->w->rows - range.output);
    return range;
}

static void run_blocks(matmul_product *product, sg_thread_task task) {
    size_t row_groups = (product->rows - 1) / product->row_group + 1;
    product->output_groups = (product->w->rows - 1) / product->output_group + 1;
    size_t rows = smaller(product->rows, product->row_group);
    size_t outputs = smaller(product->w->rows, product->output_group);
    sg_thread_pool_run(product->matmul->pool, row_groups * product->output_groups,
                       sg_thread_pool_grain(rows * outputs * product->w->columns), task, product);
}

/* One row: outputs begin .. end - 1. */
static void multiply_one_row(void *context, size_t begin, size_t end, unsigned thread) {
    const matmul_product *product = context;
    const sg_matmul *matmul = product->matmul;
    const sg_matrix *w = product->w;
    float *scratch = matmul->scratch + thread * matmul->scratch_stride;
    sg_kernel_block block = {.x = product->x,
                             .rows = 1,
                             .w = row_of_weight(w, begin),
                             .outputs = end - begin,
                             .columns = w->columns,
                             .y = product->y + begin,
                             .y_stride = w->rows};
    matmul->kernels->multiply_row[w->type](&block,
                                           w->columns <= PANEL_FLOATS - 16 ? scratch : NULL);
}

/* One block by own kernels: some outputs are widened at a time, then meet all rows of the block. */
static void multiply_native_block(const matmul_product *product, const block_range *range,
                                  float *scratch) {
    const sg_kernels *kernels = product->matmul->kernels;
    const sg_matrix *w = product->w;
    sg_kernel_block block = {.x = product->x + range->row * w->columns,
                             .rows = range->rows,
                             .w = row_of_weight(w, range->output),
                             .outputs = range->outputs,
                             .columns = w->columns,
                             .y = product->y + range->row * w->rows + range->output,
                             .y_stride = w->rows};
    if (w->type == SG_WEIGHT_TYPE_F32) {
        kernels->multiply_f32(&block);
        return;
    }
    if (w->columns > PANEL_FLOATS) { /* too wide to widen: row by row */
        block.rows = 1;
        for (size_t r = 0; r < range->rows; r++) {
            kernels->multiply_row[w->type](&block, NULL);
            block.x += w->columns;
            block.y += w->rows;
        }
        return;
    }
    size_t step = smaller(kernels->outputs_at_once, PANEL_FLOATS / w->columns);
    for (size_t o = 0; o < range->outputs; o += step) {
        block.outputs = smaller(step, range->outputs - o);
        kernels->widen[w->type](row_of_weight(w, range->output + o), block.outputs * w->columns,
                                scratch);
        block.w = (const unsigned char *)scratch;
        kernels->multiply_f32(&block);
        block.y += block.outputs;
    }
}

static void multiply_native(void *context, size_t begin, size_t end, unsigned thread) {
    const matmul_product *product = context;
    const sg_matmul *matmul = product->matmul;
    for (size_t i = begin; i < end; i++) {
        block_range range = range_of(product, i);
        multiply_native_block(product, &range, matmul->scratch + thread * matmul->scratch_stride);
    }
}

/* Columns first .. first + columns - 1 of the block's weights in float32: as they lie, or widened
 * into `panel`. */
static const float *panel_of(const matmul_product *product, const block_range *range, size_t first,
                             size_t columns, float *panel, size_t *stride) {
    const sg_matrix *w = product->w;
    const unsigned char *bytes =
        row_of_weight(w, range->output) + first * sg_weight_type_size(w->type);
    if (w->type == SG_WEIGHT_TYPE_F32 && (uintptr_t)bytes % _Alignof(float) == 0) {
        *stride = w->columns;
        return (const float *)(const void *)bytes;
    }
    for (size_t o = 0; o < range->outputs; o++) {
        product->matmul->kernels->widen[w->type](
            bytes + o * w->columns * sg_weight_type_size(w->type), columns, panel + o * columns);
    }
    *stride = columns;
    return panel;
}

/* Up to 8 rows from `row` on, by a panel: rows that are missing are zeros, and their results are
 * dropped. */
static void multiply_blas_tile(const matmul_product *product, const block_range *range, size_t row,
                               size_t first, sg_blas_tile *tile, float *tile_x, float *tile_y) {
    size_t columns = product->w->columns;
    size_t outputs = product->w->rows;
    size_t rows = smaller(SG_BLAS_TILE_ROWS, range->row + range->rows - row);
    const float *x = product->x + row * columns + first;
    float *y = product->y + row * outputs + range->output;
    tile->x = x;
    tile->x_stride = columns;
    tile->y = y;
    tile->y_stride = outputs;
    tile->add = first > 0;
    if (rows == SG_BLAS_TILE_ROWS) {
        sg_blas_multiply(product->matmul->blas, tile);
        return;
    }
    memset(tile_x, 0, SG_BLAS_TILE_ROWS * tile->columns * sizeof *tile_x);
    memset(tile_y, 0, SG_BLAS_TILE_ROWS * tile->outputs * sizeof *tile_y);
    for (size_t r = 0; r < rows; r++) {
        memcpy(tile_x + r * tile->columns, x + r * columns, tile->columns * sizeof *tile_x);
        if (tile->add) {
            memcpy(tile_y + r * tile->outputs, y + r * outputs, tile->outputs * sizeof *tile_y);
        }
    }
    tile->x = tile_x;
    tile->x_stride = tile->columns;
    tile->y = tile_y;
    tile->y_stride = tile->outputs;
    sg_blas_multiply(product->matmul->blas, tile);
    for (size_t r = 0; r < rows; r++) {
        memcpy(y + r * outputs, tile_y + r * tile->outputs, tile->outputs * sizeof *y);
    }
}

static void multiply_blas(void *context, size_t begin, size_t end, unsigned thread) {
    const matmul_product *product = context;
    const sg_matmul *matmul = product->matmul;
    float *panel = matmul->scratch + thread * matmul->scratch_stride;
    float *tile_x = panel + PANEL_FLOATS;
    float *tile_y = tile_x + TILE_X_FLOATS;
    size_t columns = product->w->columns;
    for (size_t i = begin; i < end; i++) {
        block_range range = range_of(product, i);
        for (size_t first = 0; first < columns; first += BLAS_COLUMNS) {
            sg_blas_tile tile = {.outputs = range.outputs,
                                 .columns = smaller(BLAS_COLUMNS, columns - first)};
            tile.w = panel_of(product, &range, first, tile.columns, panel, &tile.w_stride);
            for (size_t r = 0; r < range.rows; r += SG_BLAS_TILE_ROWS) {
                multiply_blas_tile(product, &range, range.row + r, first, &tile, tile_x, tile_y);
            }
        }
    }
}

/* Outputs of a panel for OpenBLAS: fixed by the number of columns. */
static size_t blas_outputs(size_t columns) {
    size_t outputs = PANEL_FLOATS / smaller(columns, BLAS_COLUMNS);
    return outputs >= BLAS_OUTPUTS ? BLAS_OUTPUTS : outputs / 8 * 8;
}

static size_t native_row_group(size_t columns) {
    size_t rows = ROW_GROUP_FLOATS / columns / 8 * 8;
    return rows < ROW_GROUP_MIN ? ROW_GROUP_MIN : smaller(rows, ROW_GROUP_MAX);
}

void sg_matmul_multiply(sg_matmul *matmul, sg_matmul_stage stage, const float *x, size_t row_count,
                        const sg_matrix *w, float *y) {
    assert(w->data != NULL && w->columns >= 1);
    if (row_count == 0 || w->rows == 0) {
        return;
    }
    matmul_product product = {.matmul = matmul, .x = x, .rows = row_count, .w = w, .y = y};
    if (matmul->use_blas[stage]) {
        product.row_group = BLAS_ROW_GROUP;
        product.output_group = blas_outputs(w->columns);
        run_blocks(&product, multiply_blas);
    } else if (row_count == 1) {
        size_t grain = sg_thread_pool_grain(w->columns);
        sg_thread_pool_run(matmul->pool, w->rows, grain > ROW_GRAIN ? grain : ROW_GRAIN,
                           multiply_one_row, &product);
    } else {
        product.row_group = native_row_group(w->columns);
        product.output_group = 4 * matmul->kernels->outputs_at_once;
        run_blocks(&product, multiply_native);
    }
}

void sg_matrix_read_row(const sg_matrix *w, size_t row, float *out) {
    assert(row < w->rows);
    const unsigned char *bytes = row_of_weight(w, row);
    if (w->type == SG_WEIGHT_TYPE_F32) {
        memcpy(out, bytes, w->columns * sizeof *out);
        return;
    }
    for (size_t i = 0; i < w->columns; i++) {
        uint16_t bits;
        memcpy(&bits, bytes + 2 * i, sizeof bits);
        out[i] = w->type == SG_WEIGHT_TYPE_BF16 ? sg_half_from_bf16(bits) : sg_half_from_f16(bits);
    }
}

/* Open OpenBLAS if `backend` has a use for it, and set which stages it serves. */
static sg_status choose_blas(sg_matmul *matmul, sg_matmul_backend backend, const sg_log *log,
                             sg_error *error) {
    sg_error reason;
    if (backend == SG_MATMUL_BACKEND_NATIVE) {
        return SG_STATUS_OK;
    }
    if (backend == SG_MATMUL_BACKEND_BLAS) {
        SG_TRY(sg_blas_open(sg_thread_pool_count(matmul->pool), &matmul->blas, error));
        matmul->use_blas[SG_MATMUL_STAGE_DECODER] = true;
    } else if (sg_blas_open(sg_thread_pool_count(matmul->pool), &matmul->blas, &reason) !=
               SG_STATUS_OK) {
        sg_log_write(log, SG_LOG_LEVEL_INFO, "own kernels in the encoder, too: %s", reason.message);
        return SG_STATUS_OK;
    } else if (!sg_blas_keeps_order(matmul->blas)) {
        sg_log_write(
            log, SG_LOG_LEVEL_INFO,
            "own kernels in the encoder, too: %s was not seen to give a row the same result "
            "in any company",
            sg_blas_description(matmul->blas));
        sg_blas_close(matmul->blas);
        matmul->blas = NULL;
        return SG_STATUS_OK;
    }
    matmul->use_blas[SG_MATMUL_STAGE_ENCODER] = true;
    return SG_STATUS_OK;
}

static void describe(sg_matmul *matmul, sg_cpu_level level) {
    const char *name = sg_cpu_level_name(level);
    if (matmul->blas == NULL) {
        (void)snprintf(matmul->description, sizeof matmul->description, "%s", name);
        return;
    }
    bool everywhere = matmul->use_blas[SG_MATMUL_STAGE_DECODER];
    (void)snprintf(matmul->description, sizeof matmul->description, "%s; %s %s%s", name,
                   sg_blas_description(matmul->blas), everywhere ? "everywhere" : "in the encoder",
                   sg_blas_keeps_order(matmul->blas) ? "" : " (untested: may depend on company)");
}

/* Scratch for every thread. Large blocks cost no memory until a thread writes to them. */
static sg_status allocate_scratch(sg_matmul *matmul, sg_error *error) {
    size_t threads = sg_thread_pool_count(matmul->pool);
    matmul->scratch_stride = PANEL_FLOATS;
    if (matmul->blas != NULL) {
        matmul->scratch_stride += TILE_X_FLOATS + TILE_Y_FLOATS;
    }
    size_t bytes = matmul->scratch_stride * sizeof *matmul->scratch;
    matmul->scratch = sg_memory_alloc_aligned(threads, bytes);
    return matmul->scratch != NULL ? SG_STATUS_OK
                                   : sg_memory_error(error, "scratch of products", threads * bytes);
}

sg_status sg_matmul_create(sg_matmul_backend backend, sg_cpu_level cpu, sg_thread_pool *pool,
                           const sg_log *log, sg_matmul **matmul, sg_error *error) {
    sg_cpu_level level;
    SG_TRY(sg_cpu_choose(cpu, &level, error));
    sg_matmul *made = sg_memory_alloc_zeroed(1, sizeof *made);
    if (made == NULL) {
        return sg_memory_error(error, "matrix products", sizeof *made);
    }
    made->kernels = sg_kernels_of(level);
    made->pool = pool;
    sg_status status = choose_blas(made, backend, log, error);
    if (status == SG_STATUS_OK) {
        status = allocate_scratch(made, error);
    }
    if (status != SG_STATUS_OK) {
        sg_matmul_destroy(made);
        return status;
    }
    describe(made, level);
    *matmul = made;
    return SG_STATUS_OK;
}

void sg_matmul_destroy(sg_matmul *matmul) {
    if (matmul == NULL) {
        return;
    }
    sg_blas_close(matmul->blas);
    sg_memory_free(matmul->scratch);
    sg_memory_free(matmul);
}

sg_thread_pool *sg_matmul_pool(const sg_matmul *matmul) {
    return matmul->pool;
}

const char *sg_matmul_description(const sg_matmul *matmul) {
    return matmul->description;
}
