/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of pieces and sentinels, and which strings are special. */
#include "text/vocabulary.h"

#include "support/model_bytes.h"
#include "support/test.h"

/* Read `bytes` and open a vocabulary of `sentinels` over it; bytes are released. */
static sg_status open_over(sg_buffer *bytes, int32_t sentinels, sg_vocabulary *vocabulary,
                           sg_error *error) {
    sg_piece_model model;
    sg_status status = sg_piece_model_open(&model, bytes->data, bytes->length, error);
    CHECK_INT(status, SG_STATUS_OK);
    if (status == SG_STATUS_OK) {
        status = sg_vocabulary_open(vocabulary, &model, sentinels, error);
        CHECK((status == SG_STATUS_OK) == (model.pieces == NULL));
        sg_piece_model_clear(&model);
    }
    sg_buffer_clear(bytes);
    return status;
}

/* The sentinels follow the pieces, the last one first. */
static void numbers_sentinels_downwards(void) {
    sg_buffer bytes = model_bytes_start();
    sg_vocabulary vocabulary;
    put_first_pieces(&bytes);
    put_piece(&bytes, "a", -1, PIECE_NORMAL);
    CHECK_INT(open_over(&bytes, 12, &vocabulary, NULL), SG_STATUS_OK);
    CHECK_INT(vocabulary.size, 16);
    CHECK_TEXT(vocabulary.texts[3].bytes, "a");
    CHECK_TEXT(vocabulary.texts[4].bytes, "<extra_id_11>");
    CHECK_TEXT(vocabulary.texts[15].bytes, "<extra_id_0>");
    CHECK_INT(sg_vocabulary_sentinel_index(&vocabulary, 15), 0);
    CHECK_INT(sg_vocabulary_sentinel_index(&vocabulary, 4), 11);
    CHECK_INT(sg_vocabulary_sentinel_index(&vocabulary, 3), -1);
    CHECK_INT(sg_vocabulary_sentinel_index(&vocabulary, 16), -1);
    CHECK_INT(sg_vocabulary_sentinel_index(&vocabulary, -1), -1);
    sg_vocabulary_clear(&vocabulary);
    sg_vocabulary_clear(&vocabulary);
}

static void check_special(const sg_vocabulary *vocabulary, const char *text, int32_t id,
                          size_t length) {
    size_t matched = 0;
    CHECK_INT(sg_vocabulary_match_special(vocabulary, text, strlen(text), &matched), id);
    CHECK_INT(matched, length);
}

/* Control and user-defined pieces are special strings, the longest wins; only control ones are left
 * out of a decoded text (as transformers 5.23.0 does with such a model). */
static void knows_special_strings(void) {
    sg_buffer bytes = model_bytes_start();
    sg_vocabulary vocabulary;
    put_first_pieces(&bytes);
    put_piece(&bytes, "foo", 0, PIECE_USER_DEFINED);
    put_piece(&bytes, "foobar", 0, PIECE_USER_DEFINED);
    put_piece(&bytes, "<ctl>", 0, PIECE_CONTROL);
    put_piece(&bytes, "a", 0, PIECE_NORMAL);
    CHECK_INT(open_over(&bytes, 11, &vocabulary, NULL), SG_STATUS_OK);
    check_special(&vocabulary, "foob", 3, 3);
    check_special(&vocabulary, "foobar", 4, 6);
    check_special(&vocabulary, "<ctl>x", 5, 5);
    check_special(&vocabulary, "<unk>", 2, 5);
    check_special(&vocabulary, "<extra_id_1>0>", 16, 12);
    check_special(&vocabulary, "<extra_id_10>", 7, 13);
    check_special(&vocabulary, "<extra_id_11>", -1, 0);
    check_special(&vocabulary, "a", -1, 0);
    CHECK(vocabulary.skipped[0] && vocabulary.skipped[1] && vocabulary.skipped[2]);
    CHECK(!vocabulary.skipped[3] && vocabulary.skipped[5] && !vocabulary.skipped[6]);
    CHECK(vocabulary.skipped[17]);
    sg_vocabulary_clear(&vocabulary);
}

static void check_layout_refused(sg_buffer *bytes, const char *message) {
    sg_vocabulary vocabulary;
    sg_error error = {0};
    CHECK_INT(open_over(bytes, 100, &vocabulary, &error), SG_STATUS_UNSUPPORTED);
    CHECK_CONTAINS(error.message, message);
}

/* Another tokenizer's file is refused by what it has in T5's first places. */
static void refuses_other_layouts(void) {
    sg_buffer llama = model_bytes_start();
    put_piece(&llama, "<unk>", 0, PIECE_UNKNOWN);
    put_piece(&llama, "<s>", 0, PIECE_CONTROL);
    put_piece(&llama, "</s>", 0, PIECE_CONTROL);
    check_layout_refused(&llama, "piece 0 is \"<unk>\", expected \"<pad>\"");
    sg_buffer short_one = model_bytes_start();
    put_piece(&short_one, "<pad>", 0, PIECE_UNKNOWN);
    check_layout_refused(&short_one, "piece 1 is \"nothing\", expected \"</s>\"");
    sg_buffer moved = model_bytes_start();
    put_piece(&moved, "<pad>", 0, PIECE_CONTROL);
    put_piece(&moved, "</s>", 0, PIECE_CONTROL);
    put_piece(&moved, "<unk>", 0, PIECE_NORMAL);
    put_piece(&moved, "a", 0, PIECE_UNKNOWN);
    check_layout_refused(&moved, "piece 3 is of type unknown, expected piece 2");
}

/* A user-defined piece that is written like a sentinel would have two ids. */
static void refuses_double_sentinels(void) {
    sg_buffer bytes = model_bytes_start();
    sg_vocabulary vocabulary;
    sg_error error = {0};
    put_first_pieces(&bytes);
    put_piece(&bytes, "<extra_id_5>", 0, PIECE_USER_DEFINED);
    CHECK_INT(open_over(&bytes, 100, &vocabulary, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "\"<extra_id_5>\" is there twice");
}

int main(void) {
    TEST(numbers_sentinels_downwards);
    TEST(knows_special_strings);
    TEST(refuses_other_layouts);
    TEST(refuses_double_sentinels);
    return test_end();
}
