/* SPDX-License-Identifier: Apache-2.0 */
/* One case of an expectation file against what this program gave for it. */
#ifndef SG_CLI_COMPARISON_H
#define SG_CLI_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/switchgen.h>

#include "cli/expectation.h"
#include "cli/option_table.h"

/* How far apart is still equal. */
typedef struct sg_comparison_limits {
    double near_tie;        /* negative: 1e-4 for greedy search, 1e-5 for beams */
    double score_tolerance; /* of scores and log-probabilities */
} sg_comparison_limits;

typedef enum sg_difference_kind {
    SG_DIFFERENCE_KIND_INPUT_IDS = 0, /* position and ids */
    SG_DIFFERENCE_KIND_IDS,           /* position and ids */
    SG_DIFFERENCE_KIND_RAW,           /* position: bytes */
    SG_DIFFERENCE_KIND_LOGPROB,       /* values */
    SG_DIFFERENCE_KIND_SCORE,         /* values */
    SG_DIFFERENCE_KIND_COUNT          /* values: hypotheses */
} sg_difference_kind;

typedef struct sg_difference {
    sg_difference_kind kind;
    size_t candidate;              /* rank, from 0 */
    size_t position;               /* the first that differs, from 0 */
    int32_t expected_id, found_id; /* -1: the list ends there */
    double expected, found;
} sg_difference;

/* Input ids, a count, and for each candidate its ids, or its raw text and two scores. */
#define SG_COMPARISON_MAX_DIFFERENCES (2 + 3 * SG_CLI_MAX_BEAMS)

typedef enum sg_verdict {
    SG_VERDICT_EQUAL = 0,
    SG_VERDICT_NEAR_TIE,
    SG_VERDICT_DIFFERENT
} sg_verdict;

typedef struct sg_comparison {
    sg_verdict verdict;
    double margin; /* of a near tie: the one that decided; else infinity */
    sg_difference differences[SG_COMPARISON_MAX_DIFFERENCES];
    size_t difference_count;
} sg_comparison;

/* Compare. `result` may hold more candidates than the case expects (all beams): they tell a swap of
 * two hypotheses from a new one.
 *
 * A case whose only differences are in generated ids is a near tie if a margin at or before the
 * first diverging step is below the limit; or, with beams, if the last margin (between final
 * scores) is, and every expected hypothesis is among the found ones at another rank. */
void sg_comparison_run(const sg_expectation_case *one_case, const sg_result *result,
                       const sg_comparison_limits *limits, sg_comparison *comparison);

#endif
