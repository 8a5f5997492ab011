/* SPDX-License-Identifier: Apache-2.0 */
/* The check of the normaliser's map, and where it lets a text be cut. */
#include "text/charsmap.h"

#include "support/model_bytes.h"
#include "support/test.h"

#include "base/error.h"

/* Large, so not on the stack; each test starts it afresh. */
static charsmap_maker maker;

static void start_sound(void) {
    charsmap_start(&maker);
    charsmap_rule(&maker, "A", "bb");
    charsmap_rule(&maker, "AB", "c");
    charsmap_rule(&maker, "ABCD", "");
}

/* Open what `maker` holds, claiming `trie_bytes` (0: the truth), and compare the message. */
static void check_refused(uint32_t trie_bytes, const char *message) {
    sg_buffer bytes = model_bytes_start();
    sg_charsmap map;
    sg_error error = {0};
    if (trie_bytes == 0) {
        charsmap_write(&maker, &bytes);
    } else {
        charsmap_write_claiming(&maker, trie_bytes, &bytes);
    }
    CHECK_INT(sg_charsmap_open(&map, bytes.data, bytes.length, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, message);
    CHECK(map.units == NULL && map.replacements == NULL);
    sg_charsmap_clear(&map);
    sg_buffer_clear(&bytes);
}

/* A sound map opens, and the empty one is a map. */
static void opens_sound_maps(void) {
    sg_buffer bytes = model_bytes_start();
    sg_charsmap map;
    sg_error error = {0};
    start_sound();
    charsmap_write(&maker, &bytes);
    CHECK_INT(sg_charsmap_open(&map, bytes.data, bytes.length, &error), SG_STATUS_OK);
    CHECK_TEXT(error.message, "");
    sg_charsmap_clear(&map);
    sg_charsmap_clear(&map);
    CHECK_INT(sg_charsmap_open(&map, NULL, 0, &error), SG_STATUS_OK);
    CHECK_INT(sg_charsmap_stretch(&map, "abc", 3, 2), 2);
    sg_charsmap_clear(&map);
    sg_buffer_clear(&bytes);
}

/* A size that is not that of a trie is refused before a unit is read. */
static void refuses_wrong_sizes(void) {
    sg_charsmap map;
    sg_error error;
    CHECK_INT(sg_charsmap_open(&map, "\1\2\3", 3, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "3 bytes, at least 4");
    CHECK_INT(sg_charsmap_open(&map, "\0\0\0\0", 4, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "0 bytes, expected a multiple of 1024 above 0");
    start_sound();
    check_refused(1028, "1028 bytes, expected a multiple");
    check_refused(0xFFFFFC00U, "said to have 4294966272 bytes");
    maker.replacements_length = 0;
    check_refused(0, "does not end in a NUL");
}

/* A unit or the root that leads out of the array: the library reads there (a crash in 0.1.97). */
static void refuses_far_offsets(void) {
    start_sound();
    maker.units[0] = 0x200U | 0x3FFFFFU << 10;
    check_refused(0, "unit 0 leads to unit");
    start_sound();
    maker.units[0] = 0x80000000U | 0x7FFFU << 10;
    check_refused(0, "unit 0 leads to unit");
    start_sound();
    maker.units[maker.bases[1] ^ 'A'] |= 0x1000U << 10;
    check_refused(0, "leads to unit");
    start_sound();
    maker.blocks--;
    check_refused(0, "leads to unit");
}

/* A rule whose replacement lies outside or inside a character. */
static void refuses_wrong_replacements(void) {
    size_t leaf;
    start_sound();
    leaf = maker.bases[2];
    maker.units[leaf] = 0x80000000U | 4096U;
    check_refused(0, "names replacement byte 4096");
    start_sound();
    maker.replacements[maker.replacements_length - 1] = 'x';
    check_refused(0, "does not end in a NUL");
    start_sound();
    charsmap_rule(&maker, "E", "\303\251");
    maker.units[maker.bases[6]]++;
    check_refused(0, "inside a character");
    start_sound();
    charsmap_rule(&maker, "E", "\303");
    check_refused(0, "not UTF-8");
    start_sound();
    charsmap_rule(&maker, "E", "12345678901234567890123456789012345678901234567890123456789012345");
    check_refused(0, "a replacement has 65 bytes, at most 64");
}

/* More than 32 rules that begin with one another overflow the library's array; 32 do not. */
static void refuses_deep_nesting(void) {
    char from[300] = {0};
    sg_charsmap map;
    sg_error error = {0};
    sg_buffer bytes = model_bytes_start();
    charsmap_start(&maker);
    for (size_t i = 0; i < 32; i++) {
        from[i] = 'a';
        charsmap_rule(&maker, from, "x");
    }
    charsmap_write(&maker, &bytes);
    CHECK_INT(sg_charsmap_open(&map, bytes.data, bytes.length, &error), SG_STATUS_OK);
    sg_charsmap_clear(&map);
    sg_buffer_clear(&bytes);
    from[32] = 'a';
    charsmap_rule(&maker, from, "x");
    check_refused(0, "more than 32 rules begin with one another");
    charsmap_start(&maker);
    memset(from, 'a', 256);
    charsmap_rule(&maker, from, "x");
    check_refused(0, "a rule is longer than 255 bytes");
}

/* A path that leads back to itself never ends. */
static void refuses_loops(void) {
    start_sound();
    maker.units[maker.bases[2] ^ 'B'] = 'B' | (uint32_t)'B' << 10; /* its base is its parent's */
    check_refused(0, "has a loop");
}

/* A stretch ends where a rule ends, never inside one, and holds no more than it must. */
static void cuts_between_rules(void) {
    sg_buffer bytes = model_bytes_start();
    sg_charsmap map;
    start_sound();
    charsmap_write(&maker, &bytes);
    CHECK_INT(sg_charsmap_open(&map, bytes.data, bytes.length, NULL), SG_STATUS_OK);
    CHECK_INT(sg_charsmap_stretch(&map, "ABx", 3, 1), 2);
    CHECK_INT(sg_charsmap_stretch(&map, "ABCx", 4, 1), 2);
    CHECK_INT(sg_charsmap_stretch(&map, "ABCDx", 5, 1), 4);
    CHECK_INT(sg_charsmap_stretch(&map, "AAAA", 4, 4), 2); /* each becomes two bytes */
    CHECK_INT(sg_charsmap_stretch(&map, "xAB", 3, 1), 1);
    CHECK_INT(sg_charsmap_stretch(&map, "\303\251A", 3, 1), 2); /* never inside a character */
    CHECK_INT(sg_charsmap_stretch(&map, "\303", 1, 9), 1);
    CHECK_INT(sg_charsmap_stretch(&map, "\0\0", 2, 9), 2);
    CHECK_INT(sg_charsmap_stretch(&map, "", 0, 9), 0);
    sg_charsmap_clear(&map);
    sg_buffer_clear(&bytes);
}

int main(void) {
    TEST(opens_sound_maps);
    TEST(refuses_wrong_sizes);
    TEST(refuses_far_offsets);
    TEST(refuses_wrong_replacements);
    TEST(refuses_deep_nesting);
    TEST(refuses_loops);
    TEST(cuts_between_rules);
    return test_end();
}
