/* SPDX-License-Identifier: Apache-2.0 */
/* The library's normaliser through the shim. */
#include "text/sentencepiece_shim.h"

#include <stdlib.h>

#include "support/test.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "storage/mapped_file.h"
#include "text/piece_model.h"

static char *file_bytes;
static sg_piece_model model;
static sg_normalizer *normalizer;

static void open_t5(void) {
    size_t length;
    CHECK_INT(sg_file_read_small(SG_TEST_FIXTURES "/t5/spiece.model", SG_PIECE_MODEL_MAX_BYTES,
                                 &file_bytes, &length, NULL),
              SG_STATUS_OK);
    CHECK_INT(sg_piece_model_open(&model, file_bytes, length, NULL), SG_STATUS_OK);
    CHECK_INT(sg_normalizer_open(model.charsmap_bytes, model.charsmap_length, &normalizer, NULL),
              SG_STATUS_OK);
}

static void check_normalises(const char *text, size_t length, const char *expected) {
    sg_buffer out;
    sg_buffer_init(&out, 1 << 20);
    CHECK_INT(sg_normalizer_append(normalizer, text, length, &out, NULL), SG_STATUS_OK);
    CHECK_INT(out.length, length == 1 && text[0] == '\0' ? 1 : strlen(expected));
    CHECK_TEXT(out.data == NULL ? "" : out.data, expected);
    sg_buffer_clear(&out);
}

/* NFKC with the additions of nmt_nfkc; no space is put before, joined or cut off. */
static void normalises(void) {
    check_normalises("", 0, "");
    check_normalises("  a  b  ", 8, "  a  b  ");
    check_normalises("\xEF\xBC\xA8\xEF\xBD\x85", 6, "He");
    check_normalises("\xC2\xBD", 2,
                     "1\xE2\x81\x84"
                     "2");
    check_normalises("a\tb\nc\xC2\xA0"
                     "d",
                     8, "a b c d");
    check_normalises("\xE2\x96\x81", 3, " ");
    check_normalises("e\xCC\x81", 3, "\xC3\xA9");
    check_normalises("\0", 1, "");
}

/* An empty map changes nothing. */
static void changes_nothing_without_a_map(void) {
    sg_normalizer *plain = NULL;
    sg_buffer out;
    sg_buffer_init(&out, 1 << 20);
    CHECK_INT(sg_normalizer_open(NULL, 0, &plain, NULL), SG_STATUS_OK);
    CHECK_INT(sg_normalizer_append(plain, "a \xC2\xBD\xC2\xA0 ", 8, &out, NULL), SG_STATUS_OK);
    CHECK_TEXT(out.data, "a \xC2\xBD\xC2\xA0 ");
    sg_buffer_clear(&out);
    sg_normalizer_close(plain);
    sg_normalizer_close(NULL);
}

/* More than the buffer may hold is an error with words, not a cut text. */
static void reports_a_full_buffer(void) {
    sg_buffer out;
    sg_error error;
    sg_buffer_init(&out, 4);
    CHECK_INT(sg_normalizer_append(normalizer, "abcdefgh", 8, &out, &error), SG_STATUS_TOO_LONG);
    CHECK_CONTAINS(error.message, "normalised text");
    sg_buffer_clear(&out);
}

/* Characters that rules join with their neighbours: letters and marks that compose, Hangul, spaces,
 * signs that decompose, and plain ones. */
static const uint32_t joining[] = {
    'e',    'a',    ' ',    0x0301, 0x0308, 0x0304, 0x0327, 0x0323, 0x1112, 0x1161, 0x11AB,  0xAC00,
    0x00BD, 0x2460, 0x00A0, 0x3000, 0xFB01, 0xFDFA, 0xFF76, 0xFF9E, 0x0E33, 0x0B92, 0x0BD7,  0x3099,
    0x304B, 0x00C5, 0x212B, 0x200D, 0x200C, 0xFEFF, 0x2581, 0x0085, 0x000D, 0x000A, 0x1F600,
};

static size_t random_text(unsigned *state, char *text) {
    size_t length = 0;
    for (int i = 0; i < 40; i++) {
        *state = *state * 1103515245U + 12345U;
        size_t pick = (*state >> 16) % (sizeof(joining) / sizeof(joining[0]));
        length += sg_utf8_encode(joining[pick], text + length);
    }
    return length;
}

/* Normalising in the shortest stretches gives what normalising at once gives: the cuts are safe. */
static void stretches_join_to_the_whole(void) {
    unsigned state = 1;
    int differ = 0;
    int cuts = 0;
    for (int round = 0; round < 500; round++) {
        char text[200];
        sg_buffer whole;
        sg_buffer parts;
        size_t length = random_text(&state, text);
        sg_buffer_init(&whole, 1 << 20);
        sg_buffer_init(&parts, 1 << 20);
        CHECK_INT(sg_normalizer_append(normalizer, text, length, &whole, NULL), SG_STATUS_OK);
        for (size_t at = 0; at < length; cuts++) {
            size_t size = sg_charsmap_stretch(&model.charsmap, text + at, length - at, 1);
            CHECK_INT(sg_normalizer_append(normalizer, text + at, size, &parts, NULL),
                      SG_STATUS_OK);
            at += size;
        }
        differ += whole.length == parts.length && memcmp(whole.data, parts.data, whole.length) == 0
                      ? 0
                      : 1;
        sg_buffer_clear(&whole);
        sg_buffer_clear(&parts);
    }
    CHECK_INT(differ, 0);
    CHECK(cuts > 500 * 20 && cuts < 500 * 40); /* some characters were kept together */
}

int main(void) {
    TEST(open_t5);
    TEST(normalises);
    TEST(changes_nothing_without_a_map);
    TEST(reports_a_full_buffer);
    TEST(stretches_join_to_the_whole);
    sg_normalizer_close(normalizer);
    sg_piece_model_clear(&model);
    sg_memory_free(file_bytes);
    return test_end();
}
