/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a JSON document: the reader's events, and the tree of it with every getter.
 *
 * Promises: events come in an order that nests, texts lie inside what they claim, skipping a
 * document ends where reading it does, and a tree exists exactly for documents that read to their
 * end, duplicates apart. */
#include "fuzz/fuzz_target.h"

#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "storage/json.h"

static sg_status read_events(const char *bytes, size_t length) {
    sg_json_reader reader;
    sg_json_event event = SG_JSON_EVENT_NULL;
    sg_error error;
    unsigned depth = 0;
    sg_status status;
    sg_json_reader_init(&reader, bytes, length);
    for (;;) {
        status = sg_json_reader_next(&reader, &event, &error);
        if (status != SG_STATUS_OK) {
            FUZZ_REQUIRE(status == SG_STATUS_BAD_JSON && error.code == status);
            FUZZ_REQUIRE(sg_json_reader_next(&reader, &event, &error) == SG_STATUS_BAD_JSON);
            break;
        }
        if (event == SG_JSON_EVENT_END) {
            break;
        }
        depth += event == SG_JSON_EVENT_OBJECT_BEGIN || event == SG_JSON_EVENT_ARRAY_BEGIN;
        depth -= event == SG_JSON_EVENT_OBJECT_END || event == SG_JSON_EVENT_ARRAY_END;
        FUZZ_REQUIRE(depth == reader.depth && depth <= SG_JSON_MAX_DEPTH);
        FUZZ_REQUIRE(reader.begin < reader.offset && reader.offset <= length);
        if (event == SG_JSON_EVENT_KEY || event == SG_JSON_EVENT_STRING) {
            FUZZ_REQUIRE(sg_utf8_is_valid(reader.text, reader.text_length, NULL));
        }
        if (event == SG_JSON_EVENT_NUMBER) {
            double value;
            FUZZ_REQUIRE(sg_number_parse_f64(reader.text, reader.text_length, &value));
        }
    }
    FUZZ_REQUIRE(status != SG_STATUS_OK || (depth == 0 && sg_utf8_is_valid(bytes, length, NULL)));
    sg_json_reader_clear(&reader);
    return status;
}

static sg_status skip_document(const char *bytes, size_t length) {
    sg_json_reader reader;
    sg_json_event event;
    sg_status status;
    sg_json_reader_init(&reader, bytes, length);
    status = sg_json_reader_next(&reader, &event, NULL);
    if (status == SG_STATUS_OK) {
        status = sg_json_reader_skip(&reader, event, NULL);
    }
    if (status == SG_STATUS_OK) {
        status = sg_json_reader_next(&reader, &event, NULL);
        FUZZ_REQUIRE(status != SG_STATUS_OK || event == SG_JSON_EVENT_END);
    }
    sg_json_reader_clear(&reader);
    return status;
}

/* Ask a member for each type; exactly the right ones may answer. */
static void use_getters(const sg_json *document, const sg_json_value *object, const char *key) {
    sg_json_event kind = sg_json_kind(sg_json_member(object, key));
    int64_t number = 0;
    double real = 0.0;
    bool flag = false;
    const char *text = NULL;
    sg_error error;
    if (sg_json_get_i64(document, object, key, INT64_MIN, INT64_MAX, false, &number, &error) ==
        SG_STATUS_OK) {
        FUZZ_REQUIRE(kind == SG_JSON_EVENT_NUMBER);
    }
    FUZZ_REQUIRE((sg_json_get_f64(document, object, key, -1e308, 1e308, false, &real, &error) ==
                  SG_STATUS_OK) <= (kind == SG_JSON_EVENT_NUMBER));
    FUZZ_REQUIRE((sg_json_get_bool(document, object, key, false, &flag, &error) == SG_STATUS_OK) ==
                 (kind == SG_JSON_EVENT_TRUE || kind == SG_JSON_EVENT_FALSE));
    FUZZ_REQUIRE((sg_json_get_string(document, object, key, false, &text, &error) ==
                  SG_STATUS_OK) <= (kind == SG_JSON_EVENT_STRING));
}

static void use_tree(const sg_json *document) {
    const sg_json_value *root = sg_json_root(document);
    for (size_t i = 0; i < sg_json_count(root); i++) {
        const char *key = NULL;
        const sg_json_value *value = sg_json_at(root, i, &key);
        FUZZ_REQUIRE((key != NULL) == (sg_json_kind(root) == SG_JSON_EVENT_OBJECT_BEGIN));
        FUZZ_REQUIRE((sg_json_string(value) != NULL) ==
                     (sg_json_kind(value) == SG_JSON_EVENT_STRING));
        if (key != NULL && i < 64) {
            FUZZ_REQUIRE(sg_json_member(root, key) == value);
            use_getters(document, root, key);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    sg_status status = read_events(bytes, size);
    sg_json *document = NULL;
    sg_status parsed = sg_json_parse("fuzz", bytes, size, &document, NULL);
    FUZZ_REQUIRE(skip_document(bytes, size) == status);
    /* A tree refuses more: keys that come twice or hold a NUL. What it met first decides the code.
     */
    FUZZ_REQUIRE(status == SG_STATUS_OK ? parsed == SG_STATUS_OK || parsed == SG_STATUS_MODEL
                                        : parsed != SG_STATUS_OK);
    if (document != NULL) {
        use_tree(document);
    }
    sg_json_destroy(document);
    return 0;
}
