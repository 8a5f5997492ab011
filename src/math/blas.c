/* SPDX-License-Identifier: Apache-2.0 */
/* In: a tile of a product in float32. Out: the same from OpenBLAS; this is the only file that knows
 * it.
 *
 * OpenBLAS is opened at run time because of what it does when loaded: its constructor chooses
 * kernels (0.3.21 takes the oldest, Prescott, for CPUs newer than itself), starts threads, and
 * hangs or ends the process where address space is short. So the environment it reads is set first,
 * and the space is proved first. */
#include "math/blas.h"

#include <assert.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/memory.h"
#include "math/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define LIBRARY "libopenblas.so.0"
#define NUM_THREADS_VARIABLE "OPENBLAS_NUM_THREADS"
#define CORE_TYPE_VARIABLE "OPENBLAS_CORETYPE"
/* Measured with 0.3.21: 177 MB to start, 120 MB more for each thread that calls. */
#define SPACE_TO_START ((size_t)256 << 20)
#define SPACE_A_THREAD ((size_t)128 << 20)
/* Threads of Debian's build; each call holds one of twice as many buffers. */
#define DEFAULT_MAX_THREADS 64

/* cblas.h's CblasRowMajor, CblasNoTrans and CblasTrans. */
#define ROW_MAJOR 101
#define NO_TRANSPOSE 111
#define TRANSPOSE 112

typedef void (*sgemm_function)(int order, int transpose_a, int transpose_b, int m, int n, int k,
                               float alpha, const float *a, int lda, const float *b, int ldb,
                               float beta, float *c, int ldc);
typedef void (*set_threads_function)(int threads);
typedef char *(*text_function)(void);

struct sg_blas {
    void *library;
    sgemm_function sgemm;
    char core[32];
    char description[128];
};

/* Serialises opening: the environment is the process's, and two engines may be opened at once. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static bool is_amd(void) {
#if defined(__x86_64__)
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    return __get_cpuid(0, &a, &b, &c, &d) != 0 && b == signature_AMD_ebx;
#else
    return false;
#endif
}

/* OpenBLAS's name for the kernels that fit this CPU; NULL: let it choose. */
static const char *fitting_core(void) {
    sg_cpu_level level;
    if (sg_cpu_choose(SG_CPU_LEVEL_AUTO, &level, NULL) != SG_STATUS_OK) {
        return NULL;
    }
    switch (level) {
    case SG_CPU_LEVEL_AVX512:
        return "SkylakeX";
    case SG_CPU_LEVEL_AVX2:
        return is_amd() ? "Zen" : "Haswell";
    case SG_CPU_LEVEL_AUTO:
    case SG_CPU_LEVEL_PORTABLE:
        break;
    }
    return NULL;
}

/* Reserve and release the address space that the library will want, so that it cannot run out of
 * it. */
static sg_status prove_address_space(unsigned threads, sg_error *error) {
    size_t bytes = SPACE_TO_START + threads * SPACE_A_THREAD;
    void *space = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED) {
        (void)sg_error_set(error, SG_STATUS_MEMORY,
                           "OpenBLAS needs %zu MiB of address space, which are not to be had",
                           bytes >> 20);
        return sg_error_hint(error, "raise the limit (ulimit -v), lower --threads, or use "
                                    "--matmul native");
    }
    (void)munmap(space, bytes);
    return SG_STATUS_OK;
}

/* dlopen with the two variables set that the user has not set, and taken back afterwards: the
 * library reads them once, in its constructor. */
static void *load_library(void) {
    void *loaded = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (loaded != NULL) {
        return loaded;
    }
    const char *core = getenv(CORE_TYPE_VARIABLE) == NULL ? fitting_core() : NULL;
    bool set_threads = getenv(NUM_THREADS_VARIABLE) == NULL;
    if (core != NULL) {
        (void)setenv(CORE_TYPE_VARIABLE, core, 1);
    }
    if (set_threads) {
        (void)setenv(NUM_THREADS_VARIABLE, "1", 1);
    }
    loaded = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (core != NULL) {
        (void)unsetenv(CORE_TYPE_VARIABLE);
    }
    if (set_threads) {
        (void)unsetenv(NUM_THREADS_VARIABLE);
    }
    return loaded;
}

/* Copy a function's address; ISO C has no cast from an object pointer to a function pointer. */
static bool find_function(void *library, const char *name, void *function, size_t size) {
    void *address = dlsym(library, name);
    memcpy(function, &address, size);
    return address != NULL;
}

/* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ... Zen MAX_THREADS=64": name and version, and the
 * limit. */
