/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on sizes that come from outside. Plain * and + on such sizes are a defect. */
#ifndef SG_BASE_CHECKED_H
#define SG_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a * b. Returns false, leaving *out alone, if the product does not fit. */
static inline bool sg_checked_mul(size_t a, size_t b, size_t *out) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *out = product;
    return true;
}

/* *out = a + b. Returns false, leaving *out alone, if the sum does not fit. */
static inline bool sg_checked_add(size_t a, size_t b, size_t *out) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *out = sum;
    return true;
}

#endif
