/* SPDX-License-Identifier: Apache-2.0 */
/* In: normed activations. Out: one expert and one gate a token; then which tokens their expert has
 * no room for. A token's choice depends on the token alone, its place in the queue on its own
 * sequence alone. */
#include "layers/router.h"

#include <assert.h>
#include <string.h>

#include "math/softmax.h"
#include "math/topk.h"

/* Add the router's bias, as stored, to each token's logits. */
static void add_bias(const sg_matrix *bias, float *logits, size_t tokens) {
    for (size_t e = 0; e < bias->columns; e++) {
        sg_matrix element = {.type = bias->type, .rows = bias->columns, .columns = 1};
        float value;
        element.data = bias->data;
        sg_matrix_read_row(&element, e, &value);
        for (size_t t = 0; t < tokens; t++) {
            logits[t * bias->columns + e] += value;
        }
    }
}

void sg_router_assign(sg_matmul *matmul, sg_matmul_stage stage, const sg_router *router,
                      const float *x, size_t tokens, float *logits, int32_t *expert, float *gate) {
    size_t num_experts = router->classifier.rows;
    assert(num_experts >= 1 && num_experts <= INT32_MAX);
    sg_matmul_multiply(matmul, stage, x, tokens, &router->classifier, logits);
    if (router->bias.data != NULL) {
        add_bias(&router->bias, logits, tokens);
    }
    for (size_t t = 0; t < tokens; t++) {
        float *probabilities = logits + t * num_experts;
        sg_softmax(probabilities, num_experts);
        /* Of the probabilities, not of the logits: close logits may share one probability. */
        size_t best = sg_argmax(probabilities, num_experts);
        expert[t] = (int32_t)best;
        gate[t] = probabilities[best];
    }
}

size_t sg_router_drop(int32_t *expert, size_t tokens, size_t num_experts, int64_t capacity,
                      size_t *counts) {
    size_t dropped = 0;
    memset(counts, 0, num_experts * sizeof *counts);
    for (size_t t = 0; t < tokens; t++) {
        assert(expert[t] >= 0 && (size_t)expert[t] < num_experts);
        size_t count = ++counts[expert[t]];
        if (capacity <= 0 || count > (uint64_t)capacity) {
            expert[t] = -1;
            dropped++;
        }
    }
    return dropped;
}
