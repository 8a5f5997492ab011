/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader: what is JSON, what is not, and the events of it. */
#include "support/test.h"

#include <stdlib.h>

#include "storage/json_reader.h"

/* Read all of bytes[0..length), copied to a block of its exact size so that a read past it is seen.
 */
static sg_status read_all(const char *bytes, size_t length, size_t *events, sg_error *error) {
    char *copy = malloc(length == 0 ? 1 : length);
    sg_json_reader reader;
    sg_json_event event = SG_JSON_EVENT_NULL;
    sg_status status = SG_STATUS_OK;
    if (copy == NULL) {
        return SG_STATUS_MEMORY;
    }
    memcpy(copy, bytes, length);
    sg_json_reader_init(&reader, copy, length);
    *events = 0;
    while (status == SG_STATUS_OK && (event != SG_JSON_EVENT_END || *events == 0)) {
        status = sg_json_reader_next(&reader, &event, error);
        *events += 1;
    }
    sg_json_reader_clear(&reader);
    free(copy);
    return status;
}

static bool is_json(const char *bytes, size_t length) {
    size_t events;
    sg_error error;
    return read_all(bytes, length, &events, &error) == SG_STATUS_OK;
}

typedef struct document {
    const char *bytes;
    size_t length;
} document;
#define DOCUMENT(text) \
    { text, sizeof(text) - 1 }

static void documents_of_the_grammar_are_read(void) {
    static const document accepted[] = {DOCUMENT("{}"),
                                        DOCUMENT("[]"),
                                        DOCUMENT("0"),
                                        DOCUMENT("-0"),
                                        DOCUMENT("null"),
                                        DOCUMENT(" \t\r\n{ } \t\r\n"),
                                        DOCUMENT("\"\""),
                                        DOCUMENT("true"),
                                        DOCUMENT("false"),
                                        DOCUMENT("[1,2]"),
                                        DOCUMENT("[ 1 , 2 ]"),
                                        DOCUMENT("{\"a\":1,\"a\":2}"),
                                        DOCUMENT("{\"\":{\"b\":[[],{}]}}"),
                                        DOCUMENT("1e308"),
                                        DOCUMENT("-1.5E-400"),
                                        DOCUMENT("0e999"),
                                        DOCUMENT("1000000000000000019884624838656"),
                                        DOCUMENT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFFFF\""),
                                        DOCUMENT("\"\\ud83d\\uDE00\""),
                                        DOCUMENT("\"\xc3\xa9\xe2\x96\x81\xf0\x9f\x98\x80\x7f\""),
                                        DOCUMENT("\"\xef\xbf\xbf\"")};
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        CHECK(is_json(accepted[i].bytes, accepted[i].length));
    }
}

