/* SPDX-License-Identifier: Apache-2.0 */
/* Log-softmax of one row with a check of every value. The largest logit is taken away before the
 * sum is known, and the two are never added, so that large logits lose no digits (the reference's
 * order). */
#include "search/log_probabilities.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "math/softmax.h"
#include "math/topk.h"

/* True for NaN and +infinity: all exponent bits set, and not the one pattern of -infinity.
 * Integers, so that the compiler can take many at a time. */
static uint32_t is_poison(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint32_t)((bits & UINT32_C(0x7fffffff)) >= UINT32_C(0x7f800000)) &
           (uint32_t)(bits != UINT32_C(0xff800000));
}

static sg_status poison_error(const float *logits, size_t vocab_size, size_t row, sg_error *error) {
    size_t token = 0;
    while (token + 1 < vocab_size && is_poison(logits[token]) == 0) {
        token++;
    }
    return sg_error_set(error, SG_STATUS_NUMERIC,
                        "logit of token %zu in row %zu is %s, expected a finite number", token, row,
                        isnan(logits[token]) ? "not a number" : "infinite");
}

sg_status sg_log_probabilities(const float *logits, size_t vocab_size, size_t row, float *logprobs,
                               sg_log_normaliser *normaliser, sg_error *error) {
    uint32_t poison = 0;
    for (size_t i = 0; i < vocab_size; i++) {
        poison |= is_poison(logits[i]);
    }
    if (poison != 0) {
        return poison_error(logits, vocab_size, row, error);
    }
    float max = logits[sg_argmax(logits, vocab_size)];
    if (isinf(max)) {
        return sg_error_set(error, SG_STATUS_NUMERIC,
                            "all logits of row %zu are -infinity, expected a finite one", row);
    }
    for (size_t i = 0; i < vocab_size; i++) {
        logprobs[i] = logits[i] - max;
    }
    normaliser->max = max;
    normaliser->log_sum = sg_log_sum_exp(logprobs, vocab_size);
    for (size_t i = 0; i < vocab_size; i++) {
        logprobs[i] -= normaliser->log_sum;
    }
    return SG_STATUS_OK;
}

float sg_log_probability(const sg_log_normaliser *normaliser, float logit) {
    return (logit - normaliser->max) - normaliser->log_sum;
}
