/* SPDX-License-Identifier: Apache-2.0 */
/* Pickles and zip files for tests, put together piece by piece so that each piece can be made
 * wrong. */
#ifndef SG_TEST_TORCH_BYTES_H
#define SG_TEST_TORCH_BYTES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

typedef struct test_bytes {
    unsigned char data[65536];
    size_t length;
} test_bytes;

static inline void test_bytes_add(test_bytes *bytes, const void *data, size_t length) {
    if (length > sizeof bytes->data - bytes->length) {
        (void)fprintf(stderr, "test_bytes: too long\n");
        exit(1);
    }
    if (length > 0) {
        memcpy(bytes->data + bytes->length, data, length);
    }
    bytes->length += length;
}

/* `size` bytes of `value`, little-endian. */
static inline void test_bytes_number(test_bytes *bytes, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)(i < 8 ? value >> (8 * i) : 0);
        test_bytes_add(bytes, &byte, 1);
    }
}

/* --- pickles -----------------------------------------------------------------------------------
 */

static inline void test_pickle_text(test_bytes *out, const char *text, size_t length) {
    test_bytes_add(out, "X", 1);
    test_bytes_number(out, length, 4);
    test_bytes_add(out, text, length);
}

/* Words that stand for fixed bytes. */
static inline int test_pickle_fixed(test_bytes *out, const char *word, size_t length) {
    static const struct {
        const char *word, *bytes;
    } table[] = {
        {"proto", "\x80\x02"}, {"mark", "("},      {"stop", "."},
        {"dict", "}"},         {"list", "]"},      {"()", ")"},
        {"none", "N"},         {"true", "\x88"},   {"false", "\x89"},
        {"tuple", "t"},        {"tuple1", "\x85"}, {"tuple2", "\x86"},
        {"tuple3", "\x87"},    {"reduce", "R"},    {"build", "b"},
        {"setitem", "s"},      {"setitems", "u"},  {"append", "a"},
        {"appends", "e"},      {"persid", "Q"},    {"odict", "ccollections\nOrderedDict\n)R"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strlen(table[i].word) == length && memcmp(table[i].word, word, length) == 0) {
            test_bytes_add(out, table[i].bytes, strlen(table[i].bytes));
            return 1;
        }
    }
    return 0;
}

/* One word: a fixed one, 'text', #HEX (raw bytes), @MODULE:NAME (GLOBAL), or a whole number
 * (BININT; LONG1 where it does not fit). */
static inline void test_pickle_word(test_bytes *out, const char *word, size_t length) {
    const char *colon = memchr(word, ':', length);
    if (test_pickle_fixed(out, word, length)) {
        return;
    }
    if (word[0] == '\'') {
        test_pickle_text(out, word + 1, length - 2);
    } else if (word[0] == '#') {
        for (size_t i = 1; i + 1 < length; i += 2) {
            char digits[3] = {word[i], word[i + 1], '\0'};
            test_bytes_number(out, strtoul(digits, NULL, 16), 1);
        }
    } else if (word[0] == '@') {
        test_bytes_add(out, "c", 1);
        test_bytes_add(out, word + 1, (size_t)(colon - word) - 1);
        test_bytes_add(out, "\n", 1);
        test_bytes_add(out, colon + 1, length - (size_t)(colon - word) - 1);
        test_bytes_add(out, "\n", 1);
    } else {
        long long value = strtoll(word, NULL, 10);
        int small = value >= INT32_MIN && value <= INT32_MAX;
        test_bytes_add(out, small ? "J" : "\x8a\x08", small ? 1 : 2);
        test_bytes_number(out, (uint64_t)value, small ? 4 : 8);
    }
}

/* The pickle that `words` (divided by spaces) spell. */
static inline void test_pickle(test_bytes *out, const char *words) {
    out->length = 0;
    while (*words != '\0') {
        size_t length = strcspn(words, " ");
        if (length > 0) {
            test_pickle_word(out, words, length);
        }
        words += length + (words[length] == ' ');
    }
}

/* A storage of `numel` elements; a tensor on it; a state dict of one entry. */
#define PICKLE_STORAGE(type, key, numel) \
    "mark 'storage' @torch:" type " '" key "' 'cpu' " numel " tuple persid "
#define PICKLE_TENSOR(storage, offset, sizes, strides)                            \
    "@torch._utils:_rebuild_tensor_v2 mark " storage offset " " sizes " " strides \
    " false odict tuple reduce "
#define PICKLE_FLOATS PICKLE_STORAGE("FloatStorage", "0", "24")
#define PICKLE_MATRIX PICKLE_TENSOR(PICKLE_FLOATS, "0", "4 6 tuple2", "6 1 tuple2")
#define PICKLE_OF(value) "proto odict mark 'a' " value "setitems stop"

