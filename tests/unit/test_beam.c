/* SPDX-License-Identifier: Apache-2.0 */
/* Beam search over hand-written tables. */
#include "support/test.h"

#include <float.h>
#include <math.h>

#include "search/beam.h"
#include "search/search.h"
#include "support/logits_table.h"

/* Greedy takes 2 and then has nothing good; 3 followed by 4 is better. */
static const logits_row trap_rows[] = {
    {"^", {0.02, 0.02, 0.5, 0.4, 0.06}},   {"2", {0.2, 0.2, 0.2, 0.2, 0.2}},
    {"3", {0.02, 0.02, 0.02, 0.02, 0.92}}, {"34", {0.01, 0.96, 0.01, 0.01, 0.01}},
    {"", {0.2, 0.2, 0.2, 0.2, 0.2}},
};
static const logits_table trap = {trap_rows, 5, 5};

static sg_search *make(const sg_search_options *options) {
    sg_search *search = NULL;
    CHECK_INT(sg_search_create(options, &search, NULL), SG_STATUS_OK);
    return search;
}

static sg_search *run(const logits_table *table, const sg_search_options *options) {
    sg_search *search = make(options);
    CHECK_INT(logits_table_run(table, search, 40, NULL), SG_STATUS_OK);
    CHECK(sg_search_is_done(search));
    return search;
}

/* The point of beam search: an optimum that greedy misses. */
static void finds_what_greedy_misses(void) {
    sg_search_options options = logits_options(5, 1, 3);
    sg_search *search = run(&trap, &options);
    CHECK_TEXT(logits_result_text(search, 0), "200");
    sg_search_destroy(search);
    options = logits_options(5, 2, 3);
    search = run(&trap, &options);
    CHECK_TEXT(logits_result_text(search, 0), "341");
    sg_search_hypothesis result = sg_search_result(search, 0);
    CHECK_NEAR(result.score, (log(0.4) + log(0.92) + log(0.96)) / 3.0, 1e-6);
    CHECK_NEAR(result.token_logprobs[1], log(0.92), 1e-6);
    sg_search_destroy(search);
}

/* All hypotheses come out, best first, with scores by the length penalty. */
static void returns_several_in_order(void) {
    sg_search_options options = logits_options(5, 4, 3);
    options.num_return_sequences = 4;
    sg_search *search = run(&trap, &options);
    CHECK_INT(sg_search_result_count(search), 4);
    CHECK_TEXT(logits_result_text(search, 0), "341");
    for (size_t rank = 1; rank < 4; rank++) {
        CHECK(sg_search_result(search, rank).score <= sg_search_result(search, rank - 1).score);
    }
    sg_search_destroy(search);
}

/* With one beam and room for every choice, the beam's path is the greedy one. */
static void one_beam_takes_the_greedy_path(void) {
    static const logits_row rows[] = {
        {"^", {0.1, 0.1, 0.5, 0.3}}, {"2", {0.1, 0.2, 0.1, 0.6}}, {"3", {0.1, 0.7, 0.1, 0.1}}};
    const double choices[3][4] = {{0.1, 0.1, 0.5, 0.3}, {0.1, 0.2, 0.1, 0.6}, {0.1, 0.7, 0.1, 0.1}};
    sg_search_options options = logits_options(4, 1, 10);
    const logits_table table = {rows, 3, 4};
    sg_beam *beam = NULL;
    sg_search *greedy = run(&table, &options);
    CHECK_INT(sg_beam_create(&options, &beam, NULL), SG_STATUS_OK);
    for (size_t step = 0; step < 3 && !sg_beam_is_done(beam); step++) {
        float logits[4];
        sg_search_row row;
        size_t count;
        for (size_t t = 0; t < 4; t++) {
            logits[t] = (float)log(choices[step][t]);
        }
        CHECK_INT(sg_beam_advance(beam, logits, &row, &count, NULL), SG_STATUS_OK);
    }
    CHECK(sg_beam_is_done(beam));
    sg_search_hypothesis found = sg_beam_result(beam, 0);
    sg_search_hypothesis expected = sg_search_result(greedy, 0);
    CHECK_INT(found.count, expected.count);
    CHECK(memcmp(found.ids, expected.ids, expected.count * sizeof *expected.ids) == 0);
    CHECK_NEAR(found.score, log(0.5 * 0.6 * 0.7) / 3.0, 1e-6);
    sg_beam_destroy(beam);
    sg_search_destroy(greedy);
}

