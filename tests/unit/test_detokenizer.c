/* SPDX-License-Identifier: Apache-2.0 */
/* Ids to text, on T5's own vocabulary (tests/fixtures/t5). */
#include "text/detokenizer.h"

#include "support/test.h"

#include "base/memory.h"
#include "storage/mapped_file.h"

#define MAX_IDS 16

static sg_vocabulary vocabulary;

static void open_t5(void) {
    char *bytes;
    size_t length;
    sg_piece_model model;
    CHECK_INT(sg_file_read_small(SG_TEST_FIXTURES "/t5/spiece.model", SG_PIECE_MODEL_MAX_BYTES,
                                 &bytes, &length, NULL),
              SG_STATUS_OK);
    CHECK_INT(sg_piece_model_open(&model, bytes, length, NULL), SG_STATUS_OK);
    CHECK_INT(sg_vocabulary_open(&vocabulary, &model, 100, NULL), SG_STATUS_OK);
    sg_memory_free(bytes);
}

/* Ids ended by -1. */
static void check_decodes(const int32_t *ids, sg_decode_form form, bool clean_up,
                          const char *expected) {
    sg_buffer out;
    size_t count = 0;
    while (ids[count] != -1) {
        count++;
    }
    sg_buffer_init(&out, 1 << 20);
    (void)sg_buffer_append_text(&out, " . "); /* what stood there before is left alone */
    CHECK_INT(sg_detokenizer_append(&vocabulary, ids, count, form, clean_up, &out, NULL),
              SG_STATUS_OK);
    CHECK_TEXT(out.data + 3, expected);
    CHECK(strncmp(out.data, " . ", 3) == 0);
    CHECK_INT(strlen(out.data), out.length);
    sg_buffer_clear(&out);
}

static const int32_t example[] = {0, 32099, 388,  32098, 6061, 32097, 3,
                                  9, 32096, 3136, 32095, 5,    1,     -1};

/* What transformers 5.23.0 gives, special tokens kept and left out. */
static void decodes_as_the_reference(void) {
    static const struct {
        int32_t ids[MAX_IDS];
        const char *kept, *skipped;
    } rows[] = {
        {{0, 32099, 388, 32098, 6061, 32097, 3, 9, 32096, 3136, 32095, 5, 1, -1},
         "<pad><extra_id_0> man<extra_id_1> beer<extra_id_2> a<extra_id_3> salt<extra_id_4>.</s>",
         "man beer a salt."},
        {{0, 3, 32099, 388, 1, -1}, "<pad> <extra_id_0> man</s>", " man"},
        {{388, 2, 2, 388, -1}, "man<unk><unk> man", "man man"},
        {{32099, 3, 5, -1}, "<extra_id_0> .", "."},
        {{388, 32100, 388, -1}, "man man", "man man"},
        {{-1}, "", ""},
        {{32127, 1000000, 388, -1}, "man", "man"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_decodes(rows[i].ids, SG_DECODE_FORM_RAW, false, rows[i].kept);
        check_decodes(rows[i].ids, SG_DECODE_FORM_PLAIN, false, rows[i].skipped);
    }
}

/* The model card's line, which the slow class up to transformers 4.24 printed. */
static void writes_the_card_form(void) {
    const int32_t spaced[] = {0, 3, 32099, 388, 1, -1};
    const int32_t bare[] = {32099, 3, 388, 5, 1, -1};
    const int32_t two[] = {0, 32099, 32098, 3, 9, 1, -1};
    check_decodes(
        example, SG_DECODE_FORM_CARD, false,
        "<pad> <extra_id_0> man<extra_id_1> beer<extra_id_2> a<extra_id_3> salt<extra_id_4>.</s>");
    check_decodes(spaced, SG_DECODE_FORM_CARD, false, "<pad> <extra_id_0> man</s>");
    check_decodes(bare, SG_DECODE_FORM_CARD, false, "<extra_id_0> man.</s>");
    check_decodes(two, SG_DECODE_FORM_CARD, false, "<pad> <extra_id_0> <extra_id_1> a</s>");
    check_decodes(bare + 5, SG_DECODE_FORM_CARD, false, "");
}

/* Decode the pieces of `texts`, ended by NULL, with clean-up. */
static void check_cleans(const char *const *texts, const char *expected) {
    int32_t ids[MAX_IDS];
    size_t count = 0;
    for (; texts[count] != NULL; count++) {
        ids[count] = -1;
        for (int32_t id = 0; id < vocabulary.size && ids[count] < 0; id++) {
            if (strcmp(vocabulary.texts[id].bytes, texts[count]) == 0) {
                ids[count] = id;
            }
        }
        CHECK(ids[count] >= 0);
    }
    ids[count] = -1;
    check_decodes(ids, SG_DECODE_FORM_RAW, true, expected);
}

#define SPACE "\xE2\x96\x81"

/* clean_up_tokenization_spaces, each of its ten rules and their order. */
static void cleans_up_in_order(void) {
    const int32_t stop[] = {32099, 3, 5, -1};
    check_decodes(stop, SG_DECODE_FORM_RAW, true, "<extra_id_0>.");
    check_decodes(stop, SG_DECODE_FORM_PLAIN, true, ".");
    check_cleans((const char *const[]){"a", SPACE, ".", SPACE, "?", SPACE, "!", SPACE, ",", NULL},
                 "a.?!,");
    check_cleans((const char *const[]){"a", SPACE, "'", SPACE, "b", NULL}, "a'b");
    check_cleans((const char *const[]){"a", SPACE, "n", "'", "t", NULL}, "an't");
    check_cleans((const char *const[]){"a", SPACE, "'", "m", SPACE, "'", "s", NULL}, "a'm's");
    check_cleans((const char *const[]){"a", SPACE, "'", "v", "e", SPACE, "'", "r", "e", NULL},
                 "a've're");
    /* " ' " goes before " 's": what is left of it has no space of its own any more. */
    check_cleans((const char *const[]){"a", SPACE, "'", SPACE, "'", "s", NULL}, "a''s");
    /* Found from left to right and not twice: the second full stop keeps one of its two spaces. */
    check_cleans((const char *const[]){"a", SPACE, SPACE, ".", NULL}, "a .");
}

/* A negative id is the caller's fault and is named. */
static void refuses_negative_ids(void) {
    const int32_t ids[] = {388, -7};
    sg_buffer out;
    sg_error error = {0};
    sg_buffer_init(&out, 100);
    CHECK_INT(sg_detokenizer_append(&vocabulary, ids, 2, SG_DECODE_FORM_RAW, false, &out, &error),
              SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message, "token id -7 at place 1");
    CHECK_INT(out.length, 0);
    sg_buffer_clear(&out);
}

/* A full buffer is an error in every form. */
static void reports_a_full_buffer(void) {
    for (int form = SG_DECODE_FORM_RAW; form <= SG_DECODE_FORM_CARD; form++) {
        sg_buffer out;
        sg_error error = {0};
        sg_buffer_init(&out, 6);
        CHECK_INT(sg_detokenizer_append(&vocabulary, example, 13, (sg_decode_form)form, true, &out,
                                        &error),
                  SG_STATUS_TOO_LONG);
        sg_buffer_clear(&out);
    }
}

int main(void) {
    TEST(open_t5);
    TEST(decodes_as_the_reference);
    TEST(writes_the_card_form);
    TEST(cleans_up_in_order);
    TEST(refuses_negative_ids);
    TEST(reports_a_full_buffer);
    sg_vocabulary_clear(&vocabulary);
    return test_end();
}
