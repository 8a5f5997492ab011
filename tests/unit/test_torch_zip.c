/* SPDX-License-Identifier: Apache-2.0 */
/* The zip reader: what torch writes is listed, and each rule broken once is refused with its
 * reason. */
#include "storage/torch_zip.h"

#include "base/memory.h"
#include "support/test.h"
#include "support/torch_bytes.h"

static test_zip good;

static void make_good(int plain) {
    memset(&good, 0, sizeof good);
    test_zip_add(&good, "m/data.pkl", "pickle", 6);
    test_zip_add(&good, "m/data/0", "0123456789abcdef", 16);
    test_zip_add(&good, "m/data/1", NULL, 0);
    test_zip_add(&good, "m/version", "3\n", 2);
    test_zip_finish(&good, plain);
}

/* Open bytes[0..length) in a block of exactly that size. */
static sg_status open_bytes(const unsigned char *bytes, size_t length, sg_error *error) {
    sg_torch_zip *zip = NULL;
    unsigned char *exact = sg_memory_alloc(length, 1);
    sg_status status = SG_STATUS_MEMORY;
    if (exact != NULL) {
        if (length > 0) {
            memcpy(exact, bytes, length);
        }
        status = sg_torch_zip_open("z", exact, length, &zip, error);
        CHECK((zip != NULL) == (status == SG_STATUS_OK));
    }
    sg_torch_zip_close(zip);
    sg_memory_free(exact);
    return status;
}

/* Protects: records, their places and sizes, in the order of names; a file with Zip64 end records
 * and one without. */
static void lists_records(void) {
    for (int plain = 0; plain < 2; plain++) {
        sg_torch_zip *zip = NULL;
        const sg_zip_record *record;
        const unsigned char *bytes = NULL;
        sg_error error;
        make_good(plain);
        CHECK_INT(sg_torch_zip_open("z", good.bytes.data, good.bytes.length, &zip, &error),
                  SG_STATUS_OK);
        if (zip == NULL) {
            printf("%s\n", error.message);
            return;
        }
        CHECK_INT(sg_torch_zip_count(zip), 4);
        CHECK_TEXT(sg_torch_zip_at(zip, 0)->name, "data.pkl");
        CHECK_TEXT(sg_torch_zip_at(zip, 3)->name, "version");
        record = sg_torch_zip_find(zip, "data/0");
        CHECK(record != NULL && record->offset == good.data[1] && record->offset % 64 == 0);
        CHECK(record != NULL && record->size == 16);
        CHECK_INT(sg_torch_zip_read(zip, record, &bytes, &error), SG_STATUS_OK);
        CHECK(bytes != NULL && memcmp(bytes, "0123456789abcdef", 16) == 0);
        record = sg_torch_zip_find(zip, "data/1");
        CHECK(record != NULL && record->size == 0);
        CHECK_INT(sg_torch_zip_read(zip, record, &bytes, &error), SG_STATUS_OK);
        CHECK(bytes == NULL);
        CHECK(sg_torch_zip_find(zip, "data/2") == NULL);
        CHECK(sg_torch_zip_find(zip, "m/data/0") == NULL);
        sg_torch_zip_close(zip);
    }
}

/* Protects: a record whose bytes are not those of its CRC-32 is refused when it is read. */
static void checks_the_crc(void) {
    sg_torch_zip *zip = NULL;
    const unsigned char *bytes = NULL;
    sg_error error;
    make_good(0);
    good.bytes.data[good.data[1] + 3] ^= 1;
    CHECK_INT(sg_torch_zip_open("z", good.bytes.data, good.bytes.length, &zip, &error),
              SG_STATUS_OK);
    if (zip != NULL) {
        CHECK_INT(sg_torch_zip_read(zip, sg_torch_zip_find(zip, "data/0"), &bytes, &error),
                  SG_STATUS_MODEL);
        CHECK_CONTAINS(error.message, "CRC-32");
        CHECK_INT(sg_torch_zip_read(zip, sg_torch_zip_find(zip, "version"), &bytes, &error),
                  SG_STATUS_OK);
    }
    sg_torch_zip_close(zip);
}

enum place { LOCAL, CENTRAL, BEHIND, END64, LOCATOR, END };

/* Bytes written over a part of the good file: the record's number, the offset in the part. */
typedef struct patch {
    enum place place;
    size_t record, offset;
    const char *bytes;
    size_t length;
    const char *message;
} patch;

#define BYTES(text) text, sizeof(text) - 1

