/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the searches of `case` lines on stdin (tools/reference/make_search_cases.py) and prints, for
 * each, `margin SMALLEST` and its `out` lines; tools/reference/check_search.py compares. */
#include "support/search_cases.h"

static void print_result(sg_search_hypothesis result) {
    double sum = 0.0;
    for (size_t i = 0; i < result.count; i++) {
        sum += (double)result.token_logprobs[i];
    }
    printf("out %.9g %.9g %zu", (double)result.score, sum, result.count);
    for (size_t i = 0; i < result.count; i++) {
        printf(" %" PRId32, result.ids[i]);
    }
    printf("\n");
}

static sg_status run_case(const search_case *made, sg_error *error) {
    sg_search *search = NULL;
    sg_status status = sg_search_create(&made->options, &search, error);
    if (status == SG_STATUS_OK) {
        status = search_case_run(made, search, error);
    }
    if (status == SG_STATUS_OK) {
        printf("margin %.9g\n", (double)search_case_margin(search));
        for (size_t rank = 0; rank < sg_search_result_count(search); rank++) {
            print_result(sg_search_result(search, rank));
        }
    }
    sg_search_destroy(search);
    return status;
}

int main(void) {
    char line[4096];
    while (fgets(line, sizeof line, stdin) != NULL) {
        search_case made;
        sg_error error = {0};
        if (!search_case_read(line, &made)) {
            fprintf(stderr, "search_probe: not a case: %s", line);
            return 2;
        }
        if (run_case(&made, &error) != SG_STATUS_OK) {
            fprintf(stderr, "search_probe: %s\n", error.message);
            return 1;
        }
    }
    return 0;
}
