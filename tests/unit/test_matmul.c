/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products: right values for every kernel level and weight type, and the same bits whatever
 * the company, the place, the threads and the alignment. */
#include "math/matmul.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "math/cpu.h"
#include "math/half.h"
#include "support/random.h"
#include "support/test.h"

#define TYPES 3

static sg_thread_pool *pools[5]; /* [threads]; 1 is no pool */
static const sg_cpu_level levels[] = {SG_CPU_LEVEL_PORTABLE, SG_CPU_LEVEL_AVX2,
                                      SG_CPU_LEVEL_AVX512};
#define LEVELS (sizeof levels / sizeof *levels)

/* Every level that this CPU has, and OpenBLAS where it is installed, by number. NULL: not here. */
#define ENGINES (LEVELS + 1)

static sg_matmul *make_engine(size_t engine, unsigned threads) {
    sg_matmul *matmul = NULL;
    sg_error error;
    bool blas = engine == LEVELS;
    if (sg_matmul_create(blas ? SG_MATMUL_BACKEND_BLAS : SG_MATMUL_BACKEND_NATIVE,
                         blas ? SG_CPU_LEVEL_AUTO : levels[engine], pools[threads], NULL, &matmul,
                         &error) != SG_STATUS_OK) {
        return NULL;
    }
    return matmul;
}

/* OpenBLAS on a core type for which nothing is promised. */
static bool promises_nothing(const sg_matmul *matmul) {
    return strstr(sg_matmul_description(matmul), "untested") != NULL;
}

static uint16_t random_half(uint64_t *state, sg_weight_type type) {
    float value = random_float(state);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (type == SG_WEIGHT_TYPE_BF16) {
        return (uint16_t)(bits >> 16);
    }
    /* Any finite binary16 up to 1: sign, exponent 0 .. 14 (subnormals too), mantissa. */
    return (uint16_t)((bits & 0x8000u) | (bits % 15u) << 10 | (bits >> 8 & 0x3ffu));
}

/* Random weights of `type` written at `data`. */
static void fill_weight(uint64_t *state, sg_weight_type type, size_t count, unsigned char *data) {
    for (size_t i = 0; i < count; i++) {
        if (type == SG_WEIGHT_TYPE_F32) {
            float value = random_float(state);
            memcpy(data + 4 * i, &value, 4);
        } else {
            uint16_t bits = random_half(state, type);
            memcpy(data + 2 * i, &bits, 2);
        }
    }
}

/* Whether y is x w^T within what float32 sums may differ by. */
static bool is_product(const float *x, size_t rows, const sg_matrix *w, const float *y) {
    float *row = malloc(w->columns * sizeof *row);
    bool right = true;
    for (size_t o = 0; o < w->rows; o++) {
        sg_matrix_read_row(w, o, row);
        for (size_t r = 0; r < rows; r++) {
            double sum = 0.0;
            double size = 0.0;
            for (size_t k = 0; k < w->columns; k++) {
                double term = (double)x[r * w->columns + k] * (double)row[k];
                sum += term;
                size += fabs(term);
            }
            double distance = fabs((double)y[r * w->rows + o] - sum);
            right = right && distance <= 1e-6 * size + 1e-30;
        }
    }
    free(row);
    return right;
}

