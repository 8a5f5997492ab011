/* SPDX-License-Identifier: Apache-2.0 */
/* Greedy search over hand-written tables. */
#include "support/test.h"

#include <float.h>
#include <math.h>

#include "search/search.h"
#include "support/logits_table.h"

static const logits_row chain_rows[] = {
    {"^", {0.1, 0.1, 0.5, 0.3}},
    {"2", {0.1, 0.2, 0.1, 0.6}},
    {"3", {0.1, 0.7, 0.1, 0.1}},
    {"", {0.25, 0.25, 0.25, 0.25}},
};
static const logits_table chain = {chain_rows, 4, 4};

static sg_search *make(const sg_search_options *options) {
    sg_search *search = NULL;
    CHECK_INT(sg_search_create(options, &search, NULL), SG_STATUS_OK);
    return search;
}

/* The end token stops the search and stays; the log-probabilities are the model's; the margins are
 * those of the two best. */
static void stops_at_the_end_token(void) {
    sg_search_options options = logits_options(4, 1, 10);
    sg_search *search = make(&options);
    size_t count;
    CHECK_INT(sg_search_max_rows(search), 1);
    CHECK_INT(logits_table_run(&chain, search, 20, NULL), SG_STATUS_OK);
    CHECK(sg_search_is_done(search));
    CHECK_INT(sg_search_result_count(search), 1);
    CHECK_TEXT(logits_result_text(search, 0), "231");
    sg_search_hypothesis result = sg_search_result(search, 0);
    CHECK(isnan(result.score));
    CHECK_NEAR(result.token_logprobs[0], log(0.5), 1e-6);
    CHECK_NEAR(result.token_logprobs[1], log(0.6), 1e-6);
    CHECK_NEAR(result.token_logprobs[2], log(0.7), 1e-6);
    const float *margins = sg_search_margins(search, &count);
    CHECK_INT(count, 3);
    CHECK_NEAR(margins[0], log(0.5 / 0.3), 1e-6);
    CHECK_NEAR(margins[2], log(0.7 / 0.1), 1e-6);
    sg_search_destroy(search);
}

/* The limit counts new tokens and adds no end token; a limit of 1 is one token. */
static void stops_at_the_length_limit(void) {
    for (size_t limit = 1; limit <= 2; limit++) {
        sg_search_options options = logits_options(4, 1, limit);
        sg_search *search = make(&options);
        CHECK_INT(logits_table_run(&chain, search, 20, NULL), SG_STATUS_OK);
        CHECK_TEXT(logits_result_text(search, 0), limit == 1 ? "2" : "23");
        sg_search_destroy(search);
    }
}

/* Any of several end tokens ends; none at all runs to the limit. */
static void knows_several_end_tokens_and_none(void) {
    static const int32_t ends[] = {9, 3, -1, 3};
    sg_search_options options = logits_options(4, 1, 6);
    options.eos_ids = ends;
    options.eos_count = 4;
    sg_search *search = make(&options);
    CHECK_INT(logits_table_run(&chain, search, 20, NULL), SG_STATUS_OK);
    CHECK_TEXT(logits_result_text(search, 0), "23");
    sg_search_destroy(search);
    options.eos_ids = NULL;
    options.eos_count = 0;
    search = make(&options);
    CHECK_INT(logits_table_run(&chain, search, 20, NULL), SG_STATUS_OK);
    CHECK_TEXT(logits_result_text(search, 0), "231000");
    sg_search_destroy(search);
}

/* Equal logits: the lowest id, with margin 0. */
static void the_lowest_id_wins_a_tie(void) {
    static const logits_row rows[] = {{"", {0.1, 0.2, 0.35, 0.35}}};
    const logits_table table = {rows, 1, 4};
    sg_search_options options = logits_options(4, 1, 2);
    sg_search *search = make(&options);
    size_t count;
    CHECK_INT(logits_table_run(&table, search, 20, NULL), SG_STATUS_OK);
    CHECK_TEXT(logits_result_text(search, 0), "22");
    CHECK_NEAR(sg_search_margins(search, &count)[0], 0.0, 0.0);
    sg_search_destroy(search);
}

/* Rules change the choice but not the reported log-probability, and work on raw logits: a logit
 * above 0 is divided. */
static void rules_choose_and_logprobs_stay_the_models(void) {
    static const float logits[4] = {0.5F, 0.0F, 3.0F, 2.0F};
    sg_search_options options = logits_options(4, 1, 3);
    sg_search_row row;
    size_t count;
    double sum = log(exp(0.5) + exp(0.0) + exp(3.0) + exp(2.0));
    options.repetition_penalty = 4.0;
    options.min_new_tokens = 3;
    sg_search *search = make(&options);
    for (int step = 0; step < 3; step++) {
        CHECK_INT(sg_search_advance(search, logits, &row, &count, NULL), SG_STATUS_OK);
    }
    CHECK_TEXT(logits_result_text(search, 0), "232");
    CHECK_NEAR(sg_search_result(search, 0).token_logprobs[1], 2.0 - sum, 1e-6);
    CHECK_NEAR(sg_search_margins(search, &count)[2], 0.75 - 0.5, 1e-6);
    sg_search_destroy(search);
}

