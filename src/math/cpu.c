/* SPDX-License-Identifier: Apache-2.0 */
/* In: what cpuid and xgetbv say. Out: the level of kernels to run. A level is offered only if the
 * CPU has every instruction of it and the operating system saves its registers. */
#include "math/cpu.h"

#include <stdbool.h>

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdint.h>

/* Bits of XCR0 (Intel SDM volume 1, 13.3): SSE and AVX state; the three parts of AVX-512 state. */
#define XCR0_AVX 0x6u
#define XCR0_AVX512 0xe6u

static uint32_t read_xcr0(void) {
    uint32_t low;
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/* The best level that the CPU and the operating system have. */
static sg_cpu_level best_level(void) {
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) {
        return SG_CPU_LEVEL_PORTABLE;
    }
    bool fused = (c & bit_FMA) != 0 && (c & bit_F16C) != 0 && (c & bit_AVX) != 0;
    uint32_t saved = read_xcr0();
    if (!fused || (saved & XCR0_AVX) != XCR0_AVX || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 ||
        (b & bit_AVX2) == 0) {
        return SG_CPU_LEVEL_PORTABLE;
    }
    const unsigned wide = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if ((b & wide) == wide && (saved & XCR0_AVX512) == XCR0_AVX512) {
        return SG_CPU_LEVEL_AVX512;
    }
    return SG_CPU_LEVEL_AVX2;
}
#else
static sg_cpu_level best_level(void) {
    return SG_CPU_LEVEL_PORTABLE;
}
#endif

/* What a level needs, in the words of /proc/cpuinfo. */
static const char *level_needs(sg_cpu_level level) {
    return level == SG_CPU_LEVEL_AVX512 ? "avx512f, avx512bw, avx512dq and avx512vl"
                                        : "avx2, fma and f16c";
}

sg_status sg_cpu_choose(sg_cpu_level wanted, sg_cpu_level *level, sg_error *error) {
    sg_cpu_level best = best_level();
    if (wanted == SG_CPU_LEVEL_AUTO) {
        *level = best;
        return SG_STATUS_OK;
    }
    if (wanted < SG_CPU_LEVEL_PORTABLE || wanted > SG_CPU_LEVEL_AVX512) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "no such cpu level: %d", (int)wanted);
    }
    if (wanted > best) {
        return sg_error_set(error, SG_STATUS_ARGUMENT,
                            "cpu level %s needs %s, the best that this machine has is %s",
                            sg_cpu_level_name(wanted), level_needs(wanted),
                            sg_cpu_level_name(best));
    }
    *level = wanted;
    return SG_STATUS_OK;
}

const char *sg_cpu_level_name(sg_cpu_level level) {
    switch (level) {
    case SG_CPU_LEVEL_AUTO:
        return "auto";
    case SG_CPU_LEVEL_PORTABLE:
        return "portable";
    case SG_CPU_LEVEL_AVX2:
        return "avx2";
    case SG_CPU_LEVEL_AVX512:
        return "avx512";
    }
    return "unknown";
}
