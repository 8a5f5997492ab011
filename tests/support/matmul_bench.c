/* SPDX-License-Identifier: Apache-2.0 */
/* How fast are the products? In: nothing, or a number of threads. Out: a table on stdout, a line
 * for each shape, weight type and number of rows, with every kernel level of this CPU and OpenBLAS:
 * GFLOP/s, and GB/s of weights read. Each product walks over weights of 96 MB or more, so that they
 * come from memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "math/cpu.h"
#include "math/matmul.h"
#include "support/random.h"

#define WALK_BYTES ((size_t)96 << 20)
#define SECONDS 0.15

static double now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The fastest of several timed stretches of products of `rows` rows, in seconds a product. */
static double time_product(sg_matmul *matmul, const float *x, size_t rows, sg_matrix w,
                           const unsigned char *weights, size_t copies, float *y) {
    double best = 1e9;
    size_t bytes = w.rows * w.columns * sg_weight_type_size(w.type);
    double begin = now();
    size_t copy = 0;
    for (int stretch = 0; stretch < 4 || now() - begin < SECONDS; stretch++) {
        size_t count = rows >= 64 ? 2 : copies;
        double start = now();
        for (size_t i = 0; i < count; i++) {
            w.data = weights + copy++ % copies * bytes;
            sg_matmul_multiply(matmul, SG_MATMUL_STAGE_DECODER, x, rows, &w, y);
        }
        double each = (now() - start) / (double)count;
        best = each < best ? each : best;
    }
    return best;
}

int main(int argc, char **argv) {
    static const size_t shapes[][2] = {{256, 256}, {768, 768}, {768, 3072}, {3072, 768}};
    static const size_t counts[] = {1, 2, 4, 8, 25, 64, 512};
    static const char *const types[] = {"f32", "bf16", "f16"};
    unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : sg_thread_pool_default_count();
    sg_thread_pool *pool = NULL;
    sg_matmul *engines[4] = {NULL};
    sg_error error;
    if (sg_thread_pool_create(threads, &pool, &error) != SG_STATUS_OK) {
        printf("%s\n", error.message);
        return 1;
    }
    for (int i = 0; i < 4; i++) {
        sg_status status =
            sg_matmul_create(i == 3 ? SG_MATMUL_BACKEND_BLAS : SG_MATMUL_BACKEND_NATIVE,
                             i == 3 ? SG_CPU_LEVEL_AUTO : (sg_cpu_level)(SG_CPU_LEVEL_PORTABLE + i),
                             pool, NULL, &engines[i], &error);
        printf("# %s\n",
               status == SG_STATUS_OK ? sg_matmul_description(engines[i]) : error.message);
    }
    printf("# %u threads; GFLOP/s (GB/s of weights)\n", threads);
    unsigned char *weights = malloc(WALK_BYTES + (16 << 20));
    float *x = malloc(512 * 3072 * sizeof *x);
    float *y = malloc(512 * 3072 * sizeof *y);
    uint64_t state = 1;
    random_fill(&state, x, 512 * 3072);
    for (size_t i = 0; i < WALK_BYTES + (16 << 20); i += 2) {
        uint16_t bits =
            (uint16_t)(0x3c00 + (random_bits(&state) & 0x80ff)); /* small in all types */
        memcpy(weights + i, &bits, 2);
    }
    printf("%-14s%-5s%5s%18s%18s%18s%18s\n", "K -> outputs", "type", "M", "portable", "avx2",
           "avx512", "OpenBLAS");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (int type = 0; type < 3; type++) {
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                sg_matrix w = {NULL, (sg_weight_type)type, shapes[s][1], shapes[s][0]};
                size_t bytes = w.rows * w.columns * sg_weight_type_size(w.type);
                double flops = 2.0 * (double)(w.rows * w.columns * counts[c]);
                printf("%4zu -> %-6zu%-5s%5zu", w.columns, w.rows, types[type], counts[c]);
                for (int i = 0; i < 4; i++) {
                    if (engines[i] == NULL) {
                        printf("%18s", "-");
                        continue;
                    }
                    double seconds =
                        time_product(engines[i], x, counts[c], w, weights, WALK_BYTES / bytes, y);
                    printf("%10.1f (%5.1f)", flops / seconds * 1e-9,
                           (double)bytes / seconds * 1e-9);
                }
                printf("\n");
                (void)fflush(stdout);
            }
        }
    }
    for (int i = 0; i < 4; i++) {
        sg_matmul_destroy(engines[i]);
    }
    sg_thread_pool_destroy(pool);
    free(weights);
    free(x);
    free(y);
    return 0;
}
