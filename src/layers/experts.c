/* SPDX-License-Identifier: Apache-2.0 */
/* In: tokens, the expert of each and its gate. Out: what the experts add. Each expert's weights are
 * read once for every SG_EXPERTS_CHUNK of its tokens; a token's result does not depend on the
 * tokens beside it, because that of a product does not. */
#include "layers/experts.h"

#include <assert.h>
#include <string.h>

/* Counting sort, stable: order[starts[e] .. starts[e + 1]) are the tokens of expert e. */
static void sort_by_expert(const int32_t *expert, size_t tokens, size_t num_experts,
                           sg_experts_scratch *scratch) {
    size_t *starts = scratch->starts;
    memset(starts, 0, (num_experts + 1) * sizeof *starts);
    for (size_t t = 0; t < tokens; t++) {
        assert(expert[t] < 0 || (size_t)expert[t] < num_experts);
        if (expert[t] >= 0) {
            starts[expert[t] + 1]++;
        }
    }
    for (size_t e = 0; e < num_experts; e++) {
        starts[e + 1] += starts[e];
    }
    /* Placing moves each start to its end, which is the next one's start. */
    for (size_t t = 0; t < tokens; t++) {
        if (expert[t] >= 0) {
            scratch->order[starts[expert[t]]++] = t;
        }
    }
    memmove(starts + 1, starts, num_experts * sizeof *starts);
    starts[0] = 0;
}

void sg_experts_add(sg_matmul *matmul, sg_matmul_stage stage, const sg_ffn *experts,
                    size_t num_experts, sg_activation activation, const float *x,
                    const int32_t *expert, const float *gate, size_t tokens,
                    sg_experts_scratch *scratch, float *y) {
    sort_by_expert(expert, tokens, num_experts, scratch);
    for (size_t e = 0; e < num_experts; e++) {
        size_t d_model = experts[e].wi.columns;
        size_t end = scratch->starts[e + 1];
        for (size_t begin = scratch->starts[e]; begin < end; begin += SG_EXPERTS_CHUNK) {
            const size_t *order = scratch->order + begin;
            size_t count = end - begin < SG_EXPERTS_CHUNK ? end - begin : SG_EXPERTS_CHUNK;
            for (size_t i = 0; i < count; i++) {
                memcpy(scratch->gathered + i * d_model, x + order[i] * d_model,
                       d_model * sizeof *x);
            }
            sg_ffn_forward(matmul, stage, &experts[e], activation, scratch->gathered, count,
                           scratch->hidden, scratch->output);
            for (size_t i = 0; i < count; i++) {
                const float *out = scratch->output + i * d_model;
                float *sum = y + order[i] * d_model;
                for (size_t d = 0; d < d_model; d++) {
                    sum[d] += gate[order[i]] * out[d];
                }
            }
        }
    }
}
