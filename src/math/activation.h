/* SPDX-License-Identifier: Apache-2.0 */
/* The activations that T5's configurations can name. */
#ifndef SG_MATH_ACTIVATION_H
#define SG_MATH_ACTIVATION_H

#include <stddef.h>

typedef enum sg_activation {
    SG_ACTIVATION_RELU = 0,
    SG_ACTIVATION_GELU,     /* 0.5 x (1 + erf(x / sqrt 2)) */
    SG_ACTIVATION_GELU_NEW, /* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
    SG_ACTIVATION_SILU      /* x / (1 + exp(-x)); also called swish */
} sg_activation;

/* "relu", "gelu", "gelu_new", "silu". Static storage. */
const char *sg_activation_name(sg_activation activation);

/* x[i] = act(x[i]) in place; NaN stays NaN. */
void sg_activation_apply(sg_activation activation, float *x, size_t count);

/* x[i] = act(x[i]) * gate[i] (Shazeer 2020, arXiv 2002.05202). */
void sg_activation_apply_gated(sg_activation activation, float *x, const float *gate, size_t count);

#endif
