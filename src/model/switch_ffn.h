/* SPDX-License-Identifier: Apache-2.0 */
/* The feed-forward sublayer of a block, dense or sparse: norm, feed-forward or router and experts,
 * residual. A token over capacity gets nothing added: only the residual carries it
 * (transformers 5.23.0). */
#ifndef SG_MODEL_SWITCH_FFN_H
#define SG_MODEL_SWITCH_FFN_H

#include <stddef.h>

#include <switchgen/status.h>

#include "base/arena.h"
#include "model/model.h"
#include "model/probe.h"

/* Most rows that go through a dense product at once; bounds the scratch of long texts. */
#define SG_MODEL_ROW_CHUNK 256

/* Sequences laid end to end: sequence b has the rows offsets[b] .. offsets[b+1] - 1. */
typedef struct sg_sequences {
    const size_t *offsets; /* [count + 1], offsets[0] = 0 */
    size_t count;          /* B */
} sg_sequences;

/* Arena bytes that sg_switch_ffn_add takes for `rows` rows. SIZE_MAX on overflow. */
size_t sg_switch_ffn_scratch(const sg_model_config *config, size_t rows);

/* states[N, D] += sublayer(states) of `block`, N = offsets[count]; capacity is counted per
 * sequence. dropped: [count], increased by the tokens over capacity. The arena is left as it was.
 */
void sg_switch_ffn_add(const sg_model *model, sg_matmul *matmul, sg_matmul_stage stage,
                       sg_stack stack, size_t block, const sg_sequences *sequences, float *states,
                       size_t *dropped, sg_arena *arena, const sg_probe *probe);

/* y[i] += x[i] for i < count. */
void sg_residual_add(float *y, const float *x, size_t count);

#endif
