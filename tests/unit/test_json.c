/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of small documents: structure, spelling of numbers, duplicates, typed getters. */
#include "support/alloc_fault.h"
#include "support/temp_dir.h"
#include "support/test.h"

#include <stdint.h>
#include <time.h>

#include "base/buffer.h"
#include "storage/json.h"

static sg_json *parse(const char *text) {
    sg_json *document = NULL;
    sg_error error;
    if (sg_json_parse("test.json", text, strlen(text), &document, &error) != SG_STATUS_OK) {
        printf("%s\n", error.message);
    }
    CHECK(document != NULL);
    return document;
}

static void trees_keep_order_keys_and_spelling(void) {
    sg_json *document = parse("{\"b\":[1.50,1000000000000000019884624838656,-0],\"A\":\"x\\u00e9\","
                              "\"a\":null,\"t\":true,\"f\":false,\"e\":{}}");
    const sg_json_value *root = sg_json_root(document);
    const sg_json_value *list = sg_json_member(root, "b");
    const char *key = NULL;
    CHECK_INT(sg_json_kind(root), SG_JSON_EVENT_OBJECT_BEGIN);
    CHECK_INT(sg_json_count(root), 6);
    CHECK_INT(sg_json_kind(sg_json_at(root, 1, &key)), SG_JSON_EVENT_STRING);
    CHECK_TEXT(key, "A");
    CHECK_TEXT(sg_json_string(sg_json_member(root, "A")), "x\xc3\xa9");
    CHECK_INT(sg_json_kind(sg_json_member(root, "a")), SG_JSON_EVENT_NULL);
    CHECK_INT(sg_json_kind(sg_json_member(root, "t")), SG_JSON_EVENT_TRUE);
    CHECK_INT(sg_json_kind(sg_json_member(root, "f")), SG_JSON_EVENT_FALSE);
    CHECK(sg_json_member(root, "B") == NULL);
    CHECK(sg_json_member(list, "b") == NULL);
    CHECK_INT(sg_json_kind(list), SG_JSON_EVENT_ARRAY_BEGIN);
    CHECK_INT(sg_json_count(list), 3);
    CHECK_TEXT(sg_json_number_text(sg_json_at(list, 0, &key)), "1.50");
    CHECK(key == NULL);
    CHECK_TEXT(sg_json_number_text(sg_json_at(list, 1, NULL)), "1000000000000000019884624838656");
    CHECK_TEXT(sg_json_number_text(sg_json_at(list, 2, NULL)), "-0");
    CHECK(sg_json_number_text(root) == NULL && sg_json_string(root) == NULL);
    CHECK(sg_json_string(sg_json_at(list, 0, NULL)) == NULL);
    CHECK_INT(sg_json_count(sg_json_member(root, "e")), 0);
    CHECK_INT(sg_json_count(sg_json_member(root, "A")), 0);
    sg_json_destroy(document);
    sg_json_destroy(NULL);
}

static void expect_refused(const char *text, size_t length, sg_status status, const char *message) {
    sg_json *document = NULL;
    sg_error error = {.message = ""};
    CHECK_INT(sg_json_parse("test.json", text, length, &document, &error), status);
    CHECK(document == NULL);
    CHECK_TEXT(error.message, message);
}

static void duplicates_and_bad_documents_are_refused(void) {
    expect_refused("{\"a\":1,\"b\":2,\"a\":3}", 19, SG_STATUS_MODEL,
                   "test.json: key \"a\" is given twice");
    expect_refused("[{\"x\":{\"a\":1,\"\\u0061\":1}}]", 26, SG_STATUS_MODEL,
                   "test.json: key \"a\" is given twice");
    expect_refused("{\"a\\u0000\":1}", 13, SG_STATUS_MODEL, "test.json: key \"a\" holds a NUL");
    expect_refused("{\"a\":01}", 8, SG_STATUS_BAD_JSON,
                   "test.json: byte 6: found '1', expected ',' or '}'");
    expect_refused("", 0, SG_STATUS_BAD_JSON, "test.json: byte 0: found the end, expected a value");
}

