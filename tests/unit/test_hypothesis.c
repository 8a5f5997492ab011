/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of partial outputs and the bounded list of finished ones. */
#include "support/test.h"

#include <float.h>
#include <math.h>

#include "search/hypothesis.h"

/* A path is read back through its parents, whatever order later generations put them in. */
static void tree_reads_a_path_back(void) {
    static const sg_hypothesis_node generations[3][2] = {
        {{-0.1F, 10, 0}, {-0.2F, 20, 0}},
        {{-0.3F, 11, 1}, {-0.4F, 12, 0}},
        {{-0.5F, 13, 1}, {-0.6F, 14, 1}},
    };
    sg_hypothesis_tree tree;
    int32_t ids[3] = {-1, -1, -1};
    float logprobs[3];
    CHECK_INT(sg_hypothesis_tree_init(&tree, 2, 3, NULL), SG_STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        sg_hypothesis_tree_append(&tree, generations[i]);
    }
    sg_hypothesis_tree_read(&tree, 0, 3, ids, logprobs);
    CHECK(ids[0] == 10 && ids[1] == 12 && ids[2] == 13);
    CHECK_NEAR(logprobs[0], -0.1, 1e-7);
    CHECK_NEAR(logprobs[2], -0.5, 1e-7);
    sg_hypothesis_tree_read(&tree, 0, 2, ids, NULL);
    CHECK(ids[0] == 20 && ids[1] == 11);
    sg_hypothesis_tree_read(&tree, 7, 0, ids, NULL);
    CHECK(ids[0] == 20 && ids[1] == 11);
    sg_hypothesis_tree_clear(&tree);
    sg_hypothesis_tree_clear(&tree);
}

/* The largest search that is allowed is created at once and touches next to nothing. */
static void the_largest_tree_is_possible(void) {
    static const sg_hypothesis_node nodes[64];
    sg_hypothesis_tree tree;
    CHECK_INT(sg_hypothesis_tree_init(&tree, 64, 1000000, NULL), SG_STATUS_OK);
    sg_hypothesis_tree_append(&tree, nodes);
    sg_hypothesis_tree_clear(&tree);
    CHECK_INT(sg_hypothesis_tree_init(&tree, SIZE_MAX / 2, 4, NULL), SG_STATUS_MEMORY);
    sg_hypothesis_tree_clear(&tree);
}

static void offer(sg_hypothesis_list *list, size_t index, float score, int32_t token, bool filled) {
    *sg_hypothesis_list_offer(list, index) = (sg_hypothesis_slot){
        .last = {.token = token}, .length = 1, .score = score, .filled = filled};
}

/* The list keeps the best, tells how near the last choice was, and is full only with finished ones.
 */
static void list_keeps_the_best(void) {
    sg_hypothesis_list list;
    CHECK_INT(sg_hypothesis_list_init(&list, 2, 3, NULL), SG_STATUS_OK);
    CHECK(!sg_hypothesis_list_is_full(&list));
    CHECK_NEAR(sg_hypothesis_list_worst(&list), SG_HYPOTHESIS_NEVER, 0.0);
    offer(&list, 0, -5.0F, 7, true);
    CHECK_NEAR(sg_hypothesis_list_merge(&list, 1), FLT_MAX, 0.0);
    CHECK(!sg_hypothesis_list_is_full(&list));
    CHECK_INT(list.slots[0].last.token, 7);
    CHECK_INT(list.slots[1].length, 0);
    offer(&list, 0, -6.0F, 8, true);
    offer(&list, 1, -4.0F, 9, true);
    offer(&list, 2, -4.5F, 3, false);
    list.merged[4].score += SG_HYPOTHESIS_NEVER;
    CHECK_NEAR(sg_hypothesis_list_merge(&list, 3), 1.0, 0.0);
    CHECK(sg_hypothesis_list_is_full(&list));
    CHECK_INT(list.slots[0].last.token, 9);
    CHECK_INT(list.slots[1].last.token, 7);
    sg_hypothesis_list_clear(&list);
    sg_hypothesis_list_clear(&list);
}

/* On a tie the older entry stays, and an unfilled slot is not displaced by one that must not
 * finish. */
static void list_prefers_the_older(void) {
    sg_hypothesis_list list;
    CHECK_INT(sg_hypothesis_list_init(&list, 2, 2, NULL), SG_STATUS_OK);
    offer(&list, 0, SG_HYPOTHESIS_NEVER - 10.0F, 1, false);
    (void)sg_hypothesis_list_merge(&list, 1);
    CHECK_INT(list.slots[0].length, 0);
    CHECK_INT(list.slots[1].length, 0);
    offer(&list, 0, -1.0F, 2, true);
    offer(&list, 1, -1.0F, 3, true);
    (void)sg_hypothesis_list_merge(&list, 2);
    CHECK_INT(list.slots[0].last.token, 2);
    offer(&list, 0, -1.0F, 4, true);
    CHECK_NEAR(sg_hypothesis_list_merge(&list, 1), 0.0, 0.0);
    CHECK_INT(list.slots[1].last.token, 3);
    sg_hypothesis_list_clear(&list);
}

/* Distances go into JSON: never NaN, never infinite. */
static void distances_are_finite(void) {
    CHECK_NEAR(sg_hypothesis_distance(-1.0F, -1.5F), 0.5, 0.0);
    CHECK_NEAR(sg_hypothesis_distance(-INFINITY, -INFINITY), 0.0, 0.0);
    CHECK_NEAR(sg_hypothesis_distance(0.0F, -INFINITY), FLT_MAX, 0.0);
    CHECK_NEAR(sg_hypothesis_distance(INFINITY, -INFINITY), FLT_MAX, 0.0);
}

int main(void) {
    TEST(tree_reads_a_path_back);
    TEST(the_largest_tree_is_possible);
    TEST(list_keeps_the_best);
    TEST(list_prefers_the_older);
    TEST(distances_are_finite);
    return test_end();
}
