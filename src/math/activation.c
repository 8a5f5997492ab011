/* SPDX-License-Identifier: Apache-2.0 */
/* In: the hidden layer of a feed-forward. Out: the same, activated, element by element. */
#include "math/activation.h"

#include <math.h>

#include "math/exponential.h"

/* Elements that a gated activation does at once, through a buffer on the stack. */
#define CHUNK 64

static void apply_relu(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        x[i] = x[i] < 0.0f ? 0.0f : x[i]; /* NaN is not below 0 */
    }
}

static void apply_gelu(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        x[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.707106781f)); /* 1 / sqrt(2) */
    }
}

/* tanh(u) = 1 - 2 / (1 + e^2u), which saturates by itself: 0.5 (1 + tanh u) = 1 / (1 + e^-2u). */
static void apply_gelu_new(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float u = 0.797884561f * (x[i] + 0.044715f * x[i] * x[i] * x[i]); /* sqrt(2 / pi) */
        x[i] = x[i] * (1.0f / (1.0f + sg_exp(-2.0f * u)));
    }
}

static void apply_silu(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        x[i] = x[i] / (1.0f + sg_exp(-x[i]));
    }
}

void sg_activation_apply(sg_activation activation, float *x, size_t count) {
    switch (activation) {
    case SG_ACTIVATION_RELU:
        apply_relu(x, count);
        break;
    case SG_ACTIVATION_GELU:
        apply_gelu(x, count);
        break;
    case SG_ACTIVATION_GELU_NEW:
        apply_gelu_new(x, count);
        break;
    case SG_ACTIVATION_SILU:
        apply_silu(x, count);
        break;
    }
}

void sg_activation_apply_gated(sg_activation activation, float *x, const float *gate,
                               size_t count) {
    for (size_t begin = 0; begin < count; begin += CHUNK) {
        size_t end = count - begin < CHUNK ? count : begin + CHUNK;
        sg_activation_apply(activation, x + begin, end - begin);
        for (size_t i = begin; i < end; i++) {
            x[i] *= gate[i];
        }
    }
}

const char *sg_activation_name(sg_activation activation) {
    switch (activation) {
    case SG_ACTIVATION_RELU:
        return "relu";
    case SG_ACTIVATION_GELU:
        return "gelu";
    case SG_ACTIVATION_GELU_NEW:
        return "gelu_new";
    case SG_ACTIVATION_SILU:
        break;
    }
    return "silu";
}
