/* SPDX-License-Identifier: Apache-2.0 */
/* Strict UTF-8: what is a character, what is none, and where the first bad byte is. */
#include "support/test.h"

#include "base/utf8.h"

/* Every scalar value survives encoding and decoding; no other value decodes. */
static void every_scalar_value_round_trips(void) {
    size_t wrong = 0;
    for (uint32_t code_point = 0; code_point <= 0x10ffffu; code_point++) {
        char bytes[4];
        uint32_t decoded = 0;
        size_t length;
        if (code_point >= 0xd800u && code_point <= 0xdfffu) {
            continue;
        }
        length = sg_utf8_encode(code_point, bytes);
        wrong += sg_utf8_decode(bytes, length, &decoded) != length || decoded != code_point;
        wrong += sg_utf8_decode(bytes, length - 1, NULL) != 0;
    }
    CHECK_INT(wrong, 0);
}

/* Of all four-byte strings exactly the canonical ones are valid: a decoder that takes an overlong
 * form, a surrogate or 0x110000 is caught by counting. */
static void exactly_the_scalar_values_decode(void) {
    size_t by_length[5] = {0};
    for (uint32_t lead = 0; lead < 256; lead++) {
        for (uint32_t second = 0; second < 256; second++) {
            const char bytes[4] = {(char)lead, (char)second, (char)0x80, (char)0x80};
            by_length[sg_utf8_decode(bytes, 4, NULL)]++;
        }
    }
    CHECK_INT(by_length[1], 128 * 256);
    CHECK_INT(by_length[2], 0x780 / 64 * 64);
    CHECK_INT(by_length[3], (0x10000 - 0x800 - 0x800) / 64);
    CHECK_INT(by_length[4], 0x100000 / 4096);
}

/* The offset that error messages name. */
static void the_first_bad_byte_is_found(void) {
    static const struct {
        const char *bytes;
        size_t length, bad;
    } cases[] = {
        {"\x80", 1, 0},
        {"a\xc0\x80", 3, 1},
        {"a\xc1\xbf", 3, 1},
        {"ab\xe2\x96", 4, 2},
        {"\xe0\x80\x80", 3, 0},
        {"\xed\xa0\x80", 3, 0},
        {"\xf0\x80\x80\x80", 4, 0},
        {"\xf4\x90\x80\x80", 4, 0},
        {"\xf5\x80\x80\x80", 4, 0},
        {"\xc3\xa9\xff", 3, 2},
        {"\xfe", 1, 0},
        {"\xe2\x28\xa1", 3, 0},
        {"\xf0\x9f\x98", 3, 0},
        {"a\0\xff", 3, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t bad = 999;
        CHECK(!sg_utf8_is_valid(cases[i].bytes, cases[i].length, &bad));
        CHECK_INT(bad, cases[i].bad);
    }
    CHECK(sg_utf8_is_valid("", 0, NULL));
    CHECK(sg_utf8_is_valid("a\0\xc3\xa9\xe2\x96\x81\xf0\x9f\x98\x80", 11, NULL));
    CHECK_INT(sg_utf8_count("a\0\xc3\xa9\xe2\x96\x81\xf0\x9f\x98\x80", 11), 5);
    CHECK_INT(sg_utf8_decode("", 0, NULL), 0);
}

/* Letters and numbers of any script; marks, punctuation and the metaspace are none. */
static void letters_and_numbers_are_known(void) {
    static const uint32_t yes[] = {'0',   '9',    'A',    'z',    0xaa,   0xe9, 0x416,   0x5d0,
                                   0x660, 0x4e00, 0x9fff, 0xac00, 0x2163, 0xbd, 0x1d400, 0x20000};
    static const uint32_t no[] = {0,     ' ',    '_',    '/',    ':',     '@',    '[',      0x7f,
                                  0x300, 0x2581, 0x20ac, 0x3002, 0x1f600, 0xe000, 0x10ffff, 0xd800};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        CHECK(sg_utf8_is_alphanumeric(yes[i]));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        CHECK(!sg_utf8_is_alphanumeric(no[i]));
    }
}

/* Marks of any script; what carries them, and joiners, are none. */
static void marks_are_known(void) {
    static const uint32_t yes[] = {0x300, 0x301, 0x36f, 0x5b0, 0x93f, 0x940, 0x20d0, 0xfe0f};
    static const uint32_t no[] = {0, ' ', 'e', 0xe9, 0xb4, 0x5e, 0x915, 0x200d, 0x1f600, 0x10ffff};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        CHECK(sg_utf8_is_mark(yes[i]));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        CHECK(!sg_utf8_is_mark(no[i]));
    }
}

int main(void) {
    TEST(every_scalar_value_round_trips);
    TEST(exactly_the_scalar_values_decode);
    TEST(the_first_bad_byte_is_found);
    TEST(letters_and_numbers_are_known);
    TEST(marks_are_known);
    return test_end();
}
