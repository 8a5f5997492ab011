/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that are the same in every run: a 64-bit linear congruential generator (Knuth's MMIX constants). */
#ifndef SG_TEST_RANDOM_H
#define SG_TEST_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t random_bits(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* 0 .. limit - 1. */
static inline size_t random_below(uint64_t *state, size_t limit) {
    return (size_t)random_bits(state) % limit;
}

/* -1 .. 1, 24 bits. */
static inline float random_float(uint64_t *state) {
    return (float)(int32_t)(random_bits(state) >> 7) * 0x1p-24f - 1.0f;
}

static inline void random_fill(uint64_t *state, float *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        x[i] = random_float(state);
    }
}

#endif
