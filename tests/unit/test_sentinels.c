/* SPDX-License-Identifier: Apache-2.0 */
/* Blanks found, cut out and stitched back, on T5's own vocabulary (tests/fixtures/t5). */
#include "text/sentinels.h"

#include "support/alloc_fault.h"
#include "support/test.h"

#include "base/memory.h"

/* Pieces of T5's vocabulary. */
#define MAN 388   /* "▁man" */
#define BEER 6061 /* "▁beer" */
#define ING 53    /* "ing" */
#define SPACE 3   /* "▁" */
#define A 9       /* "a" */
#define STOP 5    /* "." */
#define S(index) (32099 - (index))

static sg_tokenizer *tokenizer;
static const int32_t end_ids[] = {1};

static void opens_t5(void) {
    CHECK_INT(sg_tokenizer_open(SG_TEST_FIXTURES "/t5", &tokenizer, NULL), SG_STATUS_OK);
}

/* Find blanks and write them as "index@offset+length ...". */
static void check_finds(const char *text, const char *mark, const char *expected) {
    sg_blank_list list;
    char found[256] = "";
    size_t used = 0;
    CHECK_INT(sg_sentinels_find(tokenizer, text, strlen(text), mark, &list, NULL), SG_STATUS_OK);
    for (size_t i = 0; i < list.count; i++) {
        used +=
            (size_t)snprintf(found + used, sizeof(found) - used, "%s%d@%zu+%zu", i == 0 ? "" : " ",
                             (int)list.items[i].index, list.items[i].offset, list.items[i].length);
    }
    CHECK_TEXT(found, expected);
    sg_blank_list_clear(&list);
    sg_blank_list_clear(&list);
}

/* The exact forms that the tokenizer knows, and no others. */
static void finds_sentinels(void) {
    check_finds("", NULL, "");
    check_finds("no blank", "", "");
    check_finds("A <extra_id_0> b<extra_id_99>", NULL, "0@2+12 99@16+13");
    check_finds("<extra_id_7><extra_id_7>", NULL, "7@0+12 7@12+12");
    check_finds("<extra_id_100> <extra_id_01> <EXTRA_ID_0> <extra_id_> <extra_id_-1>", NULL, "");
    check_finds("<extra_id_0 <extra_id_1", NULL, "");
    check_finds("<<extra_id_5>>", NULL, "5@1+12");
    check_finds("<extra_id_99999999999999999999>", NULL, "");
    check_finds("\xEF\xBC\x9C"
                "extra_id_0\xEF\xBC\x9E",
                NULL, "");
}

/* Marks are numbered in order and do not overlap. */
static void finds_marks(void) {
    check_finds("A ___ b ___", "___", "0@2+3 1@8+3");
    check_finds("_____", "__", "0@0+2 1@2+2");
    check_finds("<extra_id_0>", "_", "0@0+12"); /* the mark inside a sentinel is no blank */
}

/* The figures of a list. */
static void counts_blanks(void) {
    sg_blank_list list;
    const char *text = "<extra_id_3> <extra_id_1> <extra_id_3>";
    CHECK_INT(sg_sentinels_find(tokenizer, text, strlen(text), "?", &list, NULL), SG_STATUS_OK);
    CHECK_INT(list.count, 3);
    CHECK_INT(list.distinct, 2);
    CHECK_INT(list.highest, 3);
    CHECK(!list.from_marks);
    sg_blank_list_clear(&list);
    CHECK_INT(sg_sentinels_find(tokenizer, "?", 1, "?", &list, NULL), SG_STATUS_OK);
    CHECK(list.from_marks);
    sg_blank_list_clear(&list);
    CHECK_INT(sg_sentinels_find(tokenizer, "x", 1, "?", &list, NULL), SG_STATUS_OK);
    CHECK(!list.from_marks && list.highest == -1 && list.count == 0);
    sg_blank_list_clear(&list);
}

/* Both forms in one text, and more marks than sentinels. */
static void refuses_mixed_and_too_many(void) {
    char text[102];
    sg_blank_list list;
    sg_error error = {0};
    CHECK_INT(sg_sentinels_find(tokenizer, "_ <extra_id_0>", 14, "_", &list, &error),
              SG_STATUS_MIXED_BLANKS);
    CHECK_CONTAINS(error.message, "<extra_id_N>, 1 times, and \"_\", 1 times");
    memset(text, '_', 101);
    CHECK_INT(sg_sentinels_find(tokenizer, text, 101, "_", &list, &error),
              SG_STATUS_TOO_MANY_BLANKS);
    CHECK_CONTAINS(error.message, "101 blanks, the model knows 100");
    CHECK_INT(sg_sentinels_find(tokenizer, text, 100, "_", &list, &error), SG_STATUS_OK);
    CHECK_INT(list.count, 100);
    sg_blank_list_clear(&list);
}