/* Short "1" (0.3) against long "2221" (0.7 * 0.6^2 * 0.9 = 0.227): the power of the length decides.
 */
static const logits_row length_rows[] = {
    {"^", {0.0, 0.3, 0.7}}, {"222", {0.05, 0.9, 0.05}}, {"22", {0.3, 0.1, 0.6}},
    {"2", {0.3, 0.1, 0.6}}, {"", {0.05, 0.9, 0.05}},
};
static const logits_table lengths = {length_rows, 5, 3};

static void the_length_penalty_decides(void) {
    static const struct {
        double penalty;
        const char *best;
        double score;
    } cases[] = {{0.0, "1", -1.2039728},
                 {-1.0, "1", -1.2039728},
                 {1.0, "2221", -0.3709217},
                 {2.0, "2221", -0.0927304}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sg_search_options options = logits_options(3, 2, 6);
        options.length_penalty = cases[i].penalty;
        options.early_stopping = SG_EARLY_STOPPING_NEVER;
        sg_search *search = run(&lengths, &options);
        CHECK_TEXT(logits_result_text(search, 0), cases[i].best);
        CHECK_NEAR(sg_search_result(search, 0).score, cases[i].score, 2e-6);
        sg_search_destroy(search);
    }
}

static size_t steps_taken(const logits_table *table, sg_early_stopping early, double penalty,
                          char *best) {
    sg_search_options options = logits_options(table->vocab_size, 2, 8);
    size_t count;
    options.early_stopping = early;
    options.length_penalty = penalty;
    sg_search *search = run(table, &options);
    (void)sg_search_margins(search, &count);
    (void)strcpy(best, logits_result_text(search, 0));
    sg_search_destroy(search);
    return count - 1;
}

/* Two poor outputs finish in the second step; the running beam is likelier than both and ends
 * later. `true` stops as soon as the slots are full, `false` goes on while a running beam is better
 * now, `never` while it could become better at the full length. */
static void early_stopping_has_three_values(void) {
    static const logits_row rows[] = {
        {"^", {0.002, 0.3, 0.49, 0.208}},  {"222222", {0.001, 0.997, 0.001, 0.001}},
        {"2", {0.001, 0.32, 0.67, 0.009}}, {"3", {0.25, 0.25, 0.25, 0.25}},
        {"", {0.25, 0.25, 0.25, 0.25}},
    };
    const logits_table table = {rows, 5, 4};
    char best[3][LOGITS_TABLE_MAX_LENGTH + 1];
    CHECK_INT(steps_taken(&table, SG_EARLY_STOPPING_TRUE, 0.0, best[0]), 2);
    CHECK_TEXT(best[0], "1");
    CHECK_INT(steps_taken(&table, SG_EARLY_STOPPING_FALSE, 0.0, best[0]), 4);
    CHECK_INT(steps_taken(&table, SG_EARLY_STOPPING_TRUE, 2.0, best[0]), 2);
    CHECK_TEXT(best[0], "21");
    CHECK_INT(steps_taken(&table, SG_EARLY_STOPPING_NEVER, 2.0, best[2]), 7);
    CHECK_TEXT(best[2], "2222221");
}

/* Where only the promise of a long output keeps the search going, `false` stops and `never` does
 * not. */