static const patch patches[] = {
    /* end record */
    {END, 0, 0, BYTES("X"), "no end record fits"},
    {END, 0, 4, BYTES("\1"), "more than one disk"},
    {END, 0, 6, BYTES("\1"), "more than one disk"},
    {END, 0, 8, BYTES("\3"), "disagree"},
    {END, 0, 10, BYTES("\3"), "disagree"},
    {END, 0, 12, BYTES("\1"), "disagree"},
    {END, 0, 16, BYTES("\1"), "disagree"},
    {END, 0, 20, BYTES("\1"), "no end record fits"},
    {END, 0, 8, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), ""},
    /* Zip64 */
    {LOCATOR, 0, 4, BYTES("\1"), "more than one disk"},
    {LOCATOR, 0, 16, BYTES("\2"), "more than one disk"},
    {LOCATOR, 0, 8, BYTES("\0"), "does not point to a Zip64"},
    {LOCATOR, 0, 8, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), "outside the file"},
    {LOCATOR, 0, 8, BYTES("\xff\xff\xff\xff\xff\xff\xff\x7f"), "outside the file"},
    {LOCATOR, 0, 0, BYTES("X"), "does not end where"},
    {END64, 0, 0, BYTES("X"), "does not point to a Zip64"},
    {END64, 0, 4, BYTES("\x2d"), "does not point to a Zip64"},
    {END64, 0, 16, BYTES("\1"), "more than one disk"},
    {END64, 0, 20, BYTES("\1"), "more than one disk"},
    {END64, 0, 24, BYTES("\3"), "disagree"},
    {END64, 0, 32, BYTES("\3"), "disagree"},
    {END64, 0, 40, BYTES("\1"), "disagree"},
    {END64, 0, 48, BYTES("\1"), "disagree"},
    {END64, 0, 32, BYTES("\4\0\0\1"), "disagree"},
    /* central directory */
    {CENTRAL, 0, 0, BYTES("X"), "central directory is damaged"},
    {CENTRAL, 3, 0, BYTES("X"), "central directory is damaged"},
    {CENTRAL, 1, 8, BYTES("\x09"), "encrypted"},
    {CENTRAL, 1, 8, BYTES("\x48"), "encrypted"},
    {CENTRAL, 1, 9, BYTES("\x28"), "encrypted"},
    {CENTRAL, 1, 8, BYTES("\x28"), "flags other than"},
    {CENTRAL, 1, 8, BYTES("\x00"), "other flags"},
    {CENTRAL, 1, 10, BYTES("\x08"), "compressed"},
    {CENTRAL, 1, 16, BYTES("\x01\x02\x03"), "does not agree"},
    {CENTRAL, 2, 16, BYTES("\x01"), "size or CRC differ"},
    {CENTRAL, 1, 20, BYTES("\x0f"), "two sizes differ"},
    {CENTRAL, 1, 24, BYTES("\x0f"), "two sizes differ"},
    {CENTRAL, 1, 20, BYTES("\x0f\0\0\0\x0f"), "does not agree"},
    {CENTRAL, 1, 20, BYTES("\0\0\0\x7f\0\0\0\x7f"), "data lies outside"},
    {CENTRAL, 1, 20, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), "without its Zip64 field"},
    {CENTRAL, 1, 28, BYTES("\xff\xff"), "central directory is damaged"},
    {CENTRAL, 1, 30, BYTES("\xff\xff"), "central directory is damaged"},
    {CENTRAL, 1, 32, BYTES("\xff\xff"), "central directory is damaged"},
    {CENTRAL, 1, 30, BYTES("\x03"), "extra fields are damaged"},
    {CENTRAL, 3, 32, BYTES("\x01"), "central directory is damaged"},
    {CENTRAL, 1, 34, BYTES("\x01"), "on another disk"},
    {CENTRAL, 1, 42, BYTES("\xff\xff\xff\xff"), "without its Zip64 field"},
    {CENTRAL, 1, 42, BYTES("\xff\xff\xff\x7f"), "header lies outside"},
    {CENTRAL, 1, 42, BYTES("\x01\0"), "no local header"},
    {CENTRAL, 1, 46, BYTES("/"), "absolute"},
    {CENTRAL, 1, 46, BYTES("../"), "absolute"},
    {CENTRAL, 1, 46, BYTES("./"), "absolute"},
    {CENTRAL, 1, 46, BYTES("m/../x/0"), "absolute"},
    {CENTRAL, 1, 46, BYTES("m//ata/0"), "absolute"},
    {CENTRAL, 1, 46, BYTES("m/data/."), "absolute"},
    {CENTRAL, 1, 46, BYTES("m\\"), "backslash"},
    {CENTRAL, 1, 46, BYTES("m/d\0ta"), "control character"},
    {CENTRAL, 1, 46, BYTES("m/d\nta"), "control character"},
    {CENTRAL, 1, 46, BYTES("m/d\xffta"), "not UTF-8"},
    {CENTRAL, 1, 46, BYTES("n"), "not in the one folder"},
    {CENTRAL, 1, 46, BYTES("m/data/2"), "another name"},
    {CENTRAL, 1, 46, BYTES("m-data-0"), "not in the one folder"},
    /* local headers */
    {LOCAL, 1, 0, BYTES("X"), "no local header"},
    {LOCAL, 1, 6, BYTES("\x00"), "other flags"},
    {LOCAL, 1, 8, BYTES("\x08"), "another method"},
    {LOCAL, 1, 14, BYTES("\x01"), "size or CRC differ"},
    {LOCAL, 1, 18, BYTES("\x01"), "size or CRC differ"},
    {LOCAL, 1, 22, BYTES("\x01"), "size or CRC differ"},
    {LOCAL, 1, 18, BYTES("\x10\0\0\0\x10"), ""},
    {LOCAL, 1, 18, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), "without its Zip64 field"},
    {LOCAL, 1, 26, BYTES("\x07"), "another name"},
    {LOCAL, 1, 28, BYTES("\xff\xff"), "data lies outside"},
    {LOCAL, 1, 30, BYTES("n"), "another name"},
    /* data descriptors */
    {BEHIND, 1, 0, BYTES("X"), "does not agree"},
    {BEHIND, 1, 4, BYTES("XX"), "does not agree"},
    {BEHIND, 1, 8, BYTES("X"), "does not agree"},
    {BEHIND, 1, 12, BYTES("X"), "does not agree"},
};

