/* SPDX-License-Identifier: Apache-2.0 */
/* What is equal, what is a near tie, and what is a difference (cli.md section 6). */
#include "cli/comparison.h"

#include <math.h>

#include "support/test.h"

static int32_t first[] = {5, 6, 7, 1};
static int32_t second[] = {5, 8, 1};
static int32_t input[] = {9, 1};
static double margins[] = {1, 1, 1, 1, 1};
static sg_expected_output outputs[2];
static sg_expectation_case expected;
static sg_candidate found[3];
static sg_result result;
static sg_comparison_limits limits;
static sg_comparison comparison;

static sg_candidate candidate(const int32_t *ids, size_t count, float score) {
    return (sg_candidate){.ids = ids,
                          .id_count = count,
                          .raw = "raw",
                          .raw_length = 3,
                          .logprob = -2,
                          .score = score};
}

/* A greedy case that is equal. */
static void set_up(void) {
    memset(&expected, 0, sizeof expected);
    for (size_t i = 0; i < 5; i++) {
        margins[i] = 1;
    }
    expected.options.decoding.num_beams = 1;
    expected.input_ids = input;
    expected.input_id_count = 2;
    expected.margins = margins;
    expected.margin_count = 4;
    expected.own = (sg_expected_output){
        .ids = first, .id_count = 4, .raw = "raw", .logprob = -2, .score = (double)NAN};
    found[0] = candidate(first, 4, NAN);
    result = (sg_result){
        .candidates = found, .candidate_count = 1, .input_ids = input, .input_tokens = 2};
    limits = (sg_comparison_limits){.near_tie = -1, .score_tolerance = 1e-3};
}

/* Two beams, both expected. */
static void set_up_beams(void) {
    set_up();
    outputs[0] = expected.own;
    outputs[0].score = -0.5;
    outputs[1] =
        (sg_expected_output){.ids = second, .id_count = 3, .logprob = (double)NAN, .score = -0.75};
    expected.own = outputs[0];
    expected.candidates = outputs;
    expected.candidate_count = 2;
    expected.margin_count = 5;
    expected.options.decoding.num_beams = 2;
    found[0] = candidate(first, 4, -0.5f);
    found[1] = candidate(second, 3, -0.75f);
    result.candidate_count = 2;
}

static sg_verdict verdict(void) {
    sg_comparison_run(&expected, &result, &limits, &comparison);
    return comparison.verdict;
}

static void accepts_equal_cases(void) {
    set_up();
    CHECK_INT(verdict(), SG_VERDICT_EQUAL);
    CHECK_INT(comparison.difference_count, 0);
    set_up_beams();
    CHECK_INT(verdict(), SG_VERDICT_EQUAL);
    set_up();
    expected.input_ids = NULL;
    expected.own.raw = NULL;
    expected.own.logprob = (double)NAN;
    CHECK_INT(verdict(), SG_VERDICT_EQUAL);
}

/* Each value that the file states is compared. */
static void finds_each_kind(void) {
    static const int32_t other_input[] = {9, 3, 1};
    set_up();
    result.input_ids = other_input;
    result.input_tokens = 3;
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    CHECK_INT(comparison.differences[0].kind, SG_DIFFERENCE_KIND_INPUT_IDS);
    CHECK_INT(comparison.differences[0].position, 1);
    CHECK_INT(comparison.differences[0].found_id, 3);
    set_up();
    found[0].raw = "rAw";
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    CHECK_INT(comparison.differences[0].kind, SG_DIFFERENCE_KIND_RAW);
    set_up();
    found[0].logprob = -2.002f;
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    CHECK_INT(comparison.differences[0].kind, SG_DIFFERENCE_KIND_LOGPROB);
    found[0].logprob = -2.0005f;
    CHECK_INT(verdict(), SG_VERDICT_EQUAL);
    found[0].logprob = NAN;
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    set_up_beams();
    found[1].score = -0.7f;
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    CHECK_INT(comparison.differences[0].kind, SG_DIFFERENCE_KIND_SCORE);
    CHECK_INT(comparison.differences[0].candidate, 1);
    set_up_beams();
    result.candidate_count = 1;
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    CHECK_INT(comparison.differences[0].kind, SG_DIFFERENCE_KIND_COUNT);
}

/* The best output stands in a case twice; a difference in it is one difference. */
static void lists_the_best_once(void) {
    set_up_beams();
    found[0] = candidate(second, 3, -0.5f);
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    CHECK_INT(comparison.difference_count, 1);
}

static void finds_shorter_and_longer_outputs(void) {
    set_up();
    found[0].id_count = 3;
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    CHECK_INT(comparison.differences[0].position, 3);
    CHECK_INT(comparison.differences[0].expected_id, 1);
    CHECK_INT(comparison.differences[0].found_id, -1);
}

/* Only a margin at or before the first diverging step explains it. */
static void judges_near_ties(void) {
    static const int32_t other[] = {5, 6, 8, 1};
    static const double at[] = {1e-5, 1e-5, 1e-5, 1e-5};
    for (size_t step = 0; step < 4; step++) {
        set_up();
        found[0] = candidate(other, 4, NAN);
        margins[step] = at[step];
        CHECK_INT(verdict(), step <= 2 ? SG_VERDICT_NEAR_TIE : SG_VERDICT_DIFFERENT);
    }
    set_up();
    found[0] = candidate(other, 4, NAN);
    margins[1] = 1.01e-4;
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    limits.near_tie = 2e-4;
    CHECK_INT(verdict(), SG_VERDICT_NEAR_TIE);
    expected.margins = NULL;
    expected.margin_count = 0;
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
}

/* A near tie hides nothing else. */
static void keeps_real_differences(void) {
    static const int32_t other[] = {5, 6, 8, 1};
    set_up_beams();
    margins[0] = 1e-9;
    found[0] = candidate(other, 4, -0.5f);
    CHECK_INT(verdict(), SG_VERDICT_NEAR_TIE);
    found[1].score = -0.9f;
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    set_up();
    margins[0] = 1e-9;
    found[0].logprob = -3;
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
}

/* The last margin of beams is between final scores: it explains a swap and nothing else. */
static void judges_swaps(void) {
    static const int32_t other[] = {5, 9, 1};
    set_up_beams();
    found[0] = candidate(second, 3, -0.5f);
    found[1] = candidate(first, 4, -0.75f);
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    margins[4] = 1e-6;
    CHECK_INT(verdict(), SG_VERDICT_NEAR_TIE);
    found[1] = candidate(other, 3, -0.75f);
    CHECK_INT(verdict(), SG_VERDICT_DIFFERENT);
    found[2] = candidate(first, 4, -0.75f);
    result.candidate_count =
        3; /* pushed out by one that ties with it, but `first` is no longer first */
    expected.candidate_count = 0;
    CHECK_INT(verdict(), SG_VERDICT_NEAR_TIE);
}

int main(void) {
    TEST(accepts_equal_cases);
    TEST(finds_each_kind);
    TEST(lists_the_best_once);
    TEST(finds_shorter_and_longer_outputs);
    TEST(judges_near_ties);
    TEST(keeps_real_differences);
    TEST(judges_swaps);
    return test_end();
}
