/* SPDX-License-Identifier: Apache-2.0 */
/* Segmentation on vocabularies small enough to work out by hand. */
#include "text/unigram.h"

#include "support/test.h"

/* Segment `word` by `texts`, the third of which is the unknown piece, and compare the ids. */
static void check_segments(const char *const *texts, const float *scores, size_t count,
                           const char *word, const char *expected) {
    sg_piece_text pieces[16];
    sg_unigram unigram;
    sg_unigram_scratch scratch = {0};
    sg_id_list ids = {0};
    char found[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        pieces[i] = (sg_piece_text){texts[i], strlen(texts[i])};
    }
    CHECK_INT(sg_unigram_open(&unigram, pieces, scores, count, 2, NULL), SG_STATUS_OK);
    CHECK_INT(sg_unigram_segment(&unigram, word, strlen(word), &scratch, &ids, NULL), SG_STATUS_OK);
    for (size_t i = 0; i < ids.count; i++) {
        used += (size_t)snprintf(found + used, sizeof(found) - used, i == 0 ? "%d" : " %d",
                                 (int)ids.ids[i]);
    }
    CHECK_TEXT(found, expected);
    sg_id_list_clear(&ids);
    sg_unigram_scratch_clear(&scratch);
    sg_unigram_clear(&unigram);
}

/* The greatest sum wins, not the longest piece. */
static void takes_the_best_sum(void) {
    const char *texts[] = {"<pad>", "</s>", "<unk>", "ab", "abc", "c", "bc", "a"};
    const float scores[] = {0, 0, 0, -1.0F, -4.0F, -2.0F, -9.0F, -3.0F};
    check_segments(texts, scores, 8, "abc", "3 5");
    check_segments(texts, scores, 8, "", "");
    check_segments(texts, scores, 8, "aab", "7 3");
}

/* Of equal sums the first found stays: positions ascend, and short pieces come before long ones. */
static void keeps_the_first_of_equals(void) {
    const char *texts[] = {"<pad>", "</s>", "<unk>", "a", "aa"};
    const float scores[] = {0, 0, 0, -1.0F, -2.0F};
    check_segments(texts, scores, 5, "aa", "4");
    check_segments(texts, scores, 5, "aaa", "3 4");
}

/* Neighbouring unknown characters are one id; others keep them apart. */
static void joins_unknown_characters(void) {
    const char *texts[] = {"<pad>", "</s>", "<unk>", "a", "xy"};
    const float scores[] = {0, 0, 0, -1.0F, -5.0F};
    check_segments(texts, scores, 5, "\xE4\xB8\xAD\xE6\x96\x87", "2");
    check_segments(texts, scores, 5, "za\xE4\xB8\xAD", "2 3 2");
    check_segments(texts, scores, 5, "xyx", "4 2");
    check_segments(texts, scores, 5, "<unk>z", "2");
}

/* Where unknown characters score better than a piece made of them, the run is that piece all the
 * same: the reference looks the joined text up. */
static void looks_up_joined_runs(void) {
    const char *texts[] = {"<pad>", "</s>", "<unk>", "xy"};
    const float scores[] = {100.0F, 100.0F, 100.0F, 100.0F};
    check_segments(texts, scores, 4, "xy", "3");
    check_segments(texts, scores, 4, "xyz", "2");
}

/* Sums are doubles: in float32 both ways below are equal, and the first found, "ab", would stay. */
static void adds_in_double(void) {
    const char *texts[] = {"<pad>", "</s>", "<unk>", "a", "b", "ab", "z"};
    const float scores[] = {0, 0, 0, -16777216.0F, 0.5F, -16777216.0F, -20000000.0F};
    check_segments(texts, scores, 7, "ab", "3 4");
}

/* A piece that is there twice is refused by its text. */
static void names_duplicates(void) {
    sg_piece_text pieces[] = {{"<pad>", 5}, {"</s>", 4}, {"<unk>", 5}, {"a", 1}, {"a", 1}};
    const float scores[] = {0, 0, 0, 0, 0};
    sg_unigram unigram;
    sg_error error;
    CHECK_INT(sg_unigram_open(&unigram, pieces, scores, 5, 2, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "piece 4, \"a\", is there twice");
    sg_unigram_clear(&unigram);
}

int main(void) {
    TEST(takes_the_best_sum);
    TEST(keeps_the_first_of_equals);
    TEST(joins_unknown_characters);
    TEST(looks_up_joined_runs);
    TEST(adds_in_double);
    TEST(names_duplicates);
    return test_end();
}