static const logits_row promise_rows[] = {
    {"^", {0.001, 0.6, 0.3, 0.099}},
    {"22", {0.001, 0.001, 0.997, 0.001}},
    {"2", {0.001, 0.75, 0.2, 0.049}},
    {"", {0.001, 0.001, 0.997, 0.001}},
};
static const logits_table promise = {promise_rows, 4, 4};

static void never_counts_on_the_full_length(void) {
    char early[LOGITS_TABLE_MAX_LENGTH + 1];
    char late[LOGITS_TABLE_MAX_LENGTH + 1];
    CHECK_INT(steps_taken(&promise, SG_EARLY_STOPPING_FALSE, 1.0, early), 2);
    CHECK_INT(steps_taken(&promise, SG_EARLY_STOPPING_NEVER, 1.0, late), 8);
    CHECK_TEXT(early, "1");
    CHECK_TEXT(late, "22222222");
}

/* An end token that is not among the first K candidates is forgotten, not finished. */
static void only_the_first_candidates_finish(void) {
    static const logits_row rows[] = {{"^", {0.3, 0.2, 0.5}}, {"", {0.05, 0.9, 0.05}}};
    const logits_table table = {rows, 2, 3};
    sg_search_options options = logits_options(3, 2, 5);
    options.num_return_sequences = 2;
    sg_search *search = run(&table, &options);
    CHECK_TEXT(logits_result_text(search, 0), "21");
    CHECK_TEXT(logits_result_text(search, 1), "01");
    sg_search_destroy(search);
}

/* At the length limit the first K candidates are the outputs, without an end token. */
static void the_length_limit_finishes_the_first(void) {
    static const logits_row rows[] = {{"", {0.3, 0.2, 0.5}}};
    const logits_table table = {rows, 1, 3};
    sg_search_options options = logits_options(3, 3, 1);
    options.num_return_sequences = 3;
    sg_search *search = run(&table, &options);
    CHECK_TEXT(logits_result_text(search, 0), "2");
    CHECK_TEXT(logits_result_text(search, 1), "0");
    CHECK_TEXT(logits_result_text(search, 2), "1");
    sg_search_destroy(search);
}

/* Any end token ends; repeated and impossible ones change nothing here; none at all runs to the
 * limit. */
static void knows_several_end_tokens_and_none(void) {
    static const int32_t ends[] = {1, 1, 4, 99, -7};
    sg_search_options options = logits_options(5, 2, 3);
    options.eos_ids = ends;
    options.eos_count = 5;
    sg_search *search = run(&trap, &options);
    CHECK_TEXT(logits_result_text(search, 0), "34");
    sg_search_destroy(search);
    options.eos_ids = NULL;
    options.eos_count = 0;
    options.max_new_tokens = 4;
    search = run(&trap, &options);
    CHECK_INT(sg_search_result(search, 0).count, 4);
    sg_search_destroy(search);
}

/* Equal candidates: the lower beam, then the lower token; the margins say so. */
static void the_lower_index_wins_a_tie(void) {
    static const logits_row rows[] = {{"", {0.25, 0.25, 0.25, 0.25}}};
    const logits_table table = {rows, 1, 4};
    sg_search_options options = logits_options(4, 2, 2);
    size_t count;
    options.eos_count = 0;
    options.num_return_sequences = 2;
    sg_search *search = run(&table, &options);
    CHECK_TEXT(logits_result_text(search, 0), "00");
    CHECK_TEXT(logits_result_text(search, 1), "01");
    const float *margins = sg_search_margins(search, &count);
    CHECK_INT(count, 3);
    CHECK_NEAR(margins[0], 0.0, 0.0);
    CHECK_NEAR(margins[2], 0.0, 0.0);
    sg_search_destroy(search);
}

/* The running cut of the first step is between 0.4 and 0.06; the last step has only the cut of
 * outputs. */