static unsigned describe(sg_blas *blas, const char *config) {
    char version[64] = "OpenBLAS";
    unsigned long threads = DEFAULT_MAX_THREADS;
    const char *space = strchr(config, ' ');
    const char *end = space == NULL ? NULL : strchr(space + 1, ' ');
    size_t length = end == NULL ? strlen(config) : (size_t)(end - config);
    (void)snprintf(version, sizeof version, "%.*s", length < 63 ? (int)length : 63, config);
    (void)snprintf(blas->description, sizeof blas->description, "%s %s", version, blas->core);
    const char *limit = strstr(config, "MAX_THREADS=");
    if (limit != NULL) {
        threads = strtoul(limit + strlen("MAX_THREADS="), NULL, 10);
    }
    return threads > 0 && threads <= UINT_MAX ? (unsigned)threads : DEFAULT_MAX_THREADS;
}

/* Find the functions, set one thread, read what the library is. */
static sg_status bind(sg_blas *blas, unsigned threads, sg_error *error) {
    set_threads_function set_threads;
    text_function get_config;
    text_function get_core;
    void *library = blas->library;
    if (!find_function(library, "cblas_sgemm", &blas->sgemm, sizeof blas->sgemm) ||
        !find_function(library, "openblas_set_num_threads", &set_threads, sizeof set_threads) ||
        !find_function(library, "openblas_get_config", &get_config, sizeof get_config) ||
        !find_function(library, "openblas_get_corename", &get_core, sizeof get_core)) {
        return sg_error_set(error, SG_STATUS_NOT_FOUND,
                            "%s is not OpenBLAS: it lacks its functions", LIBRARY);
    }
    set_threads(1);
    (void)snprintf(blas->core, sizeof blas->core, "%s", get_core());
    unsigned most = describe(blas, get_config());
    if (threads > most) {
        return sg_error_set(error, SG_STATUS_UNSUPPORTED,
                            "%s was built for at most %u threads, not %u", blas->description, most,
                            threads);
    }
    return SG_STATUS_OK;
}

sg_status sg_blas_open(unsigned threads, sg_blas **blas, sg_error *error) {
    SG_TRY(prove_address_space(threads, error));
    sg_blas *made = sg_memory_alloc_zeroed(1, sizeof *made);
    if (made == NULL) {
        return sg_memory_error(error, "OpenBLAS handle", sizeof *made);
    }
    (void)pthread_mutex_lock(&opening);
    made->library = load_library();
    sg_status status = SG_STATUS_OK;
    if (made->library == NULL) {
        const char *reason = dlerror();
        (void)sg_error_set(error, SG_STATUS_NOT_FOUND, "cannot open OpenBLAS: %s",
                           reason != NULL ? reason : LIBRARY);
        (void)sg_error_hint(error,
                            "install it (Debian: libopenblas0-pthread), or use --matmul native");
        status = SG_STATUS_NOT_FOUND;
    } else {
        status = bind(made, threads, error);
    }
    (void)pthread_mutex_unlock(&opening);
    if (status != SG_STATUS_OK) {
        sg_blas_close(made);
        return status;
    }
    *blas = made;
    return SG_STATUS_OK;
}

void sg_blas_close(sg_blas *blas) {
    if (blas == NULL) {
        return;
    }
    if (blas->library != NULL) {
        (void)dlclose(blas->library);
    }
    sg_memory_free(blas);
}

const char *sg_blas_description(const sg_blas *blas) {
    return blas->description;
}

bool sg_blas_keeps_order(const sg_blas *blas) {
    /* Where tests/unit/test_matmul.c passed with OPENBLAS_CORETYPE set to it. */
    static const char *const tested[] = {"SkylakeX",    "Cooperlake", "Haswell", "Zen",
                                         "Sandybridge", "Nehalem",    "Core2",   "Prescott"};
    for (size_t i = 0; i < sizeof tested / sizeof *tested; i++) {
        if (strcmp(blas->core, tested[i]) == 0) {
            return true;
        }
    }
    return false;
}

void sg_blas_multiply(const sg_blas *blas, const sg_blas_tile *tile) {
    assert(tile->outputs <= INT_MAX && tile->columns <= INT_MAX && tile->x_stride <= INT_MAX &&
           tile->w_stride <= INT_MAX && tile->y_stride <= INT_MAX);
    blas->sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, SG_BLAS_TILE_ROWS, (int)tile->outputs,
                (int)tile->columns, 1.0f, tile->x, (int)tile->x_stride, tile->w,
                (int)tile->w_stride, tile->add ? 1.0f : 0.0f, tile->y, (int)tile->y_stride);
}