static void everything_else_is_refused(void) {
    static const document refused[] = {DOCUMENT(""),
                                       DOCUMENT(" "),
                                       DOCUMENT("{"),
                                       DOCUMENT("}"),
                                       DOCUMENT("["),
                                       DOCUMENT("]"),
                                       DOCUMENT("[1"),
                                       DOCUMENT("[1,"),
                                       DOCUMENT("[1,]"),
                                       DOCUMENT("[,1]"),
                                       DOCUMENT("[1 2]"),
                                       DOCUMENT("[1}"),
                                       DOCUMENT("{\"a\":1]"),
                                       DOCUMENT("{\"a\"}"),
                                       DOCUMENT("{\"a\":}"),
                                       DOCUMENT("{\"a\":1,}"),
                                       DOCUMENT("{,}"),
                                       DOCUMENT("{a:1}"),
                                       DOCUMENT("{'a':1}"),
                                       DOCUMENT("{1:1}"),
                                       DOCUMENT("{\"a\" 1}"),
                                       DOCUMENT("{\"a\"::1}"),
                                       DOCUMENT("{\"a\":1 \"b\":2}"),
                                       DOCUMENT("1 2"),
                                       DOCUMENT("{} {}"),
                                       DOCUMENT("{}\0"),
                                       DOCUMENT("{}\f"),
                                       DOCUMENT("{}\v"),
                                       DOCUMENT("\xef\xbb\xbf{}"),
                                       DOCUMENT("\xc2\xa0{}"),
                                       DOCUMENT("{}\xc2\xa0"),
                                       DOCUMENT("// c\n1"),
                                       DOCUMENT("/**/1"),
                                       DOCUMENT("01"),
                                       DOCUMENT("-01"),
                                       DOCUMENT("+1"),
                                       DOCUMENT("1."),
                                       DOCUMENT(".5"),
                                       DOCUMENT("1.e5"),
                                       DOCUMENT("-"),
                                       DOCUMENT("1e"),
                                       DOCUMENT("1e+"),
                                       DOCUMENT("0x10"),
                                       DOCUMENT("1_0"),
                                       DOCUMENT("NaN"),
                                       DOCUMENT("Infinity"),
                                       DOCUMENT("-Infinity"),
                                       DOCUMENT("1e999"),
                                       DOCUMENT("-1e309"),
                                       DOCUMENT("[1e999]"),
                                       DOCUMENT("nul"),
                                       DOCUMENT("nulll"),
                                       DOCUMENT("True"),
                                       DOCUMENT("tru"),
                                       DOCUMENT("falsey"),
                                       DOCUMENT("\""),
                                       DOCUMENT("\"a"),
                                       DOCUMENT("\"\\\""),
                                       DOCUMENT("\"\\x41\""),
                                       DOCUMENT("\"\\u12\""),
                                       DOCUMENT("\"\\u12g4\""),
                                       DOCUMENT("\"\\u+123\""),
                                       DOCUMENT("\"\\"),
                                       DOCUMENT("\"\\u"),
                                       DOCUMENT("\"\\ud800\""),
                                       DOCUMENT("\"\\udc00\""),
                                       DOCUMENT("\"\\ud800\\u0041\""),
                                       DOCUMENT("\"\\ud800\\ud800\""),
                                       DOCUMENT("\"\\ud800x\""),
                                       DOCUMENT("\"\\ud800\\"),
                                       DOCUMENT("\"\\ud800\\udc0"),
                                       DOCUMENT("\"\\\0\""),
                                       DOCUMENT("\"a\nb\""),
                                       DOCUMENT("\"\0\""),
                                       DOCUMENT("\"\x1f\""),
                                       DOCUMENT("\"\xff\""),
                                       DOCUMENT("\"\xc0\x80\""),
                                       DOCUMENT("\"\xed\xa0\x80\""),
                                       DOCUMENT("\"\xf4\x90\x80\x80\""),
                                       DOCUMENT("\"\xe2\x96"),
                                       DOCUMENT("\"\xe2\x96\""),
                                       DOCUMENT("\xff"),
                                       DOCUMENT("[\x80]")};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (is_json(refused[i].bytes, refused[i].length)) {
            printf("accepted: %s\n", refused[i].bytes);
            CHECK(false);
        } else {
            CHECK(true);
        }
    }
}

/* Every proper beginning of a document is no document: the end is looked for at each step. */
static void every_beginning_is_refused(void) {
    static const char text[] = "{\"a\\u00e9\\ud83d\\ude00\":[1.5e+3,-0,true,false,null,{\"b\":"
                               "\"c\\n\xe2\x96\x81\"}],\"d\":[]}";
    size_t length = sizeof text - 1;
    CHECK(is_json(text, length));
    for (size_t cut = 0; cut < length; cut++) {
        CHECK(!is_json(text, cut));
    }
}

static bool nested_is_json(size_t levels, bool objects) {
    char text[2048];
    size_t length = 0;
    for (size_t i = 0; i < levels; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, objects ? "{\"\":" : "[");
    }
    length += (size_t)snprintf(text + length, sizeof text - length, "1");
    for (size_t i = 0; i < levels; i++) {
        text[length++] = objects ? '}' : ']';
    }
    return is_json(text, length);
}

/* serde_json's limit, exactly. */
static void nesting_ends_at_127_levels(void) {
    CHECK(nested_is_json(127, false));
    CHECK(nested_is_json(127, true));
    CHECK(!nested_is_json(128, false));
    CHECK(!nested_is_json(128, true));
    CHECK(!nested_is_json(400, false));
}

/* A document of a million open brackets costs nothing and overflows no stack. */
static void deep_nesting_is_refused_at_once(void) {
    size_t length = 1000000;
    char *text = malloc(length);
    CHECK(text != NULL);
    if (text != NULL) {
        memset(text, '[', length);
        CHECK(!is_json(text, length));
        free(text);
    }
}

static void expect_event(sg_json_reader *reader, sg_json_event expected, const char *text,
                         size_t length) {
    sg_json_event event = SG_JSON_EVENT_END;
    CHECK_INT(sg_json_reader_next(reader, &event, NULL), SG_STATUS_OK);
    CHECK_INT(event, expected);
    if (text != NULL) {
        CHECK_INT(reader->text_length, length);
        CHECK(reader->text_length == length && memcmp(reader->text, text, length) == 0);
    }
}

/* The events, their texts (unescaped, NULs kept, numbers as written) and the begin of each value.
 */
