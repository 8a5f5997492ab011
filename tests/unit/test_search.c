/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every search: a step allocates nothing, and a creation that runs out of memory
 * says so and leaks nothing (the leak is seen under ASan and valgrind). */
#include "support/test.h"

#include <stdint.h>

#include "search/search.h"
#include "support/alloc_fault.h"
#include "support/logits_table.h"

static const logits_row rows[] = {{"", {0.3, 0.1, 0.35, 0.25}}};
static const logits_table table = {rows, 1, 4};

static sg_search_options with_all_rules(size_t num_beams) {
    sg_search_options options = logits_options(4, num_beams, 12);
    options.num_return_sequences = num_beams;
    options.no_repeat_ngram_size = 3;
    options.repetition_penalty = 1.2;
    options.min_length = 4;
    return options;
}

/* Everything is allocated at creation. */
static void steps_allocate_nothing(void) {
    for (size_t num_beams = 1; num_beams <= 5; num_beams += 2) {
        sg_search_options options = with_all_rules(num_beams);
        sg_search *search = NULL;
        size_t count;
        alloc_fault_reset(SIZE_MAX);
        CHECK_INT(sg_search_create(&options, &search, NULL), SG_STATUS_OK);
        CHECK(alloc_fault_count() > 0);
        alloc_fault_reset(SIZE_MAX);
        CHECK_INT(logits_table_run(&table, search, 20, NULL), SG_STATUS_OK);
        CHECK(sg_search_is_done(search));
        (void)sg_search_result(search, num_beams - 1);
        (void)sg_search_margins(search, &count);
        CHECK_INT(alloc_fault_count(), 0);
        sg_search_destroy(search);
    }
}

/* Each allocation of a creation fails once. */
static void creation_survives_every_failed_allocation(void) {
    for (size_t num_beams = 1; num_beams <= 4; num_beams += 3) {
        sg_search_options options = with_all_rules(num_beams);
        sg_search *search = NULL;
        alloc_fault_reset(SIZE_MAX);
        CHECK_INT(sg_search_create(&options, &search, NULL), SG_STATUS_OK);
        size_t all = alloc_fault_count();
        sg_search_destroy(search);
        for (size_t i = 0; i < all; i++) {
            sg_error error;
            alloc_fault_reset(i);
            CHECK_INT(sg_search_create(&options, &search, &error), SG_STATUS_MEMORY);
            alloc_fault_reset(SIZE_MAX);
            CHECK(search == NULL);
            CHECK_CONTAINS(error.message, "out of memory");
        }
    }
}

int main(void) {
    TEST(steps_allocate_nothing);
    TEST(creation_survives_every_failed_allocation);
    return test_end();
}
