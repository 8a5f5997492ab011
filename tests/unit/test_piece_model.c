/* SPDX-License-Identifier: Apache-2.0 */
/* Broken spiece.model files, one for each thing that the check promises to refuse. The library of
 * Debian 12 accepts most of them, and six end its process (a stack overflow, a read out of bounds,
 * an exception that nobody catches). */
#include "text/piece_model.h"

#include <math.h>

#include "support/model_bytes.h"
#include "support/test.h"

#include "base/memory.h"

static charsmap_maker maker;

static sg_buffer start_model(void) {
    sg_buffer bytes = model_bytes_start();
    put_first_pieces(&bytes);
    return bytes;
}

/* The file must be refused with `status` and `message`; it is released. */
static void check_refused_as(sg_buffer *bytes, sg_status status, const char *message) {
    sg_piece_model model;
    sg_error error = {0};
    CHECK_INT(sg_piece_model_open(&model, bytes->data, bytes->length, &error), status);
    CHECK_CONTAINS(error.message, message);
    CHECK(model.pieces == NULL);
    sg_piece_model_clear(&model);
    sg_buffer_clear(bytes);
}

static void check_refused(sg_buffer *bytes, const char *message) {
    check_refused_as(bytes, SG_STATUS_MODEL, message);
}

static void check_accepted(sg_buffer *bytes, size_t pieces) {
    sg_piece_model model;
    sg_error error = {0};
    CHECK_INT(sg_piece_model_open(&model, bytes->data, bytes->length, &error), SG_STATUS_OK);
    CHECK_TEXT(error.message, "");
    CHECK_INT(model.count, pieces);
    sg_piece_model_clear(&model);
    sg_piece_model_clear(&model);
    sg_buffer_clear(bytes);
}

/* A model with `length` raw bytes after its pieces. */
static void check_tail_refused(const char *tail, size_t length, const char *message) {
    sg_buffer bytes = start_model();
    (void)sg_buffer_append(&bytes, tail, length);
    check_refused(&bytes, message);
}

/* What is sound is read as it stands. */
static void reads_a_sound_model(void) {
    sg_buffer bytes = start_model();
    put_piece(&bytes, "\xE2\x96\x81the", -1.5F, PIECE_NORMAL);
    put_number(&bytes, 250, 7); /* an unknown field */
    sg_piece_model model;
    CHECK_INT(sg_piece_model_open(&model, bytes.data, bytes.length, NULL), SG_STATUS_OK);
    CHECK_INT(model.count, 4);
    CHECK_INT(model.unknown_id, 2);
    CHECK_TEXT(model.pieces[3].text, "\xE2\x96\x81the");
    CHECK_INT(model.pieces[3].length, 6);
    CHECK_INT(model.pieces[3].type, SG_PIECE_TYPE_NORMAL);
    CHECK_INT(model.pieces[0].type, SG_PIECE_TYPE_CONTROL);
    CHECK_NEAR(model.pieces[3].score, -1.5, 0);
    sg_piece_model_clear(&model);
    sg_buffer_clear(&bytes);
}

/* A piece without a type is normal, one without a score has 0, and a later value replaces an
 * earlier. */
static void reads_defaults_and_repeats(void) {
    sg_buffer bytes = start_model();
    sg_buffer piece = model_bytes_start();
    sg_piece_model model;
    put_bytes(&piece, 1, "first", 5);
    put_bytes(&piece, 1, "second", 6);
    put_bytes(&bytes, 1, piece.data, piece.length);
    CHECK_INT(sg_piece_model_open(&model, bytes.data, bytes.length, NULL), SG_STATUS_OK);
    CHECK_TEXT(model.pieces[3].text, "second");
    CHECK_INT(model.pieces[3].type, SG_PIECE_TYPE_NORMAL);
    CHECK_NEAR(model.pieces[3].score, 0, 0);
    sg_piece_model_clear(&model);
    sg_buffer_clear(&piece);
    sg_buffer_clear(&bytes);
}

