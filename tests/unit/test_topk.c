/* SPDX-License-Identifier: Apache-2.0 */
/* The largest, and the k largest, of many numbers: ties, NaN, stretches in any cut. */
#include "math/topk.h"

#include <math.h>
#include <stdlib.h>

#include "support/random.h"
#include "support/test.h"

/* Ties go to the lowest index and NaN never wins: the token that greedy search takes. */
static void argmax_rules(void) {
    float ties[] = {1.0f, 3.0f, 2.0f, 3.0f};
    float nan_first[] = {NAN, -5.0f, NAN, -4.0f, -4.0f};
    float nothing[] = {-INFINITY, -INFINITY};
    float all_nan[] = {NAN, NAN};
    float nan_then_nothing[] = {NAN, -INFINITY};
    float zeros[] = {-0.0f, 0.0f};
    CHECK_INT(sg_argmax(ties, 4), 1);
    CHECK_INT(sg_argmax(nan_first, 5), 3);
    CHECK_INT(sg_argmax(nothing, 2), 0);
    CHECK_INT(sg_argmax(all_nan, 2), 0);
    CHECK_INT(sg_argmax(nan_then_nothing, 2), 1);
    CHECK_INT(sg_argmax(zeros, 2), 0);
}

static int compare(const void *left, const void *right) {
    const sg_scored *a = left;
    const sg_scored *b = right;
    bool a_nan = isnan(a->score);
    bool b_nan = isnan(b->score);
    if (a_nan != b_nan) {
        return a_nan ? 1 : -1;
    }
    if (!a_nan && a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->index < b->index ? -1 : 1;
}

/* The same as sorting everything, for many k, with many ties and some NaN, in stretches offered
 * forwards and backwards. */
static void equals_sorting(void) {
    uint64_t state = 1;
    for (int trial = 0; trial < 200; trial++) {
        size_t count = 1 + random_below(&state, 300);
        size_t k = 1 + random_below(&state, 40);
        float x[300];
        sg_scored sorted[300];
        sg_scored best[40];
        for (size_t i = 0; i < count; i++) {
            x[i] = random_below(&state, 10) == 0 ? NAN : (float)random_below(&state, 50);
            sorted[i] = (sg_scored){x[i], i};
        }
        qsort(sorted, count, sizeof *sorted, compare);
        size_t cut = random_below(&state, count + 1);
        size_t used = 0;
        if (trial % 2 == 0) {
            sg_topk_offer(x, cut, 0, best, k, &used);
            sg_topk_offer(x + cut, count - cut, cut, best, k, &used);
        } else {
            sg_topk_offer(x + cut, count - cut, cut, best, k, &used);
            sg_topk_offer(x, cut, 0, best, k, &used);
        }
        sg_topk_sort(best, used);
        CHECK_INT(used, k < count ? k : count);
        for (size_t i = 0; i < used; i++) {
            CHECK_INT(best[i].index, sorted[i].index);
            CHECK(best[i].score == sorted[i].score || isnan(sorted[i].score));
        }
    }
}

int main(void) {
    TEST(argmax_rules);
    TEST(equals_sorting);
    return test_end();
}