static void whole_numbers_are_checked(void) {
    static const char *const refused[] = {"768.0", "1e3",  "-1",   "1025", "\"5\"",
                                          "[5]",   "true", "null", "{}",   "99999999999999999999",
                                          "-0"};
    char message[256];
    sg_error error;
    int64_t value = -5;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"d_model\":%s}", refused[i]);
        sg_json *document = parse(text);
        CHECK_INT(sg_json_get_i64(document, sg_json_root(document), "d_model", 0, 1024, false,
                                  &value, &error),
                  SG_STATUS_MODEL);
        CHECK_INT(value, -5);
        (void)snprintf(message, sizeof message,
                       "test.json: d_model is %s, expected a whole number from 0 to 1024",
                       strcmp(refused[i], "[5]") == 0  ? "a list"
                       : strcmp(refused[i], "{}") == 0 ? "an object"
                                                       : refused[i]);
        CHECK_TEXT(error.message, message);
        sg_json_destroy(document);
    }
    sg_json *document = parse("{\"a\":1024,\"n\":null,\"m\":-9223372036854775808}");
    const sg_json_value *root = sg_json_root(document);
    CHECK_INT(sg_json_get_i64(document, root, "x", 0, 9, false, &value, NULL), SG_STATUS_OK);
    CHECK_INT(sg_json_get_i64(document, root, "n", 0, 9, true, &value, NULL), SG_STATUS_OK);
    CHECK_INT(value, -5);
    CHECK_INT(sg_json_get_i64(document, root, "a", 0, 1024, false, &value, NULL), SG_STATUS_OK);
    CHECK_INT(value, 1024);
    CHECK_INT(sg_json_get_i64(document, root, "m", INT64_MIN, 0, false, &value, NULL),
              SG_STATUS_OK);
    CHECK_INT(value, INT64_MIN);
    sg_json_destroy(document);
}

static void other_types_are_checked(void) {
    sg_json *document = parse("{\"eps\":1e-06,\"one\":1,\"b\":true,\"c\":false,\"s\":\"relu\","
                              "\"z\":\"a\\u0000b\",\"n\":null}");
    const sg_json_value *root = sg_json_root(document);
    double number = -1.0;
    bool flag = false;
    const char *text = "before";
    sg_error error;
    CHECK_INT(sg_json_get_f64(document, root, "eps", 0.0, 1.0, false, &number, NULL), SG_STATUS_OK);
    CHECK_NEAR(number, 1e-06, 0.0);
    CHECK_INT(sg_json_get_f64(document, root, "one", 0.0, 1.0, false, &number, NULL), SG_STATUS_OK);
    CHECK_NEAR(number, 1.0, 0.0);
    CHECK_INT(sg_json_get_f64(document, root, "one", 0.0, 0.5, false, &number, &error),
              SG_STATUS_MODEL);
    CHECK_TEXT(error.message, "test.json: one is 1, expected a number from 0 to 0.5");
    CHECK_INT(sg_json_get_f64(document, root, "s", 0.0, 0.5, false, &number, &error),
              SG_STATUS_MODEL);
    CHECK_TEXT(error.message, "test.json: s is \"relu\", expected a number from 0 to 0.5");
    CHECK_INT(sg_json_get_bool(document, root, "b", false, &flag, NULL), SG_STATUS_OK);
    CHECK(flag);
    CHECK_INT(sg_json_get_bool(document, root, "c", false, &flag, NULL), SG_STATUS_OK);
    CHECK(!flag);
    CHECK_INT(sg_json_get_bool(document, root, "one", false, &flag, &error), SG_STATUS_MODEL);
    CHECK_TEXT(error.message, "test.json: one is 1, expected true or false");
    CHECK_INT(sg_json_get_bool(document, root, "n", false, &flag, NULL), SG_STATUS_MODEL);
    CHECK_INT(sg_json_get_bool(document, root, "n", true, &flag, NULL), SG_STATUS_OK);
    CHECK_INT(sg_json_get_string(document, root, "n", true, &text, NULL), SG_STATUS_OK);
    CHECK_INT(sg_json_get_string(document, root, "absent", false, &text, NULL), SG_STATUS_OK);
    CHECK_TEXT(text, "before");
    CHECK_INT(sg_json_get_string(document, root, "s", false, &text, NULL), SG_STATUS_OK);
    CHECK_TEXT(text, "relu");
    CHECK_INT(sg_json_get_string(document, root, "z", false, &text, &error), SG_STATUS_MODEL);
    CHECK_INT(sg_json_get_string(document, root, "b", false, &text, &error), SG_STATUS_MODEL);
    CHECK_TEXT(error.message, "test.json: b is true, expected a string without a NUL");
    sg_json_destroy(document);
}