/* Every engine, type and odd shape gives the product, written where it belongs and nowhere else. */
static void equals_plain_loop(void) {
    uint64_t state = 1;
    for (size_t engine = 0; engine < ENGINES; engine++) {
        sg_matmul *matmul = make_engine(engine, 2);
        if (matmul == NULL) {
            printf("no engine %zu on this machine\n", engine);
            continue;
        }
        for (int trial = 0; trial < 60; trial++) {
            sg_weight_type type = (sg_weight_type)(trial % TYPES);
            size_t rows = 1 + random_below(&state, trial % 2 == 0 ? 4 : 40);
            size_t outputs = 1 + random_below(&state, 90);
            size_t columns = 1 + random_below(&state, trial % 5 == 0 ? 17 : 300);
            size_t offset = random_below(&state, 8);
            size_t bytes = outputs * columns * sg_weight_type_size(type);
            unsigned char *data = malloc(bytes + 8);
            float *x = malloc(rows * columns * sizeof *x);
            float *y = malloc((rows * outputs + 2) * sizeof *y);
            fill_weight(&state, type, outputs * columns, data + offset);
            random_fill(&state, x, rows * columns);
            y[0] = 1234.5f;
            y[rows * outputs + 1] = 1234.5f;
            for (size_t i = 1; i <= rows * outputs; i++) {
                y[i] = NAN; /* what is left unwritten, or added to, is seen */
            }
            sg_matrix w = {data + offset, type, outputs, columns};
            sg_matmul_multiply(matmul, SG_MATMUL_STAGE_DECODER, x, rows, &w, y + 1);
            CHECK(is_product(x, rows, &w, y + 1));
            CHECK(y[0] == 1234.5f && y[rows * outputs + 1] == 1234.5f);
            free(data);
            free(x);
            free(y);
        }
        sg_matmul_destroy(matmul);
    }
}

/* A row's bits do not depend on the number of rows, its place, the threads or the weight's
 * alignment: what "results do not depend on company" rests on. */
static void is_independent_of_company(void) {
    static const size_t counts[] = {1, 2, 3, 7, 8, 16, 64, 65};
    static const size_t shapes[][2] = {{96, 64},   {33, 100},   {64, 256}, {13, 15},
                                       {130, 768}, {100, 3072}, {64, 9000}};
    uint64_t state = 2;
    for (size_t engine = 0; engine < ENGINES; engine++) {
        for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
            if (engine < LEVELS && shape >= 4) {
                break; /* OpenBLAS changes its ways with the size; own kernels do not */
            }
            for (int type = 0; type < TYPES; type++) {
                size_t outputs = shapes[shape][0];
                size_t columns = shapes[shape][1];
                size_t bytes = outputs * columns * sg_weight_type_size((sg_weight_type)type);
                unsigned char *data = malloc(bytes + 64);
                float *x = malloc(65 * columns * sizeof *x);
                float *y = malloc(65 * outputs * sizeof *y);
                float *alone = malloc(outputs * sizeof *alone);
                fill_weight(&state, (sg_weight_type)type, outputs * columns, data);
                random_fill(&state, x, columns);
                bool first = true;
                for (unsigned threads = 1; threads <= 4; threads *= 2) {
                    sg_matmul *matmul = make_engine(engine, threads);
                    if (matmul == NULL || promises_nothing(matmul)) {
                        sg_matmul_destroy(matmul);
                        continue;
                    }
                    size_t offset = threads == 1 ? 0 : threads == 2 ? 1 : 6;
                    memmove(data + offset, data + (threads == 1 ? 0 : threads == 2 ? 0 : 1), bytes);
                    sg_matrix w = {data + offset, (sg_weight_type)type, outputs, columns};
                    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                        size_t place = random_below(&state, counts[c]);
                        for (size_t r = 0; r < counts[c]; r++) {
                            if (r != place) {
                                random_fill(&state, x + r * columns, columns);
                            }
                        }
                        /* The row under test is kept in `row`: the same numbers in every place. */
                        float *row = x + place * columns;
                        for (size_t k = 0; k < columns; k++) {
                            row[k] = sinf((float)(k * 7 + shape));
                        }
                        sg_matmul_multiply(matmul, SG_MATMUL_STAGE_ENCODER, x, counts[c], &w, y);
                        if (first) {
                            memcpy(alone, y + place * outputs, outputs * sizeof *alone);
                            first = false;
                        }
                        CHECK(memcmp(alone, y + place * outputs, outputs * sizeof *alone) == 0);
                    }
                    sg_matmul_destroy(matmul);
                }
                free(data);
                free(x);
                free(y);
                free(alone);
            }
        }
    }
}

