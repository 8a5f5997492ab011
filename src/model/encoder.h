/* SPDX-License-Identifier: Apache-2.0 */
/* Token ids to encoder states, for one sequence and for many: sequences laid end to end, never
 * padded. Products, norms, routers and experts see rows; attention and capacity walk the offsets.
 */
#ifndef SG_MODEL_ENCODER_H
#define SG_MODEL_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "model/switch_ffn.h"

/* What one sequence met on its way. */
typedef struct sg_encoder_outcome {
    size_t dropped; /* tokens over capacity, over all sparse blocks */
    size_t
        non_finite_block; /* first block after which its states were not finite; SIZE_MAX: none */
} sg_encoder_outcome;

/* Arena bytes that sg_encoder_run takes. SIZE_MAX on overflow. */
size_t sg_encoder_scratch(const sg_model *model, const sg_sequences *sequences, unsigned threads);

/* states[N, D] = the normed output of the last block for ids[N], N = offsets[count].
 *
 * outcomes  [count] written.
 * A sequence's states do not depend on the others. The arena must have room for sg_encoder_scratch
 * bytes and is left as it was. No allocation. Source: Raffel et al. 2019, section 2.1; Fedus et al.
 * 2021, section 2. */
void sg_encoder_run(const sg_model *model, sg_matmul *matmul, const int32_t *ids,
                    const sg_sequences *sequences, float *states, sg_encoder_outcome *outcomes,
                    sg_arena *arena, const sg_probe *probe);

#endif