/* A long or hostile value is cut in messages, between characters. */
static void long_values_are_cut_in_messages(void) {
    char text[512] = "{\"k\":\"";
    sg_json *document;
    sg_error error;
    int64_t value;
    for (int i = 0; i < 100; i++) {
        (void)strcat(text, "\xe2\x96\x81");
    }
    (void)strcat(text, "\"}");
    document = parse(text);
    CHECK_INT(sg_json_get_i64(document, sg_json_root(document), "k", 0, 1, false, &value, &error),
              SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "\xe2\x96\x81...\", expected a whole number");
    sg_json_destroy(document);
}

/* Processor seconds to parse and walk an object of `count` keys that holds a list of `count`
 * numbers. */
static double seconds_for(size_t count) {
    sg_buffer text;
    sg_json *document;
    size_t total = 0;
    clock_t start;
    sg_buffer_init(&text, 100000000);
    (void)sg_buffer_append_text(&text, "{\"list\":[0");
    for (size_t i = 1; i < count; i++) {
        (void)sg_buffer_append_format(&text, ",%zu", i % 10);
    }
    (void)sg_buffer_append_text(&text, "]");
    for (size_t i = 0; i < count; i++) {
        (void)sg_buffer_append_format(&text, ",\"key%zu\":0", i);
    }
    (void)sg_buffer_append_text(&text, "}");
    start = clock();
    document = parse(text.data);
    const sg_json_value *list = sg_json_member(sg_json_root(document), "list");
    for (size_t i = 0; i < sg_json_count(list); i++) {
        total += (size_t)(sg_json_number_text(sg_json_at(list, i, NULL))[0] - '0');
    }
    CHECK_INT(total, count / 10 * 45);
    CHECK_INT(sg_json_count(sg_json_root(document)), count + 1);
    sg_json_destroy(document);
    sg_buffer_clear(&text);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* A hostile configuration: neither keys nor elements may cost the square. Four times the size costs
 * four times the time, or sixteen times if something is quadratic. */
static void large_documents_take_no_square_time(void) {
    double small = seconds_for(20000);
    double large = seconds_for(80000);
    CHECK(large < 0.3 || large < 9.0 * small);
}

static void files_are_read_up_to_a_maximum(void) {
    temp_dir dir = temp_dir_create();
    const char *path = temp_dir_write_text(&dir, "a.json", "{\"a\":1}");
    sg_json *document = NULL;
    sg_error error;
    CHECK_INT(sg_json_parse_file(path, 7, &document, &error), SG_STATUS_OK);
    sg_json_destroy(document);
    CHECK_INT(sg_json_parse_file(path, 6, &document, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "has 7 bytes, expected at most 6");
    CHECK_INT(sg_json_parse_file(temp_dir_path(&dir, "b.json"), 6, &document, &error),
              SG_STATUS_NOT_FOUND);
    path = temp_dir_write_text(&dir, "empty.json", "");
    CHECK_INT(sg_json_parse_file(path, 6, &document, &error), SG_STATUS_MODEL);
    CHECK_INT(error.code, SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "empty.json: byte 0");
    temp_dir_remove(&dir);
}

/* Each allocation of our own fails once while a document is read from a file and parsed. */
static void every_failed_allocation_is_an_error(void) {
    temp_dir dir = temp_dir_create();
    const char *path =
        temp_dir_write_text(&dir, "a.json", "{\"a\\n\":[1,\"b\\u00e9\",{\"c\":null}],\"d\":true}");
    sg_json *document = NULL;
    size_t failures = 0;
    for (size_t fail_at = 0; fail_at < 1000; fail_at++) {
        sg_status status;
        alloc_fault_reset(fail_at);
        status = sg_json_parse_file(path, 1000, &document, NULL);
        alloc_fault_reset(SIZE_MAX);
        if (status == SG_STATUS_OK) {
            break;
        }
        failures++;
        CHECK_INT(status, SG_STATUS_MEMORY);
        CHECK(document == NULL);
    }
    CHECK(document != NULL && failures > 8);
    sg_json_destroy(document);
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(trees_keep_order_keys_and_spelling);
    TEST(duplicates_and_bad_documents_are_refused);
    TEST(whole_numbers_are_checked);
    TEST(other_types_are_checked);
    TEST(long_values_are_cut_in_messages);
    TEST(large_documents_take_no_square_time);
    TEST(files_are_read_up_to_a_maximum);
    TEST(every_failed_allocation_is_an_error);
    return test_end();
}