static size_t begin_of(const patch *change) {
    switch (change->place) {
    case LOCAL:
        return good.local[change->record];
    case CENTRAL:
        return good.central[change->record];
    case BEHIND:
        return good.data[change->record] + good.sizes[change->record];
    case END64:
        return good.end64;
    case LOCATOR:
        return good.locator;
    default:
        return good.end;
    }
}

/* Protects: each rule of the README's list, one broken a file. An empty message marks a legal
 * neighbour. */
static void refuses_each_broken_rule(void) {
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        const patch *change = &patches[i];
        sg_error error = {.code = SG_STATUS_OK};
        int failures = test_failures;
        make_good(0);
        memcpy(good.bytes.data + begin_of(change) + change->offset, change->bytes, change->length);
        CHECK_INT(open_bytes(good.bytes.data, good.bytes.length, &error),
                  change->message[0] == '\0' ? SG_STATUS_OK : SG_STATUS_MODEL);
        CHECK_CONTAINS(error.message, change->message);
        if (test_failures != failures) {
            printf("row %zu\n", i);
        }
    }
    printf("%zu hostile zip files\n", sizeof patches / sizeof patches[0]);
}

/* Protects: whatever a file is cut to, it is refused. */
static void refuses_each_cut(void) {
    sg_error error;
    make_good(0);
    for (size_t length = 0; length < good.bytes.length; length++) {
        CHECK_INT(open_bytes(good.bytes.data, length, &error), SG_STATUS_MODEL);
    }
    for (size_t length = 1; length < 100; length++) {
        test_bytes_add(&good.bytes, "", 1);
        CHECK_INT(open_bytes(good.bytes.data, good.bytes.length, &error), SG_STATUS_MODEL);
    }
}

