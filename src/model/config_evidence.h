/* SPDX-License-Identifier: Apache-2.0 */
/* What the tensors say about the numbers of config.json, and the edit that mends a wrong one. */
#ifndef SG_MODEL_CONFIG_EVIDENCE_H
#define SG_MODEL_CONFIG_EVIDENCE_H

#include <stdbool.h>

#include <switchgen/status.h>

#include "base/problem.h"
#include "model/config.h"
#include "storage/shard_index.h"

/* Compare `config` (after sg_model_reconcile) with the shapes and names in `index`. Each number
 * that they contradict is told to `sink`, with the edit to DIRECTORY/config.json as its hint, and
 * set in `config` to what the tensors say, so that a check against the tensors then finds what else
 * is wrong. `partial`: some weight files could not be opened, so that layers are not counted.
 * Returns a failure only if the sink wants no more. */
sg_status sg_config_evidence_check(sg_model_config *config, const sg_shard_index *index,
                                   bool partial, const char *directory, const sg_problem_sink *sink,
                                   sg_error *error) SG_MUST_CHECK;

#endif
