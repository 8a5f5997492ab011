/* SPDX-License-Identifier: Apache-2.0 */
/* Searches against recorded outputs of transformers' generate() on the same fake model: ids equal,
 * scores within 1e-5 (relative above 1), token log-probabilities within 1e-4 a sum. A case with a
 * margin below 1e-5 may differ; such cases are counted and may be no more than 1 in 50. */
#include "support/test.h"

#include <math.h>

#include "support/search_cases.h"

#define NEAR_TIE 1e-5
#define LEAST_CASES 140
#define LINE_SIZE 4096

typedef struct tally {
    size_t cases, equal, near_ties, different;
} tally;

static bool is_near(double found, double expected, double tolerance) {
    if (isnan(found) || isnan(expected)) {
        return isnan(found) && isnan(expected);
    }
    return fabs(found - expected) <= tolerance * fmax(1.0, fabs(expected));
}

/* Compare one result with its `out` line. */
static bool is_equal(sg_search_hypothesis result, char *line) {
    double sum = 0.0;
    bool equal = strncmp(line, "out ", 4) == 0;
    line += equal ? 4 : 0;
    equal = equal && is_near((double)result.score, search_case_number(&line), NEAR_TIE);
    double logprob = search_case_number(&line);
    equal = equal && search_case_size(&line) == result.count;
    for (size_t i = 0; equal && i < result.count; i++) {
        equal = result.ids[i] == (int32_t)search_case_number(&line);
        sum += (double)result.token_logprobs[i];
    }
    return equal && is_near(sum, logprob, 1e-4);
}

/* Run one case and read its `out` lines. */
static void check_case(FILE *file, char *line, tally *count) {
    search_case made;
    sg_search *search = NULL;
    sg_error error = {0};
    char expected[LINE_SIZE];
    bool equal = search_case_read(line, &made);
    CHECK(equal);
    CHECK_INT(sg_search_create(&made.options, &search, &error), SG_STATUS_OK);
    CHECK_INT(search_case_run(&made, search, &error), SG_STATUS_OK);
    for (size_t rank = 0; rank < made.options.num_return_sequences; rank++) {
        bool there = fgets(expected, sizeof expected, file) != NULL;
        equal = there && is_equal(sg_search_result(search, rank), expected) && equal;
    }
    bool near = (double)search_case_margin(search) < NEAR_TIE;
    count->cases++;
    count->equal += equal ? 1 : 0;
    count->near_ties += !equal && near ? 1 : 0;
    count->different += !equal && !near ? 1 : 0;
    if (!equal) {
        printf("%s, margin %.3g: %s", near ? "near tie" : "DIFFERENT",
               (double)search_case_margin(search), line);
    }
    sg_search_destroy(search);
}

/* The decisions of a whole search, in every combination of settings, are the reference's. */
static void searches_decide_as_the_reference(void) {
    static const char path[] = SG_TEST_FIXTURES "/search/cases.txt";
    FILE *file = fopen(path, "r");
    tally count = {0};
    char line[LINE_SIZE];
    CHECK(file != NULL);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '#') {
            check_case(file, line, &count);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    printf("%zu cases: %zu equal, %zu near ties, %zu different\n", count.cases, count.equal,
           count.near_ties, count.different);
    CHECK(count.cases >= LEAST_CASES);
    CHECK_INT(count.different, 0);
    CHECK(count.near_ties * 50 <= count.cases);
}

int main(void) {
    TEST(searches_decide_as_the_reference);
    return test_end();
}
