/* SPDX-License-Identifier: Apache-2.0 */
/* In: scores. Out: their softmax, or the logarithm of the sum of their exponentials. The largest
 * score is subtracted first, so nothing overflows; terms are added in blocks of float32 lanes,
 * blocks in double.
 *
 * What would come out subnormal is 0: a product over subnormals runs 20 times slower on some CPUs.
 */
#include "math/softmax.h"

#include <assert.h>
#include <float.h>
#include <math.h>

#include "math/exponential.h"
#include "math/lanes.h"

/* Terms a block: short enough that float32 lanes lose nothing that matters. */
#define BLOCK 512

/* The largest of x; NaN if any is NaN. */
static float largest(const float *x, size_t count) {
    float max = x[0];
    int nan_seen = 0;
    for (size_t i = 0; i < count; i++) {
        max = x[i] > max ? x[i] : max;
        nan_seen |= x[i] != x[i];
    }
    return nan_seen ? NAN : max;
}

/* The sum of exp(x[i] - max), which are also written to `out` unless it is NULL. */
static double sum_exponentials(const float *x, size_t count, float max, float *out) {
    double total = 0.0;
    for (size_t begin = 0; begin < count; begin += BLOCK) {
        size_t end = count - begin < BLOCK ? count : begin + BLOCK;
        float lanes[SG_LANES] = {0};
        float terms[SG_LANES];
        for (size_t i = begin; i < end; i += SG_LANES) {
            size_t width = end - i < SG_LANES ? end - i : SG_LANES;
            if (width == SG_LANES) {
                for (size_t l = 0; l < SG_LANES; l++) {
                    terms[l] = sg_exp(x[i + l] - max);
                }
            } else {
                for (size_t l = 0; l < SG_LANES; l++) {
                    terms[l] = l < width ? sg_exp(x[i + l] - max) : 0.0f;
                }
            }
            for (size_t l = 0; l < SG_LANES; l++) {
                lanes[l] += terms[l];
            }
            for (size_t l = 0; out != NULL && l < width; l++) {
                out[i + l] = terms[l];
            }
        }
        total += (double)sg_lanes_sum(lanes);
    }
    return total;
}

void sg_softmax(float *x, size_t count) {
    assert(count >= 1);
    float max = largest(x, count);
    float sum = (float)sum_exponentials(x, count, max, x);
    for (size_t i = 0; i < count; i++) {
        float p = x[i] / sum;
        x[i] = p < FLT_MIN ? 0.0f : p;
    }
}

float sg_log_sum_exp(const float *x, size_t count) {
    assert(count >= 1);
    float max = largest(x, count);
    if (!isfinite(max)) {
        return max; /* NaN; +infinity; -infinity where every x is */
    }
    return (float)((double)max + log(sum_exponentials(x, count, max, NULL)));
}
