/* SPDX-License-Identifier: Apache-2.0 */
/* What is changed in a row of scores before a token is chosen: repetition penalty, no-repeat
 * n-grams, minimum lengths, in this order, which is the reference's
 * (GenerationMixin._get_logits_processor). */
#ifndef SG_SEARCH_TOKEN_RULES_H
#define SG_SEARCH_TOKEN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "search/search.h"

/* Owned by the caller; made with sg_token_rules_init, released with sg_token_rules_clear. */
typedef struct sg_token_rules {
    size_t vocab_size;
    size_t min_length; /* counts the start token; end tokens are masked below it */
    size_t no_repeat_ngram_size;
    float repetition_penalty;
    int32_t *end_tokens; /* [end_count] distinct, ascending, each in 0 to V - 1 */
    size_t end_count;
    float *penalised; /* [1 + max_new_tokens] scratch; NULL without a penalty */
} sg_token_rules;

/* Take the rules out of checked options; nothing of `options` is borrowed. On failure `rules` may
 * still be cleared. Errors: SG_STATUS_MEMORY. */
sg_status sg_token_rules_init(sg_token_rules *rules, const sg_search_options *options,
                              sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_token_rules_clear(sg_token_rules *rules);

/* True if a rule looks at the tokens so far, not only at how many there are. */
bool sg_token_rules_need_sequence(const sg_token_rules *rules);

/* True if `token` ends an output. */
bool sg_token_rules_is_end(const sg_token_rules *rules, int32_t token);

/* Apply all rules to the scores of the next token.
 *
 * sequence  [length] the tokens so far, start token first; ids outside 0 to V - 1 are passed over.
 *           May be NULL if sg_token_rules_need_sequence says no.
 * length    1 to 1 + max_new_tokens.
 * scores    [V] logits (greedy) or log-probabilities (beam). Changed in place.
 *
 * O(length), for n-grams O(length * no_repeat_ngram_size) at worst; never O(V). */
void sg_token_rules_apply(sg_token_rules *rules, const int32_t *sequence, size_t length,
                          float *scores);

#endif