static void events_tell_the_document(void) {
    static const char text[] =
        " {\"a\\u0000\\u00e9\\ud83d\\ude00\" : [12, -1.50e+07, \"x\\ty\"], \"b\":true}";
    sg_json_reader reader;
    uint64_t number = 0;
    sg_json_reader_init(&reader, text, sizeof text - 1);
    expect_event(&reader, SG_JSON_EVENT_OBJECT_BEGIN, NULL, 0);
    CHECK_INT(reader.begin, 1);
    expect_event(&reader, SG_JSON_EVENT_KEY, "a\0\xc3\xa9\xf0\x9f\x98\x80", 8);
    expect_event(&reader, SG_JSON_EVENT_ARRAY_BEGIN, NULL, 0);
    CHECK_INT(reader.depth, 2);
    expect_event(&reader, SG_JSON_EVENT_NUMBER, "12", 2);
    CHECK(sg_json_number_u64(&reader, &number));
    CHECK_INT(number, 12);
    expect_event(&reader, SG_JSON_EVENT_NUMBER, "-1.50e+07", 9);
    CHECK(!sg_json_number_u64(&reader, &number));
    expect_event(&reader, SG_JSON_EVENT_STRING, "x\ty", 3);
    expect_event(&reader, SG_JSON_EVENT_ARRAY_END, NULL, 0);
    expect_event(&reader, SG_JSON_EVENT_KEY, "b", 1);
    expect_event(&reader, SG_JSON_EVENT_TRUE, NULL, 0);
    expect_event(&reader, SG_JSON_EVENT_OBJECT_END, NULL, 0);
    expect_event(&reader, SG_JSON_EVENT_END, NULL, 0);
    expect_event(&reader, SG_JSON_EVENT_END, NULL, 0);
    sg_json_reader_clear(&reader);
}

static bool reads_u64(const char *text, uint64_t expected) {
    sg_json_reader reader = {.text = text, .text_length = strlen(text)};
    uint64_t value = ~expected;
    return sg_json_number_u64(&reader, &value) && value == expected;
}

/* Shapes and offsets: an integer is one only as it is written plainly. */
static void unsigned_numbers_are_plain(void) {
    static const char *const refused[] = {
        "-0", "-1", "1.0", "1e1", "0.0", "", "18446744073709551616", "99999999999999999999999999"};
    CHECK(reads_u64("0", 0));
    CHECK(reads_u64("18446744073709551615", UINT64_MAX));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        CHECK(!reads_u64(refused[i], 0));
    }
}

/* Skipping passes exactly one value and checks all of it. */
static void values_are_skipped_whole(void) {
    static const char good[] = "[{\"a\":[1,[2,{}]]},[],7,8]";
    static const char bad[] = "[[1,01],8]";
    sg_json_event event;
    sg_json_reader reader;
    sg_json_reader_init(&reader, good, sizeof good - 1);
    CHECK_INT(sg_json_reader_next(&reader, &event, NULL), SG_STATUS_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(sg_json_reader_next(&reader, &event, NULL), SG_STATUS_OK);
        CHECK_INT(sg_json_reader_skip(&reader, event, NULL), SG_STATUS_OK);
    }
    expect_event(&reader, SG_JSON_EVENT_NUMBER, "8", 1);
    sg_json_reader_clear(&reader);
    sg_json_reader_init(&reader, bad, sizeof bad - 1);
    CHECK_INT(sg_json_reader_next(&reader, &event, NULL), SG_STATUS_OK);
    CHECK_INT(sg_json_reader_next(&reader, &event, NULL), SG_STATUS_OK);
    CHECK_INT(sg_json_reader_skip(&reader, event, NULL), SG_STATUS_BAD_JSON);
    CHECK_INT(sg_json_reader_next(&reader, &event, NULL), SG_STATUS_BAD_JSON);
    sg_json_reader_clear(&reader);
}

/* Messages name the place, what was found and what was expected. */
static void messages_name_the_place(void) {
    sg_error error;
    size_t events;
    CHECK_INT(read_all("[1;2]", 5, &events, &error), SG_STATUS_BAD_JSON);
    CHECK_TEXT(error.message, "byte 2: found ';', expected ',' or ']'");
    CHECK_INT(read_all("{\"a\":\xff}", 7, &events, &error), SG_STATUS_BAD_JSON);
    CHECK_TEXT(error.message, "byte 5: found byte 0xff, expected a value");
    CHECK_INT(read_all("[1", 2, &events, &error), SG_STATUS_BAD_JSON);
    CHECK_TEXT(error.message, "byte 2: found the end, expected ',' or ']'");
    CHECK_INT(read_all("[1e999]", 7, &events, &error), SG_STATUS_BAD_JSON);
    CHECK_TEXT(error.message, "byte 1: found '1', expected a number that a double can hold");
}

int main(void) {
    TEST(documents_of_the_grammar_are_read);
    TEST(everything_else_is_refused);
    TEST(every_beginning_is_refused);
    TEST(nesting_ends_at_127_levels);
    TEST(deep_nesting_is_refused_at_once);
    TEST(events_tell_the_document);
    TEST(unsigned_numbers_are_plain);
    TEST(values_are_skipped_whole);
    TEST(messages_name_the_place);
    return test_end();
}