/* Damage to the protobuf form itself. */
static void refuses_broken_protobuf(void) {
    sg_buffer empty = model_bytes_start();
    check_refused(&empty, "there is no piece");
    check_tail_refused("\x0A", 1, "is cut off");
    check_tail_refused("\x08", 1, "is cut off");
    check_tail_refused("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 11, "more than 64 bits");
    check_tail_refused("\x0A\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, "more than 64 bits");
    check_tail_refused("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11,
                       "says 18446744073709551615 bytes, its parent has 0 left");
    check_tail_refused("\x0A\x05xyz", 5, "says 5 bytes, its parent has 3 left");
    check_tail_refused("\x0B", 1, "wire type 3, expected 0, 1, 2 or 5");
    check_tail_refused("\x0C", 1, "wire type 4, expected");
    check_tail_refused("\x0E", 1, "wire type 6, expected");
    check_tail_refused("\x0F", 1, "wire type 7, expected");
    check_tail_refused("\x02\x00", 2, "has the number 0");
    check_tail_refused("\x82\x80\x80\x80\x10\x00", 6, "has the number 536870912");
    check_tail_refused("\x25xyz", 4, "needs 4 bytes, 3 are left");
    check_tail_refused("\x21xyz", 4, "needs 8 bytes, 3 are left");
}

/* A field whose form is not that of its meaning. */
static void refuses_wrong_wire_types(void) {
    check_tail_refused("\x08\x01", 2, "a piece at byte");
    check_tail_refused("\x10\x01", 2, "the trainer's settings at byte");
    check_tail_refused("\x18\x01", 2, "the normaliser's settings at byte");
    check_tail_refused("\x0A\x02\x08\x01", 4, "a piece's text at byte");
    check_tail_refused("\x0A\x02\x10\x01", 4, "a piece's score at byte");
    check_tail_refused("\x0A\x02\x1A\x00", 4, "a piece's type at byte");
    check_tail_refused("\x12\x02\x1A\x00", 4, "the model type at byte");
    check_tail_refused("\x1A\x02\x10\x01", 4, "the charsmap at byte");
}

/* A length inside a message may not pass that message's end, though the file goes on. */
static void refuses_lengths_beyond_their_parent(void) {
    check_tail_refused("\x0A\x03\x0A\x05x\x0A\x03\x0A\x01y", 10,
                       "says 5 bytes, its parent has 1 left");
    check_tail_refused("\x12\x03\x0A\x05x", 5, "says 5 bytes, its parent has 1 left");
    check_tail_refused("\x1A\x03\x12\x05x", 5, "says 5 bytes, its parent has 1 left");
}

static void check_piece_refused(const char *text, size_t length, float score, uint64_t type,
                                const char *message) {
    sg_buffer bytes = start_model();
    put_piece_bytes(&bytes, text, length, score, type);
    check_refused(&bytes, message);
}

/* Pieces that the library trips over, and what is no piece. A long one overflows its stack. */
static void refuses_broken_pieces(void) {
    static char large[500000];
    memset(large, 'a', sizeof(large));
    check_piece_refused("", 0, 0, PIECE_NORMAL, "piece 3 has 0 bytes, expected 1 to 512");
    check_piece_refused(large, 513, 0, PIECE_NORMAL, "piece 3 has 513 bytes");
    check_piece_refused(large, 200000, 0, PIECE_NORMAL, "piece 3 has 200000 bytes");
    check_piece_refused(large, 500000, 0, PIECE_NORMAL, "piece 3 has 500000 bytes");
    check_piece_refused("\0", 1, 0, PIECE_NORMAL, "piece 3 holds a NUL");
    check_piece_refused("a\0b", 3, 0, PIECE_NORMAL, "piece 3 holds a NUL");
    check_piece_refused("a\xFF", 2, 0, PIECE_NORMAL, "piece 3 is not UTF-8 at its byte 1");
    check_piece_refused("\xC0\xAF", 2, 0, PIECE_NORMAL, "piece 3 is not UTF-8 at its byte 0");
    check_piece_refused("\xED\xA0\x80", 3, 0, PIECE_NORMAL, "piece 3 is not UTF-8");
    check_piece_refused("a", 1, NAN, PIECE_NORMAL, "piece 3 has a score that is not finite");
    check_piece_refused("a", 1, INFINITY, PIECE_NORMAL, "not finite");
    check_piece_refused("a", 1, -INFINITY, PIECE_NORMAL, "not finite");
    check_piece_refused("a", 1, 0, 0, "piece 3 has type 0, expected 1 to 6");
    check_piece_refused("a", 1, 0, 77, "piece 3 has type 77, expected 1 to 6");
    check_piece_refused("a", 1, 0, UINT64_MAX, "has type 18446744073709551615");
}

/* 512 bytes are a piece. */
static void accepts_the_longest_piece(void) {
    char text[512];
    memset(text, 'a', sizeof(text));
    sg_buffer bytes = start_model();
    put_piece_bytes(&bytes, text, sizeof(text), 0, PIECE_NORMAL);
    check_accepted(&bytes, 4);
}

/* Exactly one unknown piece. */
static void counts_unknown_pieces(void) {
    sg_buffer none = model_bytes_start();
    put_piece(&none, "a", 0, PIECE_NORMAL);
    check_refused(&none, "0 pieces of type unknown, expected exactly 1");
    sg_buffer two = start_model();
    put_piece(&two, "a", 0, PIECE_UNKNOWN);
    check_refused(&two, "2 pieces of type unknown, expected exactly 1");
}

static void check_type(uint64_t type, sg_status status) {
    sg_buffer bytes = start_model();
    sg_buffer trainer = model_bytes_start();
    put_number(&trainer, 3, type);
    put_bytes(&bytes, 2, trainer.data, trainer.length);
    sg_buffer_clear(&trainer);
    if (status == SG_STATUS_OK) {
        check_accepted(&bytes, 3);
    } else {
        check_refused_as(&bytes, status, "expected 1 (unigram)");
    }
}

/* Other kinds of models, known and unknown: not for us. */
static void refuses_other_model_types(void) {
    check_type(1, SG_STATUS_OK);
    check_type(0, SG_STATUS_UNSUPPORTED);
    check_type(2, SG_STATUS_UNSUPPORTED);
    check_type(3, SG_STATUS_UNSUPPORTED);
    check_type(4, SG_STATUS_UNSUPPORTED);
    check_type(99, SG_STATUS_UNSUPPORTED);
}

/* A piece takes at least 6 bytes, so a million are few megabytes. */
static void limits_the_number_of_pieces(void) {
    sg_buffer bytes = start_model();
    for (size_t i = 3; i < SG_PIECE_MODEL_MAX_PIECES; i++) {
        (void)sg_buffer_append(&bytes, "\x0A\x03\x0A\x01z", 5);
    }
    sg_piece_model model;
    CHECK_INT(sg_piece_model_open(&model, bytes.data, bytes.length, NULL), SG_STATUS_OK);
    CHECK_INT(model.count, SG_PIECE_MODEL_MAX_PIECES);
    sg_piece_model_clear(&model);
    (void)sg_buffer_append(&bytes, "\x0A\x03\x0A\x01z", 5);
    check_refused(&bytes, "more than 1000000 pieces");
}

/* The size comes first, before a byte is looked at. */
static void limits_the_size_of_the_file(void) {
    sg_piece_model model;
    sg_error error;
    size_t length = SG_PIECE_MODEL_MAX_BYTES + 1;
    char *bytes = sg_memory_alloc_zeroed(length, 1);
    CHECK(bytes != NULL);
    CHECK_INT(sg_piece_model_open(&model, bytes, length, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "67108865 bytes, at most 67108864");
    sg_memory_free(bytes);
}

/* More than 64 user-defined pieces that begin with one another made the library read its stack. */
static void limits_user_defined_pieces(void) {
    char text[64] = "";
    sg_buffer nested = start_model();
    for (size_t i = 0; i < 32; i++) {
        text[i] = 'u';
        put_piece(&nested, text, 0, PIECE_USER_DEFINED);
    }
    sg_buffer deeper = model_bytes_start();
    (void)sg_buffer_append(&deeper, nested.data, nested.length);
    check_accepted(&nested, 35);
    text[32] = 'u';
    put_piece(&deeper, text, 0, PIECE_USER_DEFINED);
    check_refused(&deeper, "more than 32 user-defined pieces begin with one another");

    sg_buffer many = start_model();
    for (size_t i = 0; i < 1025; i++) {
        (void)snprintf(text, sizeof(text), "u%zu", i);
        put_piece(&many, text, 0, PIECE_USER_DEFINED);
    }
    check_refused(&many, "more than 1024 user-defined pieces");
}

/* User-defined pieces of the same text are a duplicate like any other. */
static void refuses_equal_user_defined_pieces(void) {
    sg_buffer bytes = start_model();
    put_piece(&bytes, "same", 0, PIECE_USER_DEFINED);
    put_piece(&bytes, "same", 0, PIECE_USER_DEFINED);
    check_refused(&bytes, "is there twice");
}

/* A broken map inside a sound file is found from here; the ways to break one are test_charsmap's.
 */
static void checks_the_charsmap(void) {
    sg_buffer bytes = start_model();
    sg_buffer map = model_bytes_start();
    charsmap_start(&maker);
    charsmap_rule(&maker, "A", "a");
    charsmap_write(&maker, &map);
    put_charsmap(&bytes, &map);
    check_accepted(&bytes, 3);
    sg_buffer_clear(&map);

    bytes = start_model();
    maker.units[0] |= 0x3FFFFFU << 10;
    charsmap_write(&maker, &map);
    put_charsmap(&bytes, &map);
    check_refused(&bytes, "charsmap: unit 0 leads to");
    sg_buffer_clear(&map);
}

/* Every beginning of a sound file is refused or read, and never read past. */
static void survives_every_truncation(void) {
    sg_buffer bytes = start_model();
    put_piece(&bytes, "\xE2\x96\x81the", -1.5F, PIECE_NORMAL);
    put_number(&bytes, 250, 7);
    for (size_t length = 0; length < bytes.length; length++) {
        sg_piece_model model;
        char *copy = sg_memory_alloc(length, 1);
        CHECK(copy != NULL);
        memcpy(copy, bytes.data, length);
        sg_status status = sg_piece_model_open(&model, copy, length, NULL);
        CHECK(status == SG_STATUS_OK || status == SG_STATUS_MODEL);
        sg_piece_model_clear(&model);
        sg_memory_free(copy);
    }
    sg_buffer_clear(&bytes);
}

int main(void) {
    TEST(reads_a_sound_model);
    TEST(reads_defaults_and_repeats);
    TEST(refuses_broken_protobuf);
    TEST(refuses_wrong_wire_types);
    TEST(refuses_lengths_beyond_their_parent);
    TEST(refuses_broken_pieces);
    TEST(accepts_the_longest_piece);
    TEST(counts_unknown_pieces);
    TEST(refuses_other_model_types);
    TEST(limits_the_number_of_pieces);
    TEST(limits_the_size_of_the_file);
    TEST(limits_user_defined_pieces);
    TEST(refuses_equal_user_defined_pieces);
    TEST(checks_the_charsmap);
    TEST(survives_every_truncation);
    return test_end();
}
