/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder's output to scores over the vocabulary: logits = W_head (s * y). */
#ifndef SG_MODEL_LM_HEAD_H
#define SG_MODEL_LM_HEAD_H

#include <stddef.h>

#include "math/matmul.h"
#include "model/model.h"

/* logits[rows, V] from hidden [rows, D], which is scaled in place. All V rows of the head are
 * scored, those beyond the tokenizer's too, as the reference does. */
void sg_lm_head_score(const sg_model *model, sg_matmul *matmul, float *hidden, size_t rows,
                      float *logits);

#endif
