/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen float32 lanes in the compiler's own vectors, and the one tree that adds them up. */
#ifndef SG_MATH_LANES_H
#define SG_MATH_LANES_H

#include <stddef.h>

/* Lane l of a sum over k takes the terms with k mod SG_LANES = l, in order of k. */
#define SG_LANES 16

/* Four floats at any alignment. */
typedef float sg_lanes4 __attribute__((vector_size(16), aligned(4), may_alias));

/* The sum of 16 lanes: lane i + lane i+8, then +4, +2, +1. Every sum over k in this program ends
 * so. */
static inline __attribute__((always_inline)) float sg_lanes_sum(const float lanes[SG_LANES]) {
    float eight[8];
    float four[4];
    for (int i = 0; i < 8; i++) {
        eight[i] = lanes[i] + lanes[i + 8];
    }
    for (int i = 0; i < 4; i++) {
        four[i] = eight[i] + eight[i + 4];
    }
    return (four[0] + four[2]) + (four[1] + four[3]);
}

#endif