/* avx2 and avx512 add in the same order with the same operations: one answer on most machines. */
static void wide_levels_agree(void) {
    uint64_t state = 3;
    sg_matmul *avx2 = make_engine(1, 1);
    sg_matmul *avx512 = make_engine(2, 1);
    for (size_t columns = 1; avx512 != NULL && columns < 120; columns += 7) {
        for (size_t rows = 1; rows < 10; rows += 4) {
            for (int type = 0; type < TYPES; type++) {
                unsigned char data[120 * 20 * 4];
                float x[9 * 120];
                float y[2][9 * 20];
                fill_weight(&state, (sg_weight_type)type, columns * 20, data);
                random_fill(&state, x, rows * columns);
                sg_matrix w = {data, (sg_weight_type)type, 20, columns};
                sg_matmul_multiply(avx2, SG_MATMUL_STAGE_DECODER, x, rows, &w, y[0]);
                sg_matmul_multiply(avx512, SG_MATMUL_STAGE_DECODER, x, rows, &w, y[1]);
                CHECK(memcmp(y[0], y[1], rows * 20 * sizeof(float)) == 0);
            }
        }
    }
    if (avx512 == NULL) {
        printf("no avx512 on this machine: its agreement with avx2 was not tested\n");
    }
    sg_matmul_destroy(avx2);
    sg_matmul_destroy(avx512);
}

/* A block of `bytes` that ends where a page without access begins. */
static unsigned char *guarded_block(size_t bytes, void **mapping, size_t *length) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = (bytes + page - 1) / page * page;
    *length = pages + page;
    *mapping = mmap(NULL, *length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(*mapping != MAP_FAILED);
    CHECK_INT(mprotect((unsigned char *)*mapping + pages, page, PROT_NONE), 0);
    return (unsigned char *)*mapping + pages - bytes;
}

/* Nothing is read beyond the weights or the activations: the last tensor of a mapped file ends a
 * page. */
static void reads_nothing_beyond(void) {
    uint64_t state = 4;
    for (size_t engine = 0; engine < ENGINES; engine++) {
        sg_matmul *matmul = make_engine(engine, 2);
        for (size_t columns = 1; matmul != NULL && columns < 70; columns += 3) {
            for (size_t rows = 1; rows <= 9; rows += 4) {
                for (int type = 0; type < TYPES; type++) {
                    void *mappings[3];
                    size_t lengths[3];
                    size_t outputs = 1 + columns % 13;
                    size_t bytes = outputs * columns * sg_weight_type_size((sg_weight_type)type);
                    unsigned char *data = guarded_block(bytes, &mappings[0], &lengths[0]);
                    float *x = (float *)(void *)guarded_block(rows * columns * sizeof *x,
                                                              &mappings[1], &lengths[1]);
                    float *y = (float *)(void *)guarded_block(rows * outputs * sizeof *y,
                                                              &mappings[2], &lengths[2]);
                    fill_weight(&state, (sg_weight_type)type, outputs * columns, data);
                    random_fill(&state, x, rows * columns);
                    sg_matrix w = {data, (sg_weight_type)type, outputs, columns};
                    sg_matmul_multiply(matmul, SG_MATMUL_STAGE_DECODER, x, rows, &w, y);
                    CHECK(is_product(x, rows, &w, y));
                    for (int i = 0; i < 3; i++) {
                        CHECK_INT(munmap(mappings[i], lengths[i]), 0);
                    }
                }
            }
        }
        sg_matmul_destroy(matmul);
    }
}

/* NaN and infinities come out where they went in and nowhere else, and subnormals count: a broken
 * model must be seen, not smoothed over. */