/* The model reads sentinels, whatever the user wrote. */
static void writes_the_prompt(void) {
    const char *text = "A ___ b ___.";
    sg_blank_list list;
    sg_buffer prompt;
    sg_buffer_init(&prompt, 1 << 20);
    CHECK_INT(sg_sentinels_find(tokenizer, text, strlen(text), "___", &list, NULL), SG_STATUS_OK);
    CHECK_INT(sg_sentinels_prompt(&list, text, strlen(text), &prompt), SG_STATUS_OK);
    CHECK_TEXT(prompt.data, "A <extra_id_0> b <extra_id_1>.");
    sg_buffer_clear(&prompt);
    sg_blank_list_clear(&list);
}

static void check_cut(const int32_t *ids, size_t count, int32_t index, bool found, size_t first,
                      size_t length) {
    sg_fill_span span = sg_sentinels_cut(tokenizer, ids, count, end_ids, 1, index);
    CHECK_INT(span.found, found);
    CHECK_INT(span.first, first);
    CHECK_INT(span.count, length);
}

/* A fill ends at the next sentinel, an end token or the end; the first occurrence wins. */
static void cuts_fills(void) {
    const int32_t ids[] = {S(0), MAN, BEER, S(1), S(2), MAN, S(0), BEER, 1, S(4), MAN};
    check_cut(ids, 11, 0, true, 1, 2);
    check_cut(ids, 11, 1, true, 4, 0);
    check_cut(ids, 11, 2, true, 5, 1);
    check_cut(ids, 11, 3, false, 0, 0);
    check_cut(ids, 11, 4, false, 0, 0); /* behind the end */
    check_cut(ids, 2, 0, true, 1, 1);   /* cut off by a length */
    check_cut(ids, 1, 0, true, 1, 0);
    check_cut(ids, 0, 0, false, 0, 0);
}

/* Fill `text` from `ids` (ended by -1) and compare; `places` is "start-end ..." in code points. */
static void check_stitches_with(const char *text, const char *mark, bool add_space,
                                const int32_t *ids, const char *expected, const char *places) {
    sg_blank_list list;
    sg_fill_span spans[16];
    sg_stitched_fill fills[16];
    sg_buffer out;
    char found[256] = "";
    size_t used = 0;
    size_t count = 0;
    while (ids[count] != -1) {
        count++;
    }
    sg_buffer_init(&out, 1 << 20);
    CHECK_INT(sg_sentinels_find(tokenizer, text, strlen(text), mark, &list, NULL), SG_STATUS_OK);
    for (size_t i = 0; i < list.count; i++) {
        spans[i] = sg_sentinels_cut(tokenizer, ids, count, end_ids, 1, list.items[i].index);
    }
    CHECK_INT(sg_sentinels_stitch(tokenizer, &list, text, strlen(text), ids, spans, add_space,
                                  fills, &out, NULL),
              SG_STATUS_OK);
    CHECK_TEXT(out.data == NULL ? "" : out.data, expected);
    for (size_t i = 0; i < list.count; i++) {
        const sg_stitched_fill *fill = &fills[i];
        CHECK_INT(fill->found, spans[i].found);
        CHECK(fill->text_offset + fill->text_length <= out.length);
        used +=
            (size_t)snprintf(found + used, sizeof(found) - used, fill->found ? "%s%zu-%zu" : "%s-",
                             i == 0 ? "" : " ", fill->start, fill->end);
    }
    CHECK_TEXT(found, places);
    sg_buffer_clear(&out);
    sg_blank_list_clear(&list);
}

static void check_stitches(const char *text, const int32_t *ids, const char *expected,
                           const char *places) {
    check_stitches_with(text, "___", true, ids, expected, places);
}

