/* SPDX-License-Identifier: Apache-2.0 */
/* Records out of bytes: every rule of cli.md section 4 about lines. */
#include "cli/input.h"

#include <stdlib.h>
#include <unistd.h>

#include "support/test.h"

#define MAX_RECORDS 16

/* What was read, copied. */
typedef struct seen {
    char text[64];
    size_t length;
    char where[64];
    sg_status status;
    bool empty;
} seen;

static seen records[MAX_RECORDS];
static size_t count;

/* A file with these bytes; the name is valid until the next call. */
static const char *write_file(const char *bytes, size_t length) {
    static char name[64];
    int descriptor;
    (void)snprintf(name, sizeof name, "/tmp/switchgen-input-XXXXXX");
    descriptor = mkstemp(name);
    CHECK(descriptor >= 0 && write(descriptor, bytes, length) == (ssize_t)length);
    CHECK_INT(close(descriptor), 0);
    return name;
}

static void read_all(sg_input *input) {
    sg_input_record record;
    bool found = true;
    sg_error error;
    count = 0;
    while (found && count < MAX_RECORDS) {
        CHECK_INT(sg_input_next(input, &record, &found, &error), SG_STATUS_OK);
        if (found) {
            seen *one = &records[count];
            size_t kept =
                record.length < sizeof one->text - 1 ? record.length : sizeof one->text - 1;
            memset(one, 0, sizeof *one);
            if (record.text != NULL) {
                memcpy(one->text, record.text, kept);
            }
            one->length = record.length;
            one->status = record.status;
            one->empty = record.empty;
            (void)snprintf(one->where, sizeof one->where, "%.60s", record.where);
            CHECK_INT(record.index, count);
            count++;
        }
    }
}

/* Read all records of one file. */
static void read_bytes(const char *bytes, size_t length, bool null_records) {
    const char *name = write_file(bytes, length);
    sg_input_source source = {
        .files = &name, .file_count = 1, .null_records = null_records, .stop_descriptor = -1};
    sg_input input;
    sg_error error;
    CHECK_INT(sg_input_open(&input, &source, &error), SG_STATUS_OK);
    read_all(&input);
    sg_input_clear(&input);
    CHECK_INT(unlink(name), 0);
}

#define READ(bytes) read_bytes(bytes, sizeof bytes - 1, false)

/* Output lines must stay beside their input lines, so no line may be lost or added. */
static void counts_lines(void) {
    READ("one\n\ntwo");
    CHECK_INT(count, 3);
    CHECK_TEXT(records[0].text, "one");
    CHECK(records[1].empty);
    CHECK_TEXT(records[2].text, "two");
    CHECK_CONTAINS(records[2].where, ":3");
    READ("one\n");
    CHECK_INT(count, 1);
    READ("");
    CHECK_INT(count, 0);
    READ("\n");
    CHECK_INT(count, 1);
    CHECK(records[0].empty);
}

static void drops_mark_and_carriage_return(void) {
    READ("\xef\xbb\xbfone\r\n\xef\xbb\xbftwo\r\r\n\r\n");
    CHECK_INT(count, 3);
    CHECK_TEXT(records[0].text, "one");
    CHECK_TEXT(records[1].text, "\xef\xbb\xbftwo\r");
    CHECK(records[2].empty);
}

/* NUL is a character in lines, and a line feed one in NUL-ended records. */
static void keeps_the_other_mark(void) {
    READ("a\0b\n");
    CHECK_INT(count, 1);
    CHECK_INT(records[0].length, 3);
    read_bytes("a\nb\r\0\0c", 7, true);
    CHECK_INT(count, 3);
    CHECK_TEXT(records[0].text, "a\nb\r");
    CHECK(records[1].empty);
    CHECK_TEXT(records[2].text, "c");
}

static void reports_bad_utf8(void) {
    READ("ok\nbad \xff\ncut \xe2\x82\n\xc0\x80\n\xed\xa0\x80\nok\n");
    CHECK_INT(count, 6);
    for (size_t i = 1; i <= 4; i++) {
        CHECK_INT(records[i].status, SG_STATUS_BAD_UTF8);
    }
    CHECK_INT(records[5].status, SG_STATUS_OK);
}

