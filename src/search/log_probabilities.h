/* SPDX-License-Identifier: Apache-2.0 */
/* A row of logits as log-probabilities, in the order of operations of the reference's log_softmax:
 * (logit - max) - log(sum(exp(logit - max))), float32. */
#ifndef SG_SEARCH_LOG_PROBABILITIES_H
#define SG_SEARCH_LOG_PROBABILITIES_H

#include <stddef.h>

#include <switchgen/status.h>

/* What one row is normalised by. */
typedef struct sg_log_normaliser {
    float max;
    float log_sum; /* of the exponentials of logit - max */
} sg_log_normaliser;

/* Check a row and turn it into log-probabilities.
 *
 * logits      [V] Borrowed.
 * row         which row it is, for messages
 * logprobs    [V] written; not `logits` itself
 * normaliser  written
 *
 * Errors: SG_STATUS_NUMERIC if a logit is NaN or +infinity, or none is finite. */
sg_status sg_log_probabilities(const float *logits, size_t vocab_size, size_t row, float *logprobs,
                               sg_log_normaliser *normaliser, sg_error *error) SG_MUST_CHECK;

/* The log-probability of one logit of the row. */
float sg_log_probability(const sg_log_normaliser *normaliser, float logit);

#endif
