/* SPDX-License-Identifier: Apache-2.0 */
/* RMS norm (Zhang & Sennrich 2019, arXiv 1910.07467): y = w * x / sqrt(mean(x^2) + epsilon). */
#ifndef SG_MATH_NORM_H
#define SG_MATH_NORM_H

#include <stddef.h>

#include "math/matmul.h"

/* Norm each row of x [rows, D] by itself into y [rows, D] (may be x). weight: a vector of D =
 * weight->columns, as stored. No mean subtraction, no bias. */
void sg_norm_rms(const float *x, size_t rows, const sg_matrix *weight, float epsilon, float *y);

#endif