/* A blank at the start, in the middle and at the end; white space around it is kept as it is. */
static void puts_fills_in_their_places(void) {
    const int32_t ids[] = {S(0), MAN, S(1), BEER, S(2), SPACE, A, 1, -1};
    check_stitches("A <extra_id_0> walks into a bar.", ids, "A man walks into a bar.", "2-5");
    check_stitches("<extra_id_0> walks", ids, "man walks", "0-3");
    check_stitches("A <extra_id_0>", ids, "A man", "2-5");
    check_stitches("A  <extra_id_0>\t walks\n", ids, "A  man\t walks\n", "3-6");
    check_stitches("___ and ___ with ___", ids, "man and beer with a", "0-3 8-12 18-19");
    check_stitches("(<extra_id_0>), \"<extra_id_1>\"", ids, "(man), \"beer\"", "1-4 8-12");
    check_stitches("no blank", ids, "no blank", "");
    check_stitches("", ids, "", "");
}

/* One space where a new word meets a letter or digit, and none beside punctuation. */
static void adds_one_space(void) {
    const int32_t word[] = {S(0), MAN, 1, -1};
    const int32_t part[] = {S(0), ING, 1, -1};
    const int32_t stop[] = {S(0), MAN, STOP, 1, -1};
    const int32_t bare[] = {S(0), SPACE, A, 1, -1};
    check_stitches("walk<extra_id_0> home", word, "walk man home", "5-8");
    check_stitches("walk<extra_id_0> home", part, "walking home", "4-7");
    check_stitches("walk<extra_id_0>home", part, "walking home", "4-7");
    check_stitches("cafe\xCC\x81<extra_id_0>", word, "cafe\xCC\x81 man", "6-9");
    check_stitches("\xE0\xA4\xB9\xE0\xA4\xBF<extra_id_0>", word, "\xE0\xA4\xB9\xE0\xA4\xBF man",
                   "3-6");
    check_stitches("\xCC\x81<extra_id_0>", word, "\xCC\x81man", "1-4");
    check_stitches("7<extra_id_0>7", word, "7 man 7", "2-5");
    check_stitches("7<extra_id_0>7", bare, "7 a 7", "2-3");
    check_stitches("caf\xC3\xA9<extra_id_0>\xC3\xA9tude", word, "caf\xC3\xA9 man \xC3\xA9tude",
                   "5-8");
    check_stitches("walk-<extra_id_0>-home", word, "walk-man-home", "5-8");
    check_stitches("walk<extra_id_0>.", word, "walk man.", "5-8");
    check_stitches("walk<extra_id_0>home", stop, "walk man.home", "5-9");
    check_stitches_with("walk<extra_id_0>home", NULL, false, word, "walkmanhome", "4-7");
}

/* Blanks that touch: the space between two fills comes from the second one's first piece alone. */
static void stitches_neighbours(void) {
    const int32_t words[] = {S(0), MAN, S(1), BEER, 1, -1};
    const int32_t part[] = {S(0), MAN, S(1), ING, 1, -1};
    const int32_t empty[] = {S(0), MAN, S(1), 1, -1};
    check_stitches("<extra_id_0><extra_id_1>", words, "man beer", "0-3 4-8");
    check_stitches("<extra_id_0><extra_id_1>", part, "maning", "0-3 3-6");
    check_stitches("<extra_id_0><extra_id_1>home", empty, "man home", "0-3 3-3");
    check_stitches("<extra_id_0> <extra_id_1>", words, "man beer", "0-3 4-8");
}

/* A blank without a fill stays as typed; an empty fill removes it; neither adds a space. */
static void keeps_what_has_no_fill(void) {
    const int32_t second[] = {S(1), BEER, 1, -1};
    const int32_t empty[] = {S(0), S(1), BEER, 1, -1};
    check_stitches("A <extra_id_0> b <extra_id_1>.", second, "A <extra_id_0> b beer.", "- 17-21");
    check_stitches("A ___ b ___.", second, "A ___ b beer.", "- 8-12");
    check_stitches("a<extra_id_0>b", empty, "ab", "1-1");
    check_stitches("A <extra_id_0> b", empty, "A  b", "2-2");
}

/* The same blank twice gets the same fill twice. */
static void fills_repeated_blanks(void) {
    const int32_t ids[] = {S(0), MAN, 1, -1};
    check_stitches("<extra_id_0> or <extra_id_0>", ids, "man or man", "0-3 7-10");
}

/* Special and unknown tokens inside a fill leave no trace in it, and do not decide about the space.
 */
static void leaves_special_tokens_out(void) {
    const int32_t ids[] = {S(0), 2, 32100, MAN, 0, 1, -1};
    const int32_t none[] = {S(0), 2, 1, -1};
    check_stitches("walk<extra_id_0>", ids, "walk man", "5-8");
    check_stitches("walk<extra_id_0>", none, "walk", "4-4");
}

