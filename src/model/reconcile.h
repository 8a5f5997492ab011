/* SPDX-License-Identifier: Apache-2.0 */
/* Where published files contradict themselves, the tensors win: the few known ways, each with a
 * warning. Any other disagreement is left as it is and refused when the tensors are bound
 * (weights.h). */
#ifndef SG_MODEL_RECONCILE_H
#define SG_MODEL_RECONCILE_H

#include <switchgen/options.h>

#include "model/config.h"
#include "storage/shard_index.h"

/* Correct `config` of a Switch model from the names in `index`:
 *   - more decoder blocks than num_decoder_layers says, and blocks that are sparse or dense against
 * the steps (google/switch-c-2048);
 *   - decoder.lm_head.weight: the head is the model's own and logits are not scaled (switch-c-2048,
 * -xxl-128);
 *   - wi_0 and wi_1: gated feed-forwards with gelu_new (switch-xxl-128).
 * Also warns of a decoder deeper than the encoder, which the reference cannot run with its cache.
 */
void sg_model_reconcile(sg_model_config *config, const sg_shard_index *index, const sg_log *log);

#endif
