/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens gathered by expert, each expert's feed-forward run once, results scattered back with the
 * gate. */
#ifndef SG_LAYERS_EXPERTS_H
#define SG_LAYERS_EXPERTS_H

#include <stddef.h>
#include <stdint.h>

#include "layers/ffn.h"

/* The most tokens of one expert that go through its products at once; bounds the scratch. */
#define SG_EXPERTS_CHUNK 256

/* Scratch that sg_experts_add needs for `tokens` tokens. */
typedef struct sg_experts_scratch {
    float *gathered; /* [min(tokens, SG_EXPERTS_CHUNK), D] */
    float *hidden;   /* [min(tokens, SG_EXPERTS_CHUNK), F], twice that where gated */
    float *output;   /* [min(tokens, SG_EXPERTS_CHUNK), D] */
    size_t *order;   /* [tokens] */
    size_t *starts;  /* [E + 1] */
} sg_experts_scratch;

/* y[t] += gate[t] * expert_{expert[t]}(x[t]) for every token t with expert[t] >= 0.
 *
 * experts [E]; x, y [tokens, D]. Experts that no token chose are not read. */
void sg_experts_add(sg_matmul *matmul, sg_matmul_stage stage, const sg_ffn *experts,
                    size_t num_experts, sg_activation activation, const float *x,
                    const int32_t *expert, const float *gate, size_t tokens,
                    sg_experts_scratch *scratch, float *y);

#endif