static void margins_are_those_of_the_choices(void) {
    sg_search_options options = logits_options(5, 2, 3);
    size_t count;
    options.num_return_sequences = 2;
    sg_search *search = run(&trap, &options);
    const float *margins = sg_search_margins(search, &count);
    CHECK_INT(count, 4);
    CHECK_NEAR(margins[0], log(0.4 / 0.06), 1e-5);
    CHECK_NEAR(margins[1], 0.0, 0.0);
    for (size_t i = 0; i < count; i++) {
        CHECK(margins[i] >= 0.0F && margins[i] <= FLT_MAX);
    }
    CHECK_NEAR(margins[3], sg_search_result(search, 0).score - sg_search_result(search, 1).score,
               1e-6);
    sg_search_destroy(search);
}

/* The first margin of a search over one row for all steps, with end token 1. */
static float first_margin(const double *p, size_t vocab, size_t beams, size_t results,
                          float *last) {
    logits_row row = {.suffix = ""};
    size_t count;
    memcpy(row.p, p, vocab * sizeof *p);
    const logits_table table = {&row, 1, vocab};
    sg_search_options options = logits_options(vocab, beams, *last > 0.0F ? 1 : 3);
    options.num_return_sequences = results;
    sg_search *search = run(&table, &options);
    const float *margins = sg_search_margins(search, &count);
    float first = margins[0];
    *last = margins[count - 1];
    sg_search_destroy(search);
    return first;
}

/* An end token just after the first K would have finished: that cut is the nearest choice. At the
 * length limit nothing runs on, so only the cut of outputs counts. Of the final order only what is
 * returned counts. */
static void margins_know_what_can_change_the_result(void) {
    static const double outside[] = {0.01, 0.29, 0.4, 0.3};
    static const double limit[] = {0.5, 0.2, 0.3};
    static const double order[] = {0.6, 0.2, 0.2};
    float last = 0.0F;
    CHECK_NEAR(first_margin(outside, 4, 2, 1, &last), log(0.3 / 0.29), 1e-6);
    last = 1.0F;
    CHECK_NEAR(first_margin(limit, 3, 2, 1, &last), log(0.3 / 0.2), 1e-6);
    last = 1.0F;
    (void)first_margin(order, 3, 3, 1, &last);
    CHECK_NEAR(last, log(3.0), 1e-6);
    last = 1.0F;
    (void)first_margin(order, 3, 3, 2, &last);
    CHECK_NEAR(last, 0.0, 0.0);
}

/* A stop that hung on the running beam's score says how near it was. */
static void margins_know_the_stop_rule(void) {
    sg_search_options options = logits_options(4, 2, 8);
    size_t count;
    sg_search *search = run(&promise, &options);
    const float *margins = sg_search_margins(search, &count);
    CHECK_INT(count, 3);
    CHECK_NEAR(margins[1], (log(0.3 * 0.75) - log(0.099 * 0.997)) / 2.0, 1e-5);
    sg_search_destroy(search);
}

/* A running beam that is only as good as the worst finished output ends the search. */
static void an_equal_running_beam_does_not_keep_it_open(void) {
    static const int32_t ends[] = {1, 2};
    static const logits_row rows[] = {{"", {0.1, 0.3, 0.3, 0.3}}};
    const logits_table table = {rows, 1, 4};
    sg_search_options options = logits_options(4, 2, 8);
    size_t count;
    options.eos_ids = ends;
    options.eos_count = 2;
    options.length_penalty = 0.0;
    sg_search *search = run(&table, &options);
    (void)sg_search_margins(search, &count);
    CHECK_INT(count, 2);
    sg_search_destroy(search);
}

/* With a penalty of 0 or less `never` counts on the present length, since a longer one is no
 * better. */