/* --- zip files ---------------------------------------------------------------------------------
 */

#define TEST_ZIP_RECORDS 16

/* A zip as torch writes it, and where its parts begin. */
typedef struct test_zip {
    test_bytes bytes;
    size_t local[TEST_ZIP_RECORDS], data[TEST_ZIP_RECORDS], central[TEST_ZIP_RECORDS];
    size_t sizes[TEST_ZIP_RECORDS];
    char names[TEST_ZIP_RECORDS][64];
    uint32_t crcs[TEST_ZIP_RECORDS];
    size_t count;
    size_t directory, end64, locator, end;
} test_zip;

/* Add a record: header with zeroes, padding to a multiple of 64, data, descriptor. */
static inline void test_zip_add(test_zip *zip, const char *name, const void *data, size_t size) {
    test_bytes *out = &zip->bytes;
    size_t number = zip->count++;
    size_t name_length = strlen(name);
    size_t padding = (0 - (out->length + 34 + name_length)) & 63u;
    (void)snprintf(zip->names[number], sizeof zip->names[number], "%s", name);
    zip->local[number] = out->length;
    zip->sizes[number] = size;
    zip->crcs[number] = (uint32_t)crc32_z(0, size == 0 ? NULL : data, size);
    test_bytes_number(out, 0x04034b50, 4);
    test_bytes_number(out, 0, 2);
    test_bytes_number(out, size > 0 ? 0x0808 : 0x0800, 2);
    test_bytes_number(out, 0, 18);
    test_bytes_number(out, name_length, 2);
    test_bytes_number(out, 4 + padding, 2);
    test_bytes_add(out, name, name_length);
    test_bytes_add(out, "FB", 2);
    test_bytes_number(out, padding, 2);
    for (size_t i = 0; i < padding; i++) {
        test_bytes_add(out, "Z", 1);
    }
    zip->data[number] = out->length;
    test_bytes_add(out, data, size);
    if (size > 0) {
        test_bytes_number(out, 0x08074b50, 4);
        test_bytes_number(out, zip->crcs[number], 4);
        test_bytes_number(out, size, 4);
        test_bytes_number(out, size, 4);
    }
}

static inline void test_zip_central(test_zip *zip, size_t number) {
    test_bytes *out = &zip->bytes;
    size_t name_length = strlen(zip->names[number]);
    zip->central[number] = out->length;
    test_bytes_number(out, 0x02014b50, 4);
    test_bytes_number(out, 0, 4);
    test_bytes_number(out, zip->sizes[number] > 0 ? 0x0808 : 0x0800, 2);
    test_bytes_number(out, 0, 6);
    test_bytes_number(out, zip->crcs[number], 4);
    test_bytes_number(out, zip->sizes[number], 4);
    test_bytes_number(out, zip->sizes[number], 4);
    test_bytes_number(out, name_length, 2);
    test_bytes_number(out, 0, 12);
    test_bytes_number(out, zip->local[number], 4);
    test_bytes_add(out, zip->names[number], name_length);
}

/* The central directory and the end records, Zip64 ones too unless `plain`. */
static inline void test_zip_finish(test_zip *zip, int plain) {
    test_bytes *out = &zip->bytes;
    size_t size;
    zip->directory = out->length;
    for (size_t i = 0; i < zip->count; i++) {
        test_zip_central(zip, i);
    }
    size = out->length - zip->directory;
    zip->end64 = out->length;
    if (!plain) {
        test_bytes_number(out, 0x06064b50, 4);
        test_bytes_number(out, 44, 8);
        test_bytes_number(out, 0x002d031e, 4);
        test_bytes_number(out, 0, 8);
        test_bytes_number(out, zip->count, 8);
        test_bytes_number(out, zip->count, 8);
        test_bytes_number(out, size, 8);
        test_bytes_number(out, zip->directory, 8);
        zip->locator = out->length;
        test_bytes_number(out, 0x07064b50, 4);
        test_bytes_number(out, 0, 4);
        test_bytes_number(out, zip->end64, 8);
        test_bytes_number(out, 1, 4);
    }
    zip->end = out->length;
    test_bytes_number(out, 0x06054b50, 4);
    test_bytes_number(out, 0, 4);
    test_bytes_number(out, zip->count, 2);
    test_bytes_number(out, zip->count, 2);
    test_bytes_number(out, size, 4);
    test_bytes_number(out, zip->directory, 4);
    test_bytes_number(out, 0, 2);
}

#endif
