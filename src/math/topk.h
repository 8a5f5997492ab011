/* SPDX-License-Identifier: Apache-2.0 */
/* The largest of many numbers. NaN is never chosen before a number. */
#ifndef SG_MATH_TOPK_H
#define SG_MATH_TOPK_H

#include <stddef.h>

/* Index of the largest of x[0..count), count 1 or more; the lowest index on a tie; 0 if all are
 * NaN. */
size_t sg_argmax(const float *x, size_t count);

typedef struct sg_scored {
    float score;
    size_t index;
} sg_scored;

/* Offer x[0..count), whose indices begin at `first_index`, to the best `k` so far, kept as a heap
 * in best[0..*used); k 1 or more. Ties: the lower index is the better one. Call once per stretch,
 * then sg_topk_sort. */
void sg_topk_offer(const float *x, size_t count, size_t first_index, sg_scored *best, size_t k,
                   size_t *used);

/* Put best[0..used) in order, best first. */
void sg_topk_sort(sg_scored *best, size_t used);

#endif
