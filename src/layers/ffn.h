/* SPDX-License-Identifier: Apache-2.0 */
/* The dense feed-forward: wo(act(wi x)), or gated: wo(act(wi_0 x) * wi_1 x). One expert is this,
 * too. */
#ifndef SG_LAYERS_FFN_H
#define SG_LAYERS_FFN_H

#include <stddef.h>

#include "math/activation.h"
#include "math/matmul.h"

typedef struct sg_ffn {
    sg_matrix wi;   /* [F, D]; wi_0 where gated */
    sg_matrix wi_1; /* [F, D]; data NULL where not gated */
    sg_matrix wo;   /* [D, F] */
} sg_ffn;

/* y = ffn(x) for x [rows, D] into y [rows, D]. hidden: scratch of rows * F floats, 2 * rows * F
 * where gated. */
void sg_ffn_forward(sg_matmul *matmul, sg_matmul_stage stage, const sg_ffn *ffn,
                    sg_activation activation, const float *x, size_t rows, float *hidden, float *y);

#endif
