/* SPDX-License-Identifier: Apache-2.0 */
/* Log-softmax of one row with a check of every value. The largest logit is taken away before the
 * sum is known, and the two are never added, so that large logits lose no digits (the reference's
 * order). */
#include "search/log_probabilities.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "math/softmax.h"

/* The float's bits as an integer that orders as the floats do: -NaN, -infinity, numbers, +infinity,
 * +NaN. Least and largest of integers are found many at a time, those of floats are not. */
static int32_t order_key(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? bits ^ INT32_MAX : bits;
}

/* The value of a key of 0 or more, or of a number below 0: the same mapping again. */
static float key_value(int32_t key) {
    int32_t bits = key < 0 ? key ^ INT32_MAX : key;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool is_poison(float value) {
    return isnan(value) || (isinf(value) && value > 0.0F);
}

static sg_status poison_error(const float *logits, size_t vocab_size, size_t row, sg_error *error) {
    size_t token = 0;
    while (token + 1 < vocab_size && !is_poison(logits[token])) {
        token++;
    }
    return sg_error_set(error, SG_STATUS_NUMERIC,
                        "logit of token %zu in row %zu is %s, expected a finite number", token, row,
                        isnan(logits[token]) ? "not a number" : "infinite");
}

sg_status sg_log_probabilities(const float *logits, size_t vocab_size, size_t row, float *logprobs,
                               sg_log_normaliser *normaliser, sg_error *error) {
    int32_t least = INT32_MAX;
    int32_t largest = INT32_MIN;
    for (size_t i = 0; i < vocab_size; i++) {
        int32_t key = order_key(logits[i]);
        least = key < least ? key : least;
        largest = key > largest ? key : largest;
    }
    if (largest >= order_key(INFINITY) || least < order_key(-INFINITY)) {
        return poison_error(logits, vocab_size, row, error);
    }
    if (largest == order_key(-INFINITY)) {
        return sg_error_set(error, SG_STATUS_NUMERIC,
                            "all logits of row %zu are -infinity, expected a finite one", row);
    }
    float max = key_value(largest);
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
