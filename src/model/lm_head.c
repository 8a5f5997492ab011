/* SPDX-License-Identifier: Apache-2.0 */
/* Scale, then one product with the (tied or own) table. */
#include "model/lm_head.h"

void sg_lm_head_score(const sg_model *model, sg_matmul *matmul, float *hidden, size_t rows,
                      float *logits) {
    float scale = model->weights.head_scale;
    for (size_t i = 0; i < rows * model->config.d_model; i++) {
        hidden[i] *= scale;
    }
    sg_matmul_multiply(matmul, SG_MATMUL_STAGE_DECODER, hidden, rows, &model->weights.head, logits);
}