static void never_ignores_the_limit_under_a_negative_penalty(void) {
    static const logits_row rows[] = {
        {"^", {0.12, 0.16, 0.12, 0.6}},
        {"33", {0.02, 0.9, 0.04, 0.04}},
        {"3", {0.05, 0.1, 0.05, 0.8}},
        {"", {0.4, 0.2, 0.2, 0.2}},
    };
    const logits_table table = {rows, 4, 4};
    sg_search_options options = logits_options(4, 2, 30);
    options.early_stopping = SG_EARLY_STOPPING_NEVER;
    options.length_penalty = -1.0;
    options.num_return_sequences = 2;
    sg_search *search = run(&table, &options);
    CHECK_TEXT(logits_result_text(search, 0), "1");
    CHECK_TEXT(logits_result_text(search, 1), "331");
    sg_search_destroy(search);
}

/* So many candidates are looked at that K can run on even if every end token of every beam comes
 * first. */
static void several_end_tokens_leave_beams_to_run_on(void) {
    static const double p[] = {0.05, 0.25, 0.24, 0.23, 0.12, 0.11};
    static const int32_t ends[] = {1, 2, 3};
    sg_search_options options = logits_options(6, 2, 5);
    sg_search_row rows[2];
    float logits[6];
    size_t count;
    options.eos_ids = ends;
    options.eos_count = 3;
    for (size_t i = 0; i < 6; i++) {
        logits[i] = (float)log(p[i]);
    }
    options.length_penalty = 2.0;
    options.early_stopping = SG_EARLY_STOPPING_NEVER;
    sg_search *search = make(&options);
    CHECK_INT(sg_search_advance(search, logits, rows, &count, NULL), SG_STATUS_OK);
    CHECK_INT(count, 2);
    CHECK_INT(rows[0].token, 4);
    CHECK_INT(rows[1].token, 5);
    sg_search_destroy(search);
}

/* Where full slots end the search by themselves, the running beam's score decided nothing. */
static void margins_leave_out_a_stop_rule_that_did_not_decide(void) {
    static const logits_row rows[] = {{"^", {0.1, 0.2, 0.1, 0.6}}, {"", {0.125, 0.5, 0.125, 0.25}}};
    const logits_table table = {rows, 2, 4};
    sg_search_options options = logits_options(4, 2, 8);
    size_t count;
    options.early_stopping = SG_EARLY_STOPPING_TRUE;
    options.length_penalty = 0.0;
    sg_search *search = run(&table, &options);
    const float *margins = sg_search_margins(search, &count);
    CHECK_INT(count, 3);
    CHECK_NEAR(margins[1], log(0.3 / 0.075), 1e-5);
    sg_search_destroy(search);
}

/* A stopping candidate that is near the cut but too poor for any slot decides nothing. */
static void margins_leave_out_what_no_slot_would_take(void) {
    static const logits_row rows[] = {
        {"^", {0.001, 0.3, 0.001, 0.698}},
        {"33", {0.0205, 0.021, 0.0185, 0.94}},
        {"3", {0.001, 0.4, 0.001, 0.598}},
        {"", {0.25, 0.25, 0.25, 0.25}},
    };
    const logits_table table = {rows, 4, 4};
    sg_search_options options = logits_options(4, 2, 6);
    size_t count;
    sg_search *search = run(&table, &options);
    const float *margins = sg_search_margins(search, &count);
    CHECK(count > 3);
    CHECK_NEAR(margins[2], log(0.0205 / 0.0185), 1e-5);
    sg_search_destroy(search);
}

/* With n-grams of 1 and two tokens nothing may follow the first token: every running beam is at
 * -infinity, so the search closes with no output, as the reference does (its sequence is the start
 * token alone). */
static void closes_when_no_beam_is_left(void) {
    static const logits_row rows[] = {{"", {0.5, 0.5}}};
    const logits_table table = {rows, 1, 2};
    sg_search_options options = logits_options(2, 2, 9);
    size_t count;
    options.eos_count = 0;
    options.no_repeat_ngram_size = 1;
    sg_search *search = run(&table, &options);
    CHECK_INT(sg_search_result(search, 0).count, 0);
    CHECK_NEAR(sg_search_result(search, 0).score, -1.0e9, 0.0);
    (void)sg_search_margins(search, &count);
    CHECK_INT(count, 3);
    sg_search_destroy(search);
}

