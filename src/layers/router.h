/* SPDX-License-Identifier: Apache-2.0 */
/* Top-1 routing (Fedus et al. 2021, arXiv 2101.03961, section 2.1 eq. 1-2, section 2.2 eq. 3). */
#ifndef SG_LAYERS_ROUTER_H
#define SG_LAYERS_ROUTER_H

#include <stddef.h>
#include <stdint.h>

#include "math/matmul.h"

typedef struct sg_router {
    sg_matrix classifier; /* [E, D] */
    sg_matrix bias;       /* [1, E]; data NULL where the config has none */
} sg_router;

/* Choose an expert for each token.
 *
 * x       [tokens, D] f32, already normed. Borrowed.
 * logits  scratch of tokens * E floats.
 * expert  [tokens] written, 0 .. E-1: the largest probability, the lowest index on a tie (0 if all
 * are NaN). gate    [tokens] written: that probability, softmax in f32. */
void sg_router_assign(sg_matmul *matmul, sg_matmul_stage stage, const sg_router *router,
                      const float *x, size_t tokens, float *logits, int32_t *expert, float *gate);

/* Apply the capacity to one sequence: walk its tokens in order, count those that chose each expert,
 * the dropped included, and set expert[t] = -1 for every token whose count exceeds `capacity` (0 or
 * less drops all). counts: scratch of E entries. Returns the number dropped. Source:
 * SwitchTransformersTop1Router of transformers 5.23.0 (capacity enforced per sequence). */
size_t sg_router_drop(int32_t *expert, size_t tokens, size_t num_experts, int64_t capacity,
                      size_t *counts);

#endif