/* Places count code points, and bytes are another matter. */
static void counts_code_points(void) {
    const int32_t ids[] = {S(0), MAN, 1, -1};
    const char *text = "\xF0\x9F\x98\x80\xC3\xA9 <extra_id_0>!";
    sg_blank_list list;
    sg_stitched_fill fill;
    sg_buffer out;
    sg_buffer_init(&out, 1 << 20);
    (void)sg_buffer_append_text(&out, "before ");
    CHECK_INT(sg_sentinels_find(tokenizer, text, strlen(text), NULL, &list, NULL), SG_STATUS_OK);
    sg_fill_span span = sg_sentinels_cut(tokenizer, ids, 3, end_ids, 1, 0);
    CHECK_INT(sg_sentinels_stitch(tokenizer, &list, text, strlen(text), ids, &span, true, &fill,
                                  &out, NULL),
              SG_STATUS_OK);
    CHECK_TEXT(out.data, "before \xF0\x9F\x98\x80\xC3\xA9 man!");
    CHECK_INT(fill.start, 3);
    CHECK_INT(fill.end, 6);
    CHECK_INT(fill.text_offset, 7);
    CHECK_INT(fill.text_length, 3);
    sg_buffer_clear(&out);
    sg_blank_list_clear(&list);
}

/* No room for the result is an error. */
static void reports_a_full_buffer(void) {
    const int32_t ids[] = {S(0), MAN, 1};
    const char *text = "A <extra_id_0> walks";
    sg_blank_list list;
    sg_stitched_fill fill;
    sg_buffer out;
    sg_error error = {0};
    sg_buffer_init(&out, 4);
    CHECK_INT(sg_sentinels_find(tokenizer, text, strlen(text), NULL, &list, NULL), SG_STATUS_OK);
    sg_fill_span span = sg_sentinels_cut(tokenizer, ids, 3, end_ids, 1, 0);
    CHECK_INT(sg_sentinels_stitch(tokenizer, &list, text, strlen(text), ids, &span, true, &fill,
                                  &out, &error),
              SG_STATUS_TOO_LONG);
    sg_buffer_clear(&out);
    sg_blank_list_clear(&list);
}

/* Find, write the prompt and stitch once. */
static sg_status go_all_the_way(void) {
    const int32_t ids[] = {S(0), MAN, 1};
    const char *text = "A ___ walks";
    sg_blank_list list = {0};
    sg_stitched_fill fill;
    sg_buffer out;
    sg_error error = {0};
    sg_buffer_init(&out, 1 << 20);
    sg_status status = sg_sentinels_find(tokenizer, text, strlen(text), "___", &list, &error);
    if (status == SG_STATUS_OK) {
        status = sg_sentinels_prompt(&list, text, strlen(text), &out);
    }
    sg_buffer_clear(&out);
    if (status == SG_STATUS_OK) {
        sg_fill_span span = sg_sentinels_cut(tokenizer, ids, 3, end_ids, 1, 0);
        status = sg_sentinels_stitch(tokenizer, &list, text, strlen(text), ids, &span, true, &fill,
                                     &out, &error);
    }
    sg_buffer_clear(&out);
    sg_blank_list_clear(&list);
    return status;
}

/* Each allocation fails once and is said to. */
static void survives_failing_allocations(void) {
    alloc_fault_reset(SIZE_MAX);
    CHECK_INT(go_all_the_way(), SG_STATUS_OK);
    size_t count = alloc_fault_count();
    CHECK(count >= 4);
    for (size_t i = 0; i < count; i++) {
        alloc_fault_reset(i);
        CHECK_INT(go_all_the_way(), SG_STATUS_MEMORY);
    }
    alloc_fault_reset(SIZE_MAX);
}

int main(void) {
    TEST(opens_t5);
    if (tokenizer == NULL) {
        return test_end();
    }
    TEST(finds_sentinels);
    TEST(finds_marks);
    TEST(counts_blanks);
    TEST(refuses_mixed_and_too_many);
    TEST(writes_the_prompt);
    TEST(cuts_fills);
    TEST(puts_fills_in_their_places);
    TEST(adds_one_space);
    TEST(stitches_neighbours);
    TEST(keeps_what_has_no_fill);
    TEST(fills_repeated_blanks);
    TEST(leaves_special_tokens_out);
    TEST(counts_code_points);
    TEST(reports_a_full_buffer);
    TEST(survives_failing_allocations);
    sg_tokenizer_close(tokenizer);
    return test_end();
}
