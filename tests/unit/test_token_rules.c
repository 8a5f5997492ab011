/* SPDX-License-Identifier: Apache-2.0 */
/* The rules on a row of scores, each alone and in their order. */
#include "support/test.h"

#include <math.h>

#include "search/token_rules.h"
#include "support/logits_table.h"

#define VOCAB 6

static sg_token_rules make(const sg_search_options *options) {
    sg_token_rules rules;
    CHECK_INT(sg_token_rules_init(&rules, options, NULL), SG_STATUS_OK);
    return rules;
}

/* The penalty multiplies what is below 0 and divides what is not, once a token however often it
 * occurred, and the start token counts. */
static void repetition_penalty_scales_each_token_once(void) {
    sg_search_options options = logits_options(VOCAB, 1, 8);
    float scores[VOCAB] = {4.0F, -3.0F, 2.0F, -0.0F, 5.0F, -1.0F};
    const int32_t sequence[] = {0, 5, 3, 5, 5};
    options.repetition_penalty = 2.0;
    sg_token_rules rules = make(&options);
    CHECK(sg_token_rules_need_sequence(&rules));
    sg_token_rules_apply(&rules, sequence, 5, scores);
    CHECK_NEAR(scores[0], 2.0, 0.0);
    CHECK_NEAR(scores[1], -3.0, 0.0);
    CHECK_NEAR(scores[2], 2.0, 0.0);
    CHECK_NEAR(scores[3], 0.0, 0.0);
    CHECK_NEAR(scores[4], 5.0, 0.0);
    CHECK_NEAR(scores[5], -2.0, 0.0);
    sg_token_rules_clear(&rules);
}

/* Ids that no row has must not be read or written. */
static void ids_out_of_range_are_passed_over(void) {
    sg_search_options options = logits_options(VOCAB, 1, 8);
    float guarded[VOCAB + 2] = {7.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 7.0F};
    const int32_t ends[] = {VOCAB, -1, INT32_MAX, INT32_MIN, 3, 3};
    const int32_t sequence[] = {-1, VOCAB, INT32_MAX, INT32_MIN, 2};
    options.repetition_penalty = 2.0;
    options.no_repeat_ngram_size = 1;
    options.min_length = 10;
    options.eos_ids = ends;
    options.eos_count = 6;
    sg_token_rules rules = make(&options);
    CHECK_INT(rules.end_count, 1);
    CHECK(sg_token_rules_is_end(&rules, 3));
    CHECK(!sg_token_rules_is_end(&rules, -1) && !sg_token_rules_is_end(&rules, VOCAB));
    sg_token_rules_apply(&rules, sequence, 5, guarded + 1);
    CHECK_NEAR(guarded[0], 7.0, 0.0);
    CHECK_NEAR(guarded[VOCAB + 1], 7.0, 0.0);
    CHECK(isinf(guarded[1 + 2]) && isinf(guarded[1 + 3]));
    CHECK_NEAR(guarded[1], 1.0, 0.0);
    sg_token_rules_clear(&rules);
}

static size_t count_banned(const int32_t *sequence, size_t length, size_t size, float *scores) {
    sg_search_options options = logits_options(VOCAB, 1, 8);
    size_t banned = 0;
    options.no_repeat_ngram_size = size;
    sg_token_rules rules = make(&options);
    for (size_t i = 0; i < VOCAB; i++) {
        scores[i] = 0.0F;
    }
    sg_token_rules_apply(&rules, sequence, length, scores);
    for (size_t i = 0; i < VOCAB; i++) {
        banned += isinf(scores[i]) ? 1 : 0;
    }
    sg_token_rules_clear(&rules);
    return banned;
}

/* Exactly the tokens that would complete a known n-gram are banned, the start token being part of
 * one. */
static void ngrams_are_banned_with_the_start_token(void) {
    float scores[VOCAB];
    const int32_t sequence[] = {0, 2, 3, 0};
    CHECK_INT(count_banned(sequence, 4, 2, scores), 1);
    CHECK(isinf(scores[2]));
    CHECK_INT(count_banned(sequence, 4, 1, scores), 3);
    CHECK(!isinf(scores[1]) && !isinf(scores[4]) && !isinf(scores[5]));
    CHECK_INT(count_banned(sequence, 4, 3, scores), 0);
    CHECK_INT(count_banned(sequence, 4, 5, scores), 0);
    CHECK_INT(count_banned(sequence, 4, SIZE_MAX, scores), 0);
    CHECK_INT(count_banned(sequence, 1, 1, scores), 1);
    const int32_t longer[] = {2, 3, 4, 2, 3, 5, 2, 3};
    CHECK_INT(count_banned(longer, 8, 3, scores), 2);
    CHECK(isinf(scores[4]) && isinf(scores[5]));
    CHECK_INT(count_banned(longer, 8, 4, scores), 0);
}

/* Below the minimum no end token may be chosen; min_length counts the start token, min_new_tokens
 * does not, and min_new_tokens takes min_length's place. */
static void minimum_lengths_mask_end_tokens(void) {
    static const struct {
        size_t min_length, min_new_tokens, length;
        bool masked;
    } cases[] = {{3, 0, 2, true}, {3, 0, 3, false}, {0, 3, 3, true},         {0, 3, 4, false},
                 {9, 2, 2, true}, {9, 2, 3, false}, {0, SIZE_MAX, 99, true}, {0, 0, 1, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sg_search_options options = logits_options(VOCAB, 1, 8);
        float scores[VOCAB] = {0};
        options.min_length = cases[i].min_length;
        options.min_new_tokens = cases[i].min_new_tokens;
        sg_token_rules rules = make(&options);
        CHECK(!sg_token_rules_need_sequence(&rules));
        sg_token_rules_apply(&rules, NULL, cases[i].length, scores);
        CHECK_INT(isinf(scores[1]) != 0, cases[i].masked);
        CHECK_NEAR(scores[0], 0.0, 0.0);
        sg_token_rules_clear(&rules);
    }
}

/* The penalty comes first: what an n-gram bans stays -infinity and does not come back through a
 * division. */
static void a_ban_survives_the_penalty(void) {
    sg_search_options options = logits_options(VOCAB, 1, 8);
    float scores[VOCAB] = {-1.0F, -1.0F, -1.0F, -1.0F, -1.0F, -1.0F};
    const int32_t sequence[] = {0};
    options.repetition_penalty = 0.5;
    options.no_repeat_ngram_size = 1;
    sg_token_rules rules = make(&options);
    sg_token_rules_apply(&rules, sequence, 1, scores);
    CHECK(isinf(scores[0]) && scores[0] < 0.0F);
    sg_token_rules_clear(&rules);
    sg_token_rules_clear(&rules);
}

int main(void) {
    TEST(repetition_penalty_scales_each_token_once);
    TEST(ids_out_of_range_are_passed_over);
    TEST(ngrams_are_banned_with_the_start_token);
    TEST(minimum_lengths_mask_end_tokens);
    TEST(a_ban_survives_the_penalty);
    return test_end();
}