/* A vocabulary smaller than the candidates, and rows in which everything is banned: no NaN, no
 * output out of range, an end. */
static void survives_where_nothing_is_left(void) {
    static const logits_row rows[] = {{"", {0.7, 0.2, 0.1}}};
    for (size_t vocab = 1; vocab <= 3; vocab++) {
        for (size_t beams = 2; beams <= 8; beams++) {
            const logits_table table = {rows, 1, vocab};
            sg_search_options options = logits_options(vocab, beams, 9);
            options.num_return_sequences = beams;
            options.no_repeat_ngram_size = 1;
            options.min_length = 4;
            sg_search *search = run(&table, &options);
            for (size_t rank = 0; rank < beams; rank++) {
                sg_search_hypothesis result = sg_search_result(search, rank);
                CHECK(!isnan(result.score) && result.count <= 9);
                for (size_t i = 0; i < result.count; i++) {
                    CHECK(result.ids[i] >= 0 && (size_t)result.ids[i] < vocab);
                }
            }
            sg_search_destroy(search);
        }
    }
}

/* NaN in a later row is an error that names the row. */
static void refuses_what_is_not_finite(void) {
    sg_search_options options = logits_options(3, 2, 4);
    float logits[6] = {0.0F, -9.0F, 1.0F, 0.0F, 0.0F, NAN};
    sg_search_row rows[2];
    sg_error error;
    size_t count;
    sg_search *search = make(&options);
    CHECK_INT(sg_search_advance(search, logits, rows, &count, &error), SG_STATUS_OK);
    CHECK_INT(count, 2);
    CHECK(rows[0].parent == 0 && rows[1].parent == 0);
    CHECK_INT(sg_search_advance(search, logits, rows, &count, &error), SG_STATUS_NUMERIC);
    CHECK_CONTAINS(error.message, "token 2 in row 1");
    sg_search_destroy(search);
}

/* The largest settings are created at once: nothing is touched before it is used. */
static void the_largest_search_is_possible(void) {
    static const float logits[40] = {1.0F};
    sg_search_options options = logits_options(40, SG_SEARCH_MAX_BEAMS, SG_SEARCH_MAX_NEW_TOKENS);
    sg_search_row rows[SG_SEARCH_MAX_BEAMS];
    size_t count;
    options.num_return_sequences = 2;
    sg_search *search = make(&options);
    CHECK_INT(sg_search_max_rows(search), SG_SEARCH_MAX_BEAMS);
    CHECK_INT(sg_search_advance(search, logits, rows, &count, NULL), SG_STATUS_OK);
    CHECK_INT(count, SG_SEARCH_MAX_BEAMS);
    sg_search_destroy(search);
}

int main(void) {
    TEST(finds_what_greedy_misses);
    TEST(returns_several_in_order);
    TEST(one_beam_takes_the_greedy_path);
    TEST(the_length_penalty_decides);
    TEST(early_stopping_has_three_values);
    TEST(never_counts_on_the_full_length);
    TEST(only_the_first_candidates_finish);
    TEST(the_length_limit_finishes_the_first);
    TEST(knows_several_end_tokens_and_none);
    TEST(the_lower_index_wins_a_tie);
    TEST(margins_are_those_of_the_choices);
    TEST(margins_know_what_can_change_the_result);
    TEST(margins_know_the_stop_rule);
    TEST(an_equal_running_beam_does_not_keep_it_open);
    TEST(never_ignores_the_limit_under_a_negative_penalty);
    TEST(several_end_tokens_leave_beams_to_run_on);
    TEST(margins_leave_out_a_stop_rule_that_did_not_decide);
    TEST(margins_leave_out_what_no_slot_would_take);
    TEST(closes_when_no_beam_is_left);
    TEST(survives_where_nothing_is_left);
    TEST(refuses_what_is_not_finite);
    TEST(the_largest_search_is_possible);
    return test_end();
}