/* Protects: shapes of a whole file that a patch cannot make. */
static void refuses_whole_files(void) {
    sg_error error;
    /* No record. */
    memset(&good, 0, sizeof good);
    test_zip_finish(&good, 1);
    CHECK_INT(open_bytes(good.bytes.data, good.bytes.length, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "no record");
    /* The same record twice. */
    memset(&good, 0, sizeof good);
    test_zip_add(&good, "m/data.pkl", "a", 1);
    test_zip_add(&good, "m/data.pkl", "b", 1);
    test_zip_finish(&good, 0);
    CHECK_INT(open_bytes(good.bytes.data, good.bytes.length, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "twice");
    /* Two entries for the same bytes: Fifield's bomb needs only that. */
    memset(&good, 0, sizeof good);
    test_zip_add(&good, "m/data/0", "aaaa", 4);
    (void)snprintf(good.names[1], sizeof good.names[1], "m/data/0");
    good.local[1] = good.local[0];
    good.sizes[1] = good.sizes[0];
    good.crcs[1] = good.crcs[0];
    good.count = 2;
    test_zip_finish(&good, 0);
    CHECK_INT(open_bytes(good.bytes.data, good.bytes.length, &error), SG_STATUS_MODEL);
    /* A second end record in the comment of the first. */
    make_good(1);
    good.bytes.data[good.end + 20] = 22;
    test_bytes_add(&good.bytes, good.bytes.data + good.end, 22);
    good.bytes.data[good.bytes.length - 2] = 0;
    CHECK_INT(open_bytes(good.bytes.data, good.bytes.length, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "two end records");
    /* A comment alone is legal. */
    make_good(1);
    good.bytes.data[good.end + 20] = 3;
    test_bytes_add(&good.bytes, "abc", 3);
    CHECK_INT(open_bytes(good.bytes.data, good.bytes.length, &error), SG_STATUS_OK);
    /* More bytes in the directory than its entries take. */
    make_good(1);
    good.bytes.data[good.end + 8] = good.bytes.data[good.end + 10] = 3;
    CHECK_INT(open_bytes(good.bytes.data, good.bytes.length, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "more than its entries");
}

/* Protects: records that reach into each other are refused, though each by itself is right: the
 * second's header lies in the first one's data. */
static void refuses_overlaps(void) {
    static test_zip inner;
    sg_error error;
    memset(&inner, 0, sizeof inner);
    test_zip_add(&inner, "m/data/1", "bbbb", 4);
    memset(&good, 0, sizeof good);
    test_zip_add(&good, "m/data/0", inner.bytes.data, inner.bytes.length);
    (void)snprintf(good.names[1], sizeof good.names[1], "m/data/1");
    good.local[1] = good.data[0] + inner.local[0];
    good.sizes[1] = 4;
    good.crcs[1] = inner.crcs[0];
    good.count = 2;
    test_zip_finish(&good, 0);
    CHECK_INT(open_bytes(good.bytes.data, good.bytes.length, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "overlaps");
}

/* Protects: sizes that are kept in Zip64 fields, as torch does from 4 GiB on, and 24-byte
 * descriptors. */
static void reads_zip64_fields(void) {
    sg_error error = {.code = SG_STATUS_OK};
    test_bytes *out = &good.bytes;
    memset(&good, 0, sizeof good);
    test_zip_add(&good, "m/data/0", "aaaa", 4);
    out->length -= 8;
    test_bytes_number(out, 4, 8);
    test_bytes_number(out, 4, 8);
    good.central[0] = out->length;
    test_bytes_number(out, 0x02014b50, 4);
    test_bytes_number(out, 0, 4);
    test_bytes_number(out, 0x0808, 2);
    test_bytes_number(out, 0, 6);
    test_bytes_number(out, good.crcs[0], 4);
    test_bytes_number(out, 0xffffffff, 4);
    test_bytes_number(out, 0xffffffff, 4);
    test_bytes_number(out, 8, 2);
    test_bytes_number(out, 28, 2);
    test_bytes_number(out, 0, 10);
    test_bytes_number(out, 0xffffffff, 4);
    test_bytes_add(out, "m/data/0", 8);
    test_bytes_number(out, 1, 2);
    test_bytes_number(out, 24, 2);
    test_bytes_number(out, 4, 8);
    test_bytes_number(out, 4, 8);
    test_bytes_number(out, 0, 8);
    good.end = out->length;
    test_bytes_number(out, 0x06054b50, 4);
    test_bytes_number(out, 0, 4);
    test_bytes_number(out, 0x00010001, 4);
    test_bytes_number(out, good.end - good.central[0], 4);
    test_bytes_number(out, good.central[0], 4);
    test_bytes_number(out, 0, 2);
    CHECK_INT(open_bytes(out->data, out->length, &error), SG_STATUS_OK);
    CHECK_TEXT(error.message, "");
    /* A field too many: the size is no sentinel, so nothing needs the field's first number. */
    out->data[good.central[0] + 24] = 4;
    out->data[good.central[0] + 25] = out->data[good.central[0] + 26] =
        out->data[good.central[0] + 27] = 0;
    CHECK_INT(open_bytes(out->data, out->length, &error), SG_STATUS_MODEL);
}

int main(void) {
    TEST(lists_records);
    TEST(checks_the_crc);
    TEST(refuses_each_broken_rule);
    TEST(refuses_each_cut);
    TEST(refuses_whole_files);
    TEST(refuses_overlaps);
    TEST(reads_zip64_fields);
    return test_end();
}
