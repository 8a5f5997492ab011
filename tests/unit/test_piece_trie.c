/* SPDX-License-Identifier: Apache-2.0 */
/* The trie against a plain search over the same strings. */
#include "text/piece_trie.h"

#include "support/test.h"

#define MANY 4000

static sg_piece_text text_of(const char *bytes) {
    return (sg_piece_text){bytes, strlen(bytes)};
}

/* Each string is found with its index, and nothing else is. */
static void finds_what_is_there(void) {
    sg_piece_text texts[] = {text_of("a"), text_of("ab"),           text_of("abcde"),
                             text_of("b"), text_of("\xE2\x96\x81"), text_of("\xFF")};
    sg_piece_trie trie;
    CHECK_INT(sg_piece_trie_build(&trie, texts, 6, NULL, NULL), SG_STATUS_OK);
    for (size_t i = 0; i < 6; i++) {
        CHECK_INT(sg_piece_trie_find(&trie, texts[i].bytes, texts[i].length), i);
    }
    CHECK_INT(sg_piece_trie_find(&trie, "abc", 3), -1);
    CHECK_INT(sg_piece_trie_find(&trie, "abcdef", 6), -1);
    CHECK_INT(sg_piece_trie_find(&trie, "", 0), -1);
    size_t matched = 0;
    CHECK_INT(sg_piece_trie_longest(&trie, "abcdx", 5, &matched), 1);
    CHECK_INT(matched, 2);
    CHECK_INT(sg_piece_trie_longest(&trie, "xab", 3, &matched), -1);
    sg_piece_trie_clear(&trie);
    sg_piece_trie_clear(&trie);
}

/* Thousands of strings, so that both ways of ordering are used. */
static void finds_all_of_many(void) {
    static char bytes[MANY][8];
    static sg_piece_text texts[MANY];
    sg_piece_trie trie;
    for (int i = 0; i < MANY; i++) {
        int written = snprintf(bytes[i], sizeof(bytes[i]), "%d", i * 7919 % 100003);
        texts[i] = (sg_piece_text){bytes[i], (size_t)written};
    }
    CHECK_INT(sg_piece_trie_build(&trie, texts, MANY, NULL, NULL), SG_STATUS_OK);
    int missed = 0;
    for (int i = 0; i < MANY; i++) {
        missed += sg_piece_trie_find(&trie, texts[i].bytes, texts[i].length) == i ? 0 : 1;
    }
    CHECK_INT(missed, 0);
    sg_piece_trie_clear(&trie);
}

/* A string that is there twice is named; the later one of the two. */
static void names_duplicates(void) {
    sg_piece_text texts[] = {text_of("a"), text_of("bc"), text_of("b"), text_of("bc")};
    sg_piece_trie trie;
    size_t duplicate = 0;
    sg_error error;
    CHECK_INT(sg_piece_trie_build(&trie, texts, 4, &duplicate, &error), SG_STATUS_MODEL);
    CHECK_INT(duplicate, 3);
    CHECK(trie.nodes == NULL);
}

/* The bytes of all strings together are bounded, and no string at all is a trie. */
static void bounds_its_size(void) {
    sg_piece_text huge = {"x", SG_PIECE_TRIE_MAX_BYTES + 1};
    sg_piece_trie trie;
    size_t duplicate = 0;
    sg_error error;
    CHECK_INT(sg_piece_trie_build(&trie, &huge, 1, &duplicate, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "16777216 bytes together");
    CHECK_INT(duplicate, 1);
    CHECK_INT(sg_piece_trie_build(&trie, NULL, 0, NULL, NULL), SG_STATUS_OK);
    CHECK_INT(sg_piece_trie_find(&trie, "a", 1), -1);
    sg_piece_trie_clear(&trie);
}

int main(void) {
    TEST(finds_what_is_there);
    TEST(finds_all_of_many);
    TEST(names_duplicates);
    TEST(bounds_its_size);
    return test_end();
}
