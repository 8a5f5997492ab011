/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and log-softmax in float32, stable, flushing what would be subnormal to 0. */
#ifndef SG_MATH_SOFTMAX_H
#define SG_MATH_SOFTMAX_H

#include <stddef.h>

/* x[i] = exp(x[i] - max) / sum, in place over x[0..count), count 1 or more. -infinity gives exactly
 * 0. */
void sg_softmax(float *x, size_t count);

/* log(sum(exp(x[i]))) over x[0..count), count 1 or more: log-softmax is x[i] minus this. -infinity
 * where every x is. */
float sg_log_sum_exp(const float *x, size_t count);

#endif
