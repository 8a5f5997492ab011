/* SPDX-License-Identifier: Apache-2.0 */
/* How a model's weights come into memory, and whether they fit there. */
#ifndef SG_MODEL_RESIDENCY_H
#define SG_MODEL_RESIDENCY_H

#include <switchgen/options.h>
#include <switchgen/status.h>

#include "model/weights.h"
#include "storage/shard_index.h"

/* Compare the weights' bytes with the memory at hand (a warning gives both numbers), then read or
 * lock them if `load` says so. A lock that fails is a warning that names the limit. Errors:
 * SG_STATUS_MEMORY, _IO, _CHANGED. */
sg_status sg_residency_apply(sg_shard_index *index, sg_load load, const sg_log *log,
                             sg_error *error) SG_MUST_CHECK;

/* Announce to the system the weights that every run reads: all but the experts, and but an
 * embedding table that is no head (its rows are read one by one). A hint. */
void sg_residency_announce_dense(const sg_weights *weights);

/* Announce one expert, which a router has just picked. A hint. */
void sg_residency_announce_expert(const sg_ffn *expert);

#endif
