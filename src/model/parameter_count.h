/* SPDX-License-Identifier: Apache-2.0 */
/* How many parameters a configuration stands for, and how many of them one token meets. */
#ifndef SG_MODEL_PARAMETER_COUNT_H
#define SG_MODEL_PARAMETER_COUNT_H

#include <stddef.h>
#include <stdint.h>

#include "model/config.h"

/* Numbers that do not fit are UINT64_MAX. */
typedef struct sg_parameter_count {
    uint64_t total;     /* tables + stacks */
    uint64_t per_token; /* total, but of each sparse block one expert only */
    uint64_t tables;    /* embeddings and head, [V, D] each */
    uint64_t stacks[2]; /* by sg_stack, all experts included */
    uint64_t experts;   /* of them all experts' matrices */
    uint64_t expert;    /* one expert's matrices; 0 without sparse blocks */
} sg_parameter_count;

/* Count for `config` with `tables` different tables of V x D: one where all are tied. Needs no
 * weights; a configuration that claims a million layers costs a million steps. */
void sg_parameter_count_of(const sg_model_config *config, size_t tables, sg_parameter_count *count);

#endif