static void propagates_what_is_not_finite(void) {
    for (size_t engine = 0; engine < ENGINES; engine++) {
        sg_matmul *matmul = make_engine(engine, 1);
        for (size_t rows = 1; matmul != NULL && rows <= 5; rows += 2) {
            float x[5 * 35];
            float weights[3 * 35];
            float y[5 * 3];
            for (size_t i = 0; i < 5 * 35; i++) {
                x[i] = 1.0f;
            }
            for (size_t i = 0; i < 3 * 35; i++) {
                weights[i] = 0.0f;
            }
            x[34] = INFINITY;        /* row 0, last column */
            weights[34] = 1.0f;      /* output 0 */
            weights[35 + 3] = NAN;   /* output 1 */
            weights[70] = 0x1p-140f; /* output 2: subnormal; inf * 0 in row 0 */
            sg_matrix w = {weights, SG_WEIGHT_TYPE_F32, 3, 35};
            sg_matmul_multiply(matmul, SG_MATMUL_STAGE_DECODER, x, rows, &w, y);
            CHECK(isinf(y[0]) && y[0] > 0);
            CHECK(isnan(y[1]));
            CHECK(isnan(y[2]));
            for (size_t r = 1; r < rows; r++) {
                CHECK(y[3 * r] == 1.0f);
                CHECK(isnan(y[3 * r + 1]));
                CHECK(y[3 * r + 2] == 0x1p-140f);
            }
        }
        sg_matmul_destroy(matmul);
    }
}

/* Rows wider than the scratch for widened weights take another way to the same numbers. */
static void takes_very_wide_rows(void) {
    const size_t columns = ((size_t)1 << 17) + 5;
    uint64_t state = 5;
    unsigned char *data = malloc(columns * 3 * 2);
    float *x = malloc(columns * 2 * sizeof *x);
    float y[6];
    float alone[3];
    fill_weight(&state, SG_WEIGHT_TYPE_BF16, columns * 3, data);
    random_fill(&state, x, columns * 2);
    sg_matrix w = {data, SG_WEIGHT_TYPE_BF16, 3, columns};
    for (size_t engine = 0; engine < ENGINES; engine++) {
        sg_matmul *matmul = make_engine(engine, 1);
        if (matmul != NULL) {
            sg_matmul_multiply(matmul, SG_MATMUL_STAGE_DECODER, x, 2, &w, y);
            sg_matmul_multiply(matmul, SG_MATMUL_STAGE_DECODER, x + columns, 1, &w, alone);
            CHECK(is_product(x, 2, &w, y));
            CHECK(promises_nothing(matmul) || memcmp(y + 3, alone, sizeof alone) == 0);
            sg_matmul_destroy(matmul);
        }
    }
    free(data);
    free(x);
}

/* No rows and no outputs are nothing to do, not a fault. */
static void takes_nothing(void) {
    float x = 1.0f;
    float y = 7.0f;
    sg_matmul *matmul = make_engine(0, 1);
    sg_matrix w = {&x, SG_WEIGHT_TYPE_F32, 1, 1};
    sg_matmul_multiply(matmul, SG_MATMUL_STAGE_ENCODER, &x, 0, &w, &y);
    w.rows = 0;
    sg_matmul_multiply(matmul, SG_MATMUL_STAGE_ENCODER, &x, 1, &w, &y);
    CHECK(y == 7.0f);
    sg_matmul_destroy(matmul);
}

typedef struct log_count {
    int messages;
    char last[512];
} log_count;

static void count_message(void *context, sg_log_level level, const char *message) {
    log_count *count = context;
    CHECK(level == SG_LOG_LEVEL_INFO);
    count->messages++;
    (void)snprintf(count->last, sizeof count->last, "%s", message);
}

/* The description names what runs, AUTO never fails for want of OpenBLAS, and two engines share it.
 */