/* A line of `length` letters between two short ones. */
static void read_long_line(size_t length, const char *end) {
    size_t total = 2 + length + strlen(end) + 2;
    char *bytes = malloc(total);
    CHECK(bytes != NULL);
    memcpy(bytes, "a\n", 2);
    memset(bytes + 2, 'x', length);
    memcpy(bytes + 2 + length, end, strlen(end));
    memcpy(bytes + total - 2, "b\n", 2);
    read_bytes(bytes, total, false);
    free(bytes);
}

/* The cap is exact, and the reader finds the next line again behind a longer one. */
static void caps_lines(void) {
    static const size_t too_long[] = {SG_INPUT_MAX_RECORD_BYTES + 1, SG_INPUT_MAX_RECORD_BYTES + 2,
                                      SG_INPUT_MAX_RECORD_BYTES + 9, 3 * SG_INPUT_MAX_RECORD_BYTES};
    read_long_line(SG_INPUT_MAX_RECORD_BYTES, "\r\n");
    CHECK_INT(count, 3);
    CHECK_INT(records[1].status, SG_STATUS_OK);
    CHECK_INT(records[1].length, SG_INPUT_MAX_RECORD_BYTES);
    for (size_t i = 0; i < sizeof too_long / sizeof too_long[0]; i++) {
        read_long_line(too_long[i], "\n");
        CHECK_INT(count, 3);
        CHECK_INT(records[1].status, SG_STATUS_TOO_LONG);
        CHECK_TEXT(records[2].text, "b");
        CHECK_CONTAINS(records[2].where, ":3");
    }
}

static void reads_operands_first(void) {
    static const char *const texts[] = {"x", "", "\xff"};
    const char *name = write_file("line\n", 5);
    sg_input_source source = {.texts = texts,
                              .text_count = 3,
                              .files = &name,
                              .file_count = 1,
                              .dash_is_stdin = true,
                              .stop_descriptor = -1};
    sg_input input;
    sg_error error;
    CHECK_INT(sg_input_open(&input, &source, &error), SG_STATUS_OK);
    read_all(&input);
    CHECK_INT(count, 4);
    CHECK_TEXT(records[0].where, "text 1");
    CHECK(!records[1].empty); /* an operand is always run */
    CHECK_INT(records[2].status, SG_STATUS_BAD_UTF8);
    CHECK_TEXT(records[3].text, "line");
    sg_input_clear(&input);
    CHECK_INT(unlink(name), 0);
}

/* A missing file is told before any work starts. */
static void opens_everything_first(void) {
    static const char *const missing[] = {"/dev/null", "/nonexistent/texts"};
    static const char *const folder[] = {"/tmp"};
    static const char *const twice[] = {"-", "-"};
    sg_input_source source = {.files = missing, .file_count = 2, .stop_descriptor = -1};
    sg_input input;
    sg_error error;
    CHECK_INT(sg_input_open(&input, &source, &error), SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message, "/nonexistent/texts: cannot be read");
    sg_input_clear(&input);
    source.files = folder;
    source.file_count = 1;
    CHECK_INT(sg_input_open(&input, &source, &error), SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message, "is a directory");
    sg_input_clear(&input);
    source.files = twice;
    source.file_count = 2;
    CHECK_INT(sg_input_open(&input, &source, &error), SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message, "only once");
    sg_input_clear(&input);
}

/* A request to stop ends the input between two records, also while it waits for bytes. */
static void stops_when_asked(void) {
    static const char *const texts[] = {"x", "y"};
    int stop[2];
    sg_input_source source = {.texts = texts, .text_count = 2};
    sg_input input;
    sg_input_record record;
    bool found = false;
    sg_error error;
    CHECK_INT(pipe(stop), 0);
    source.stop_descriptor = stop[0];
    CHECK_INT(sg_input_open(&input, &source, &error), SG_STATUS_OK);
    CHECK_INT(sg_input_next(&input, &record, &found, &error), SG_STATUS_OK);
    CHECK(found);
    CHECK_INT(write(stop[1], "x", 1), 1);
    CHECK_INT(sg_input_next(&input, &record, &found, &error), SG_STATUS_OK);
    CHECK(!found);
    sg_input_clear(&input);
    CHECK_INT(close(stop[0]) | close(stop[1]), 0);
}

int main(void) {
    TEST(counts_lines);
    TEST(drops_mark_and_carriage_return);
    TEST(keeps_the_other_mark);
    TEST(reports_bad_utf8);
    TEST(caps_lines);
    TEST(reads_operands_first);
    TEST(opens_everything_first);
    TEST(stops_when_asked);
    return test_end();
}
