/* SPDX-License-Identifier: Apache-2.0 */
/* In: rows of activations and a weight as stored. Out: the rows, normed. A row's result depends on
 * that row alone: its squares are added in the lanes of lanes.h. */
#include "math/norm.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "math/half.h"
#include "math/lanes.h"

static float sum_of_squares(const float *x, size_t count) {
    float lanes[SG_LANES] = {0};
    size_t i = 0;
    for (; i + SG_LANES <= count; i += SG_LANES) {
        for (size_t l = 0; l < SG_LANES; l++) {
            lanes[l] += x[i + l] * x[i + l];
        }
    }
    for (size_t l = 0; i + l < count; l++) {
        lanes[l] += x[i + l] * x[i + l];
    }
    return sg_lanes_sum(lanes);
}

/* weight[first .. first + count - 1], widened. */
static void read_weight(const sg_matrix *weight, size_t first, size_t count, float *out) {
    const unsigned char *bytes = weight->data;
    bytes += first * sg_weight_type_size(weight->type);
    if (weight->type == SG_WEIGHT_TYPE_F32) {
        memcpy(out, bytes, count * sizeof *out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, bytes + 2 * i, sizeof bits);
        out[i] =
            weight->type == SG_WEIGHT_TYPE_BF16 ? sg_half_from_bf16(bits) : sg_half_from_f16(bits);
    }
}

void sg_norm_rms(const float *x, size_t rows, const sg_matrix *weight, float epsilon, float *y) {
    size_t d_model = weight->columns;
    assert(d_model >= 1);
    for (size_t row = 0; row < rows; row++) {
        const float *in = x + row * d_model;
        float *out = y + row * d_model;
        float scale = 1.0f / sqrtf(sum_of_squares(in, d_model) / (float)d_model + epsilon);
        for (size_t i = 0; i < d_model; i += SG_LANES) {
            float w[SG_LANES];
            size_t count = d_model - i < SG_LANES ? d_model - i : SG_LANES;
            read_weight(weight, i, count, w);
            for (size_t l = 0; l < count; l++) {
                out[i + l] = w[l] * (in[i + l] * scale);
            }
        }
    }
}
