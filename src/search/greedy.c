/* SPDX-License-Identifier: Apache-2.0 */
/* Greedy search. In come the logits of the one live row, out goes the token with the largest logit
 * after the token rules, the lowest id on a tie, until it is an end token or the length is reached.
 */
#include "search/greedy.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "math/topk.h"
#include "search/hypothesis.h"
#include "search/log_probabilities.h"
#include "search/token_rules.h"

struct sg_greedy {
    sg_token_rules rules;
    size_t vocab_size;
    size_t max_new_tokens;
    size_t length;     /* generated so far */
    int32_t *sequence; /* [1 + max_new_tokens] start token first */
    float *logprobs;   /* [max_new_tokens] */
    float *margins;    /* [max_new_tokens] */
    float *scores;     /* [V] */
    bool done;
};

static sg_status allocate(sg_greedy *greedy, sg_error *error) {
    size_t limit = greedy->max_new_tokens;
    greedy->sequence = sg_memory_alloc_zeroed(limit + 1, sizeof *greedy->sequence);
    greedy->logprobs = sg_memory_alloc_zeroed(limit, sizeof *greedy->logprobs);
    greedy->margins = sg_memory_alloc_zeroed(limit, sizeof *greedy->margins);
    greedy->scores = sg_memory_alloc_aligned(greedy->vocab_size, sizeof *greedy->scores);
    if (greedy->sequence == NULL || greedy->logprobs == NULL || greedy->margins == NULL ||
        greedy->scores == NULL) {
        return sg_memory_error(error, "greedy search",
                               (3 * limit + greedy->vocab_size) * sizeof *greedy->scores);
    }
    return SG_STATUS_OK;
}

sg_status sg_greedy_create(const sg_search_options *options, sg_greedy **greedy, sg_error *error) {
    sg_greedy *made = sg_memory_alloc_zeroed(1, sizeof *made);
    sg_status status;
    *greedy = NULL;
    if (made == NULL) {
        return sg_memory_error(error, "greedy search", sizeof *made);
    }
    made->vocab_size = options->vocab_size;
    made->max_new_tokens = options->max_new_tokens;
    status = sg_token_rules_init(&made->rules, options, error);
    if (status == SG_STATUS_OK) {
        status = allocate(made, error);
    }
    if (status != SG_STATUS_OK) {
        sg_greedy_destroy(made);
        return status;
    }
    made->sequence[0] = options->start_token;
    *greedy = made;
    return SG_STATUS_OK;
}

void sg_greedy_destroy(sg_greedy *greedy) {
    if (greedy == NULL) {
        return;
    }
    sg_token_rules_clear(&greedy->rules);
    sg_memory_free(greedy->sequence);
    sg_memory_free(greedy->logprobs);
    sg_memory_free(greedy->margins);
    sg_memory_free(greedy->scores);
    sg_memory_free(greedy);
}

/* The best token after the rules, and how far the second is below it. */
static int32_t choose(sg_greedy *greedy, const float *logits, float *margin) {
    sg_scored best[2];
    size_t used = 0;
    memcpy(greedy->scores, logits, greedy->vocab_size * sizeof *logits);
    sg_token_rules_apply(&greedy->rules, greedy->sequence, greedy->length + 1, greedy->scores);
    sg_topk_offer(greedy->scores, greedy->vocab_size, 0, best, 2, &used);
    sg_topk_sort(best, used);
    *margin = sg_hypothesis_distance(best[0].score, used > 1 ? best[1].score : -INFINITY);
    return (int32_t)best[0].index;
}

sg_status sg_greedy_advance(sg_greedy *greedy, const float *logits, sg_search_row *rows,
                            size_t *row_count, sg_error *error) {
    sg_log_normaliser normaliser;
    assert(!greedy->done);
    SG_TRY(sg_log_probabilities(logits, greedy->vocab_size, 0, greedy->scores, &normaliser, error));
    int32_t token = choose(greedy, logits, &greedy->margins[greedy->length]);
    greedy->logprobs[greedy->length] = sg_log_probability(&normaliser, logits[token]);
    greedy->length++;
    greedy->sequence[greedy->length] = token;
    greedy->done =
        greedy->length == greedy->max_new_tokens || sg_token_rules_is_end(&greedy->rules, token);
    *row_count = greedy->done ? 0 : 1;
    if (!greedy->done) {
        rows[0] = (sg_search_row){.parent = 0, .token = token};
    }
    return SG_STATUS_OK;
}

bool sg_greedy_is_done(const sg_greedy *greedy) {
    return greedy->done;
}

sg_search_hypothesis sg_greedy_result(const sg_greedy *greedy) {
    assert(greedy->done);
    return (sg_search_hypothesis){.ids = greedy->sequence + 1,
                                  .token_logprobs = greedy->logprobs,
                                  .count = greedy->length,
                                  .score = NAN};
}

const float *sg_greedy_margins(const sg_greedy *greedy, size_t *count) {
    *count = greedy->length;
    return greedy->margins;
}