/* With every token banned the reference's argmax takes the first; margins stay finite. */
static void an_all_masked_row_gives_the_first_token(void) {
    static const logits_row rows[] = {{"", {0.4, 0.6}}};
    const logits_table table = {rows, 1, 2};
    sg_search_options options = logits_options(2, 1, 3);
    size_t count;
    options.no_repeat_ngram_size = 1;
    options.eos_count = 0;
    sg_search *search = make(&options);
    CHECK_INT(logits_table_run(&table, search, 20, NULL), SG_STATUS_OK);
    CHECK_TEXT(logits_result_text(search, 0), "100");
    const float *margins = sg_search_margins(search, &count);
    CHECK_NEAR(margins[0], FLT_MAX, 0.0);
    CHECK_NEAR(margins[1], 0.0, 0.0);
    sg_search_destroy(search);
}

/* What is no probability must not be taken for one. */
static void refuses_what_is_not_finite(void) {
    const float bad[][3] = {{0.0F, NAN, 1.0F},
                            {-NAN, 0.0F, 1.0F},
                            {0.0F, 1.0F, INFINITY},
                            {-INFINITY, -INFINITY, -INFINITY}};
    const char *said[] = {"token 1 in row 0 is not a number", "token 0 in row 0 is not a number",
                          "token 2 in row 0 is infinite", "all logits of row 0 are -infinity"};
    sg_search_options options = logits_options(3, 1, 4);
    sg_search_row row;
    size_t count;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sg_error error;
        sg_search *search = make(&options);
        CHECK_INT(sg_search_advance(search, bad[i], &row, &count, &error), SG_STATUS_NUMERIC);
        CHECK_CONTAINS(error.message, said[i]);
        sg_search_destroy(search);
    }
    const float good[3] = {-INFINITY, -1.0e30F, -INFINITY};
    sg_search *search = make(&options);
    CHECK_INT(sg_search_advance(search, good, &row, &count, NULL), SG_STATUS_OK);
    CHECK(sg_search_is_done(search));
    CHECK_NEAR(sg_search_result(search, 0).token_logprobs[0], 0.0, 0.0);
    sg_search_destroy(search);
}

/* Every option out of its range is named. */
static void refuses_options_out_of_range(void) {
    sg_search_options good = logits_options(4, 2, 10);
    sg_search_options options[13];
    const char *names[13] = {"vocab_size",         "num_beams",          "num_beams",
                             "num_return_seq",     "num_return_seq",     "max_new_tokens",
                             "max_new_tokens",     "repetition_penalty", "repetition_penalty",
                             "repetition_penalty", "length_penalty",     "length_penalty",
                             "early_stopping"};
    for (size_t i = 0; i < 13; i++) {
        options[i] = good;
    }
    options[0].vocab_size = 0;
    options[1].num_beams = 0;
    options[2].num_beams = SG_SEARCH_MAX_BEAMS + 1;
    options[3].num_return_sequences = 0;
    options[4].num_return_sequences = 3;
    options[5].max_new_tokens = 0;
    options[6].max_new_tokens = SG_SEARCH_MAX_NEW_TOKENS + 1;
    options[7].repetition_penalty = 0.0;
    options[8].repetition_penalty = (double)NAN;
    options[9].repetition_penalty = (double)INFINITY;
    options[10].length_penalty = (double)NAN;
    options[11].length_penalty = 50.0;
    options[12].early_stopping = SG_EARLY_STOPPING_UNSET;
    for (size_t i = 0; i < 13; i++) {
        sg_search *search = NULL;
        sg_error error;
        CHECK_INT(sg_search_create(&options[i], &search, &error), SG_STATUS_ARGUMENT);
        CHECK_CONTAINS(error.message, names[i]);
        CHECK(search == NULL);
    }
    sg_search_destroy(NULL);
}

int main(void) {
    TEST(stops_at_the_end_token);
    TEST(stops_at_the_length_limit);
    TEST(knows_several_end_tokens_and_none);
    TEST(the_lowest_id_wins_a_tie);
    TEST(rules_choose_and_logprobs_stay_the_models);
    TEST(an_all_masked_row_gives_the_first_token);
    TEST(refuses_what_is_not_finite);
    TEST(refuses_options_out_of_range);
    return test_end();
}
