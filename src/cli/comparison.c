/* SPDX-License-Identifier: Apache-2.0 */
/* Differences are collected first; whether they are a near tie is decided over all of them. */
#include "cli/comparison.h"

#include <math.h>
#include <string.h>

/* cli.md section 6. */
#define NEAR_TIE_GREEDY 1e-4
#define NEAR_TIE_BEAMS 1e-5

/* The difference of this kind and candidate: a new one, or the one found before (the best output
 * stands in a case twice where it has candidates). */
static sg_difference *add(sg_comparison *comparison, sg_difference_kind kind, size_t candidate) {
    sg_difference *difference;
    for (size_t i = 0; i < comparison->difference_count; i++) {
        difference = &comparison->differences[i];
        if (difference->kind == kind && difference->candidate == candidate) {
            return difference;
        }
    }
    if (comparison->difference_count == SG_COMPARISON_MAX_DIFFERENCES) {
        return &comparison->differences[SG_COMPARISON_MAX_DIFFERENCES - 1];
    }
    difference = &comparison->differences[comparison->difference_count++];
    *difference = (sg_difference){.kind = kind, .candidate = candidate};
    return difference;
}

/* True if both lists are equal; otherwise the first position that differs is recorded. */
static bool compare_ids(sg_comparison *comparison, sg_difference_kind kind, size_t candidate,
                        const int32_t *expected, size_t expected_count, const int32_t *found,
                        size_t found_count) {
    size_t position = 0;
    sg_difference *difference;
    while (position < expected_count && position < found_count &&
           expected[position] == found[position]) {
        position++;
    }
    if (position == expected_count && position == found_count) {
        return true;
    }
    difference = add(comparison, kind, candidate);
    difference->position = position;
    difference->expected_id = position < expected_count ? expected[position] : -1;
    difference->found_id = position < found_count ? found[position] : -1;
    return false;
}

/* A missing expectation (NaN) is met by anything; otherwise NaN meets nothing. */
static void compare_value(sg_comparison *comparison, sg_difference_kind kind, size_t candidate,
                          double expected, double found, double tolerance) {
    if (!isnan(expected) && !(fabs(expected - found) <= tolerance)) {
        sg_difference *difference = add(comparison, kind, candidate);
        difference->expected = expected;
        difference->found = found;
    }
}

static void compare_raw(sg_comparison *comparison, size_t rank, const char *expected,
                        const sg_candidate *found) {
    size_t length;
    size_t position = 0;
    if (expected == NULL) {
        return;
    }
    length = strlen(expected);
    while (position < length && position < found->raw_length &&
           expected[position] == found->raw[position]) {
        position++;
    }
    if (position < length || position < found->raw_length) {
        add(comparison, SG_DIFFERENCE_KIND_RAW, rank)->position = position;
    }
}

static void compare_candidate(sg_comparison *comparison, size_t rank,
                              const sg_expected_output *expected, const sg_candidate *found,
                              double tolerance) {
    if (!compare_ids(comparison, SG_DIFFERENCE_KIND_IDS, rank, expected->ids, expected->id_count,
                     found->ids, found->id_count)) {
        return; /* other ids have other scores */
    }
    compare_raw(comparison, rank, expected->raw, found);
    compare_value(comparison, SG_DIFFERENCE_KIND_LOGPROB, rank, expected->logprob,
                  (double)found->logprob, tolerance);
    compare_value(comparison, SG_DIFFERENCE_KIND_SCORE, rank, expected->score, (double)found->score,
                  tolerance);
}

/* --- near ties --- */

static bool is_among(const sg_expected_output *expected, const sg_result *result) {
    for (size_t i = 0; i < result->candidate_count; i++) {
        const sg_candidate *found = &result->candidates[i];
        if (found->id_count == expected->id_count &&
            memcmp(found->ids, expected->ids, found->id_count * sizeof *found->ids) == 0) {
            return true;
        }
    }
    return false;
}

/* All expected hypotheses were found, in another order. */
static bool is_reordered(const sg_expectation_case *one_case, const sg_result *result) {
    for (size_t i = 0; i < one_case->candidate_count; i++) {
        if (!is_among(&one_case->candidates[i], result)) {
            return false;
        }
    }
    return is_among(&one_case->own, result);
}

/* The first step at which any hypothesis differs; false if something else than ids differs. */
static bool first_diverging_step(const sg_comparison *comparison, size_t *step) {
    *step = SIZE_MAX;
    for (size_t i = 0; i < comparison->difference_count; i++) {
        const sg_difference *difference = &comparison->differences[i];
        if (difference->kind != SG_DIFFERENCE_KIND_IDS) {
            return false;
        }
        *step = difference->position < *step ? difference->position : *step;
    }
    return comparison->difference_count > 0;
}

static double smallest(const double *values, size_t count) {
    double least = (double)INFINITY;
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
    }
    return least;
}

/* The margin that can explain the differences; infinity if none does. */
static double explaining_margin(const sg_expectation_case *one_case, const sg_result *result,
                                const sg_comparison *comparison, bool beams) {
    size_t steps = one_case->margin_count;
    size_t step = 0;
    double margin;
    if (!first_diverging_step(comparison, &step) || steps == 0) {
        return (double)INFINITY;
    }
    steps -= beams ? 1 : 0;
    margin = smallest(one_case->margins, step < steps ? step + 1 : steps);
    if (beams && is_reordered(one_case, result)) {
        margin = fmin(margin, one_case->margins[one_case->margin_count - 1]);
    }
    return margin;
}

static void decide(const sg_expectation_case *one_case, const sg_result *result,
                   const sg_comparison_limits *limits, sg_comparison *comparison) {
    bool beams = one_case->options.decoding.num_beams > 1;
    double limit = limits->near_tie;
    comparison->margin = (double)INFINITY;
    if (comparison->difference_count == 0) {
        comparison->verdict = SG_VERDICT_EQUAL;
        return;
    }
    if (limit < 0) {
        limit = beams ? NEAR_TIE_BEAMS : NEAR_TIE_GREEDY;
    }
    comparison->margin = explaining_margin(one_case, result, comparison, beams);
    comparison->verdict = comparison->margin < limit ? SG_VERDICT_NEAR_TIE : SG_VERDICT_DIFFERENT;
}

void sg_comparison_run(const sg_expectation_case *one_case, const sg_result *result,
                       const sg_comparison_limits *limits, sg_comparison *comparison) {
    size_t expected_count = one_case->candidate_count;
    size_t count = expected_count;
    comparison->difference_count = 0;
    if (one_case->input_ids != NULL) {
        (void)compare_ids(comparison, SG_DIFFERENCE_KIND_INPUT_IDS, 0, one_case->input_ids,
                          one_case->input_id_count, result->input_ids, result->input_tokens);
    }
    if (result->candidate_count < expected_count) {
        sg_difference *difference = add(comparison, SG_DIFFERENCE_KIND_COUNT, 0);
        difference->expected = (double)expected_count;
        difference->found = (double)result->candidate_count;
        count = result->candidate_count;
    }
    compare_candidate(comparison, 0, &one_case->own, &result->candidates[0],
                      limits->score_tolerance);
    for (size_t rank = 0; rank < count; rank++) {
        compare_candidate(comparison, rank, &one_case->candidates[rank], &result->candidates[rank],
                          limits->score_tolerance);
    }
    decide(one_case, result, limits, comparison);
}