static void says_what_it_uses(void) {
    log_count count = {0};
    sg_log log = {count_message, &count};
    sg_matmul *a = NULL;
    sg_matmul *b = NULL;
    sg_error error;
    CHECK_INT(
        sg_matmul_create(SG_MATMUL_BACKEND_AUTO, SG_CPU_LEVEL_PORTABLE, NULL, &log, &a, &error), 0);
    CHECK_INT(
        sg_matmul_create(SG_MATMUL_BACKEND_AUTO, SG_CPU_LEVEL_PORTABLE, NULL, &log, &b, &error), 0);
    CHECK_CONTAINS(sg_matmul_description(a), "portable");
    CHECK(count.messages == 2 || strstr(sg_matmul_description(a), "in the encoder") != NULL);
    CHECK_TEXT(sg_matmul_description(b), sg_matmul_description(a));
    printf("%s\n", sg_matmul_description(a));
    sg_matmul_destroy(a);
    sg_matmul_destroy(b);
    sg_matmul_destroy(NULL);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* Where address space is short OpenBLAS would hang while it is loaded: it must not be opened, and a
 * run that does not insist on it goes on without. */
static void keeps_openblas_out_of_small_spaces(void) {
#ifdef SANITIZED
    printf("sanitizers reserve too much address space to limit it: not tested\n");
#else
    struct rlimit before;
    struct rlimit small;
    unsigned long pages = 0;
    log_count count = {0};
    sg_log log = {count_message, &count};
    sg_matmul *matmul = NULL;
    sg_error error;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1 && fclose(file) == 0);
    CHECK_INT(getrlimit(RLIMIT_AS, &before), 0);
    small = before;
    small.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + (64UL << 20);
    CHECK_INT(setrlimit(RLIMIT_AS, &small), 0);
    CHECK_INT(
        sg_matmul_create(SG_MATMUL_BACKEND_BLAS, SG_CPU_LEVEL_AUTO, NULL, &log, &matmul, &error),
        SG_STATUS_MEMORY);
    CHECK(matmul == NULL);
    CHECK_CONTAINS(error.message, "address space");
    CHECK_CONTAINS(error.hint, "--matmul native");
    CHECK_INT(
        sg_matmul_create(SG_MATMUL_BACKEND_AUTO, SG_CPU_LEVEL_AUTO, NULL, &log, &matmul, &error),
        SG_STATUS_OK);
    CHECK_INT(count.messages, 1);
    CHECK(strstr(sg_matmul_description(matmul), "OpenBLAS") == NULL);
    CHECK_INT(setrlimit(RLIMIT_AS, &before), 0);
    sg_matmul_destroy(matmul);
#endif
}

/* A level that the CPU lacks is refused with the names of what is missing. */
static void refuses_missing_level(void) {
    sg_cpu_level best;
    sg_error error;
    sg_matmul *matmul = NULL;
    CHECK_INT(sg_cpu_choose(SG_CPU_LEVEL_AUTO, &best, &error), 0);
    if (best != SG_CPU_LEVEL_AVX512) {
        CHECK_INT(sg_matmul_create(SG_MATMUL_BACKEND_NATIVE, SG_CPU_LEVEL_AVX512, NULL, NULL,
                                   &matmul, &error),
                  SG_STATUS_ARGUMENT);
        CHECK_CONTAINS(error.message, "avx512");
        CHECK(matmul == NULL);
    }
    CHECK_INT(sg_cpu_choose((sg_cpu_level)77, &best, &error), SG_STATUS_ARGUMENT);
    CHECK_TEXT(sg_cpu_level_name(SG_CPU_LEVEL_AVX2), "avx2");
}

int main(void) {
    sg_error error;
    for (unsigned threads = 2; threads <= 4; threads++) {
        CHECK_INT(sg_thread_pool_create(threads, &pools[threads], &error), SG_STATUS_OK);
    }
    TEST(equals_plain_loop);
    TEST(is_independent_of_company);
    TEST(wide_levels_agree);
    TEST(reads_nothing_beyond);
    TEST(propagates_what_is_not_finite);
    TEST(takes_very_wide_rows);
    TEST(takes_nothing);
    TEST(says_what_it_uses);
    TEST(keeps_openblas_out_of_small_spaces);
    TEST(refuses_missing_level);
    for (unsigned threads = 2; threads <= 4; threads++) {
        sg_thread_pool_destroy(pools[threads]);
    }
    return test_end();
}
