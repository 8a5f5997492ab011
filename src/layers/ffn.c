/* SPDX-License-Identifier: Apache-2.0 */
/* In: normed activations. Out: what the feed-forward adds to them. */
#include "layers/ffn.h"

#include <assert.h>

void sg_ffn_forward(sg_matmul *matmul, sg_matmul_stage stage, const sg_ffn *ffn,
                    sg_activation activation, const float *x, size_t rows, float *hidden,
                    float *y) {
    size_t count = rows * ffn->wi.rows;
    assert(ffn->wo.columns == ffn->wi.rows && ffn->wo.rows == ffn->wi.columns);
    sg_matmul_multiply(matmul, stage, x, rows, &ffn->wi, hidden);
    if (ffn->wi_1.data != NULL) {
        float *gate = hidden + count;
        sg_matmul_multiply(matmul, stage, x, rows, &ffn->wi_1, gate);
        sg_activation_apply_gated(activation, hidden, gate, count);
    } else {
        sg_activation_apply(activation, hidden, count);
    }
    sg_matmul_multiply(matmul, stage, hidden, rows, &ffn->wo, y);
}
