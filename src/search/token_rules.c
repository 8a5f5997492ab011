/* SPDX-License-Identifier: Apache-2.0 */
/* The reference's logits processors on one row of scores: in come the tokens so far and the scores
 * of the next one, out go the same scores with some multiplied and some set to -infinity. Each rule
 * touches only the entries of tokens it knows, so a row costs O(tokens so far). */
#include "search/token_rules.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int compare_ids(const void *left, const void *right) {
    int32_t a = *(const int32_t *)left;
    int32_t b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

static bool in_vocabulary(const sg_token_rules *rules, int32_t id) {
    return id >= 0 && (size_t)id < rules->vocab_size;
}

/* Keep the end tokens that exist, each once, in order. */
static sg_status copy_end_tokens(sg_token_rules *rules, const sg_search_options *options,
                                 sg_error *error) {
    size_t kept = 0;
    rules->end_tokens = sg_memory_alloc(options->eos_count, sizeof *rules->end_tokens);
    if (rules->end_tokens == NULL) {
        return sg_memory_error(error, "the end tokens",
                               options->eos_count * sizeof *rules->end_tokens);
    }
    for (size_t i = 0; i < options->eos_count; i++) {
        if (in_vocabulary(rules, options->eos_ids[i])) {
            rules->end_tokens[kept++] = options->eos_ids[i];
        }
    }
    qsort(rules->end_tokens, kept, sizeof *rules->end_tokens, compare_ids);
    for (size_t i = 0; i < kept; i++) {
        if (i == 0 || rules->end_tokens[i] != rules->end_tokens[i - 1]) {
            rules->end_tokens[rules->end_count++] = rules->end_tokens[i];
        }
    }
    return SG_STATUS_OK;
}

sg_status sg_token_rules_init(sg_token_rules *rules, const sg_search_options *options,
                              sg_error *error) {
    memset(rules, 0, sizeof *rules);
    rules->vocab_size = options->vocab_size;
    rules->no_repeat_ngram_size = options->no_repeat_ngram_size;
    rules->repetition_penalty = (float)options->repetition_penalty;
    /* _prepare_generated_length: min_new_tokens, where given, takes min_length's place. */
    rules->min_length = options->min_length;
    if (options->min_new_tokens > 0) {
        rules->min_length =
            options->min_new_tokens < SIZE_MAX ? options->min_new_tokens + 1 : SIZE_MAX;
    }
    if (rules->repetition_penalty != 1.0F) {
        size_t longest = options->max_new_tokens + 1;
        rules->penalised = sg_memory_alloc_zeroed(longest, sizeof *rules->penalised);
        if (rules->penalised == NULL) {
            return sg_memory_error(error, "the penalised scores",
                                   longest * sizeof *rules->penalised);
        }
    }
    return copy_end_tokens(rules, options, error);
}

void sg_token_rules_clear(sg_token_rules *rules) {
    sg_memory_free(rules->end_tokens);
    sg_memory_free(rules->penalised);
    memset(rules, 0, sizeof *rules);
}

bool sg_token_rules_need_sequence(const sg_token_rules *rules) {
    return rules->penalised != NULL || rules->no_repeat_ngram_size > 0;
}

bool sg_token_rules_is_end(const sg_token_rules *rules, int32_t token) {
    return rules->end_count > 0 &&
           bsearch(&token, rules->end_tokens, rules->end_count, sizeof token, compare_ids) != NULL;
}

/* RepetitionPenaltyLogitsProcessor: gather, scale, scatter. All are read before one is written, so
 * that a token that occurs twice is scaled once. */
static void penalise_repetition(sg_token_rules *rules, const int32_t *sequence, size_t length,
                                float *scores) {
    float penalty = rules->repetition_penalty;
    for (size_t i = 0; i < length; i++) {
        if (in_vocabulary(rules, sequence[i])) {
            float score = scores[sequence[i]];
            rules->penalised[i] = score < 0.0F ? score * penalty : score / penalty;
        }
    }
    for (size_t i = 0; i < length; i++) {
        if (in_vocabulary(rules, sequence[i])) {
            scores[sequence[i]] = rules->penalised[i];
        }
    }
}

/* NoRepeatNGramLogitsProcessor: wherever the last n - 1 tokens have occurred before, the token that
 * came after them is banned. With n = 1 that is every token so far. */
static void ban_repeated_ngrams(const sg_token_rules *rules, const int32_t *sequence, size_t length,
                                float *scores) {
    size_t size = rules->no_repeat_ngram_size;
    if (length < size) {
        return;
    }
    const int32_t *prefix = sequence + (length + 1 - size);
    for (size_t start = 0; start + size <= length; start++) {
        int32_t next = sequence[start + size - 1];
        if (in_vocabulary(rules, next) &&
            memcmp(sequence + start, prefix, (size - 1) * sizeof *sequence) == 0) {
            scores[next] = -INFINITY;
        }
    }
}

/* MinLengthLogitsProcessor and MinNewTokensLengthLogitsProcessor. */
static void ban_end_tokens(const sg_token_rules *rules, float *scores) {
    for (size_t i = 0; i < rules->end_count; i++) {
        scores[rules->end_tokens[i]] = -INFINITY;
    }
}

void sg_token_rules_apply(sg_token_rules *rules, const int32_t *sequence, size_t length,
                          float *scores) {
    assert(sequence != NULL || !sg_token_rules_need_sequence(rules));
    if (rules->penalised != NULL) {
        penalise_repetition(rules, sequence, length, scores);
    }
    if (rules->no_repeat_ngram_size > 0) {
        ban_repeated_ngrams(rules, sequence, length, scores);
    }
    if (length < rules->min_length) {
        ban_end_tokens(rules, scores);
    }
}
