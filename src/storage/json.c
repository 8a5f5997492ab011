/* SPDX-License-Identifier: Apache-2.0 */
/* Events in, trees out.
 *
 * cJSON never sees a document: its parser takes `01`, a BOM and raw control characters and rounds
 * whole numbers above 2^53. Its nodes are created one by one from the events instead. In these
 * trees:
 * - a number is a cJSON_Raw node, so its spelling is kept;
 * - a string's `valueint` is 1 if it holds a NUL, at which its C string would end too soon;
 * - an object's or array's `valuestring`, which cJSON leaves unused but frees, is an array of its
 *   `valueint` children: element i is found in one step, not in i. */
#include "storage/json.h"

#include <assert.h>
#include <cJSON.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/utf8.h"
#include "storage/mapped_file.h"

struct sg_json {
    cJSON *root;
    char *name;
};

/* A node handed out is a cJSON node under another name, so that no other file sees cJSON. */
static const cJSON *node_of(const sg_json_value *value) {
    return (const cJSON *)(const void *)value;
}

static const sg_json_value *value_of(const cJSON *node) {
    return (const sg_json_value *)(const void *)node;
}

static bool is_container(const cJSON *node) {
    return cJSON_IsObject(node) || cJSON_IsArray(node);
}

/* The tree being built: open[depth-1] is the innermost container. */
typedef struct tree_builder {
    sg_json_reader reader;
    cJSON *root;
    cJSON *open[SG_JSON_MAX_DEPTH];
    size_t depth;
    char *key; /* of the next member; owned */
} tree_builder;

static sg_status node_memory_error(sg_error *error) {
    return sg_memory_error(error, "a JSON value", sizeof(cJSON));
}

/* A C string of the reader's text; NULs inside stay and cut it short. */
static char *copy_reader_text(const sg_json_reader *reader) {
    return sg_memory_copy_text(reader->text, reader->text_length);
}

static cJSON *create_text_node(const sg_json_reader *reader, bool is_number) {
    char *text = copy_reader_text(reader);
    cJSON *node = NULL;
    if (text != NULL) {
        node = is_number ? cJSON_CreateRaw(text) : cJSON_CreateString(text);
    }
    if (node != NULL) {
        node->valueint = strlen(text) != reader->text_length;
    }
    sg_memory_free(text);
    return node;
}

static cJSON *create_node(const sg_json_reader *reader, sg_json_event event) {
    switch (event) {
    case SG_JSON_EVENT_OBJECT_BEGIN:
        return cJSON_CreateObject();
    case SG_JSON_EVENT_ARRAY_BEGIN:
        return cJSON_CreateArray();
    case SG_JSON_EVENT_STRING:
        return create_text_node(reader, false);
    case SG_JSON_EVENT_NUMBER:
        return create_text_node(reader, true);
    case SG_JSON_EVENT_TRUE:
        return cJSON_CreateTrue();
    case SG_JSON_EVENT_FALSE:
        return cJSON_CreateFalse();
    default:
        return cJSON_CreateNull();
    }
}

static sg_status add_node(tree_builder *builder, cJSON *node, sg_error *error) {
    cJSON *parent = builder->depth == 0 ? NULL : builder->open[builder->depth - 1];
    bool added = true;
    if (node == NULL) {
        return node_memory_error(error);
    }
    if (parent == NULL) {
        builder->root = node;
    } else if (cJSON_IsObject(parent)) {
        added = cJSON_AddItemToObject(parent, builder->key, node);
    } else {
        added = cJSON_AddItemToArray(parent, node);
    }
    if (!added) {
        cJSON_Delete(node);
        return node_memory_error(error);
    }
    if (parent != NULL && parent->valueint == INT_MAX) {
        return sg_error_set(error, SG_STATUS_MODEL, "more than %d values in one list", INT_MAX);
    }
    if (parent != NULL) {
        parent->valueint++;
    }
    if (is_container(node)) {
        builder->open[builder->depth++] = node;
    }
    return SG_STATUS_OK;
}

static sg_status take_key(tree_builder *builder, sg_error *error) {
    const sg_json_reader *reader = &builder->reader;
    sg_memory_free(builder->key);
    builder->key = copy_reader_text(reader);
    if (builder->key == NULL) {
        return sg_memory_error(error, "a JSON key", reader->text_length);
    }
    if (strlen(builder->key) != reader->text_length) {
        return sg_error_set(error, SG_STATUS_MODEL, "key \"%s\" holds a NUL", builder->key);
    }
    return SG_STATUS_OK;
}

static int compare_keys(const void *a, const void *b) {
    const cJSON *const *left = a;
    const cJSON *const *right = b;
    return strcmp((*left)->string, (*right)->string);
}

/* Sorts a copy: the children stay in the document's order. */
static sg_status refuse_duplicates(cJSON *const *children, size_t count, sg_error *error) {
    cJSON **sorted = sg_memory_alloc(count, sizeof *sorted);
    sg_status status = SG_STATUS_OK;
    if (sorted == NULL) {
        return sg_memory_error(error, "the keys of an object", count * sizeof *sorted);
    }
    memcpy(sorted, children, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < count && status == SG_STATUS_OK; i++) {
        if (strcmp(sorted[i - 1]->string, sorted[i]->string) == 0) {
            status = sg_error_set(error, SG_STATUS_MODEL, "key \"%s\" is given twice",
                                  sorted[i]->string);
        }
    }
    sg_memory_free(sorted);
    return status;
}

/* The innermost container is complete: list its children. */
static sg_status close_container(tree_builder *builder, sg_error *error) {
    cJSON *container = builder->open[--builder->depth];
    size_t count = (size_t)container->valueint;
    cJSON **children;
    size_t i = 0;
    if (count == 0) {
        return SG_STATUS_OK;
    }
    children = cJSON_malloc(count * sizeof *children); /* cJSON_Delete frees it */
    if (children == NULL) {
        return sg_memory_error(error, "a list of JSON values", count * sizeof *children);
    }
    container->valuestring = (char *)children;
    for (cJSON *child = container->child; child != NULL; child = child->next) {
        children[i++] = child;
    }
    assert(i == count);
    return cJSON_IsObject(container) ? refuse_duplicates(children, count, error) : SG_STATUS_OK;
}

static sg_status build_tree(tree_builder *builder, sg_error *error) {
    for (;;) {
        sg_json_event event;
        SG_TRY(sg_json_reader_next(&builder->reader, &event, error));
        switch (event) {
        case SG_JSON_EVENT_END:
            return SG_STATUS_OK;
        case SG_JSON_EVENT_KEY:
            SG_TRY(take_key(builder, error));
            break;
        case SG_JSON_EVENT_OBJECT_END:
        case SG_JSON_EVENT_ARRAY_END:
            SG_TRY(close_container(builder, error));
            break;
        default:
            SG_TRY(add_node(builder, create_node(&builder->reader, event), error));
        }
    }
}

sg_status sg_json_parse(const char *name, const char *bytes, size_t length, sg_json **document,
                        sg_error *error) {
    tree_builder builder = {0};
    sg_json *result = NULL;
    sg_status status;
    sg_json_reader_init(&builder.reader, bytes, length);
    status = build_tree(&builder, error);
    sg_json_reader_clear(&builder.reader);
    sg_memory_free(builder.key);
    if (status == SG_STATUS_OK) {
        result = sg_memory_alloc_zeroed(1, sizeof *result);
        if (result != NULL) {
            result->name = sg_memory_copy_text(name, strlen(name));
        }
        if (result == NULL || result->name == NULL) {
            status = node_memory_error(error);
        }
    }
    if (status != SG_STATUS_OK) {
        cJSON_Delete(builder.root);
        sg_memory_free(result);
        return sg_error_prefix(error, status, "%s", name);
    }
    result->root = builder.root;
    *document = result;
    return SG_STATUS_OK;
}

sg_status sg_json_parse_file(const char *path, size_t maximum, sg_json **document,
                             sg_error *error) {
    char *bytes = NULL;
    size_t length = 0;
    sg_status status;
    SG_TRY(sg_file_read_small(path, maximum, &bytes, &length, error));
    status = sg_json_parse(path, bytes, length, document, error);
    sg_memory_free(bytes);
    if (status == SG_STATUS_BAD_JSON) {
        /* A file that is no JSON is damaged; bad_json is what an input record can be. */
        status = SG_STATUS_MODEL;
        if (error != NULL) {
            error->code = status;
        }
    }
    return status;
}

void sg_json_destroy(sg_json *document) {
    if (document != NULL) {
        cJSON_Delete(document->root);
        sg_memory_free(document->name);
        sg_memory_free(document);
    }
}

const sg_json_value *sg_json_root(const sg_json *document) {
    return value_of(document->root);
}

sg_json_event sg_json_kind(const sg_json_value *value) {
    switch (node_of(value)->type & 0xff) {
    case cJSON_Object:
        return SG_JSON_EVENT_OBJECT_BEGIN;
    case cJSON_Array:
        return SG_JSON_EVENT_ARRAY_BEGIN;
    case cJSON_String:
        return SG_JSON_EVENT_STRING;
    case cJSON_Raw:
        return SG_JSON_EVENT_NUMBER;
    case cJSON_True:
        return SG_JSON_EVENT_TRUE;
    case cJSON_False:
        return SG_JSON_EVENT_FALSE;
    default:
        return SG_JSON_EVENT_NULL;
    }
}

const sg_json_value *sg_json_member(const sg_json_value *object, const char *key) {
    return value_of(cJSON_GetObjectItemCaseSensitive(node_of(object), key));
}

size_t sg_json_count(const sg_json_value *value) {
    const cJSON *node = node_of(value);
    return is_container(node) ? (size_t)node->valueint : 0;
}

const sg_json_value *sg_json_at(const sg_json_value *value, size_t index, const char **key) {
    const cJSON *const *children = (const void *)node_of(value)->valuestring;
    assert(index < sg_json_count(value));
    if (key != NULL) {
        *key = children[index]->string;
    }
    return value_of(children[index]);
}

const char *sg_json_string(const sg_json_value *value) {
    return cJSON_IsString(node_of(value)) ? node_of(value)->valuestring : NULL;
}

const char *sg_json_number_text(const sg_json_value *value) {
    return cJSON_IsRaw(node_of(value)) ? node_of(value)->valuestring : NULL;
}

/* ---- typed getters ---- */

/* What was found, for a message: a short literal, or a word for something large. */
static const char *describe(const sg_json_value *value, char out[64]) {
    const char *text = node_of(value)->valuestring;
    size_t length;
    switch (sg_json_kind(value)) {
    case SG_JSON_EVENT_OBJECT_BEGIN:
        return "an object";
    case SG_JSON_EVENT_ARRAY_BEGIN:
        return "a list";
    case SG_JSON_EVENT_TRUE:
        return "true";
    case SG_JSON_EVENT_FALSE:
        return "false";
    case SG_JSON_EVENT_NULL:
        return "null";
    case SG_JSON_EVENT_NUMBER:
        (void)snprintf(out, 64, strlen(text) > 48 ? "%.48s..." : "%s", text);
        return out;
    default:
        for (length = 0; text[length] != '\0';) {
            size_t step = sg_utf8_decode(text + length, strlen(text + length), NULL);
            if (length + step > 48) {
                break;
            }
            length += step;
        }
        (void)snprintf(out, 64, "\"%.*s%s\"", (int)length, text, text[length] != '\0' ? "..." : "");
        return out;
    }
}

static sg_status wrong_value(const sg_json *document, const char *key, const sg_json_value *value,
                             const char *expected, sg_error *error) {
    char found[64];
    return sg_error_set(error, SG_STATUS_MODEL, "%s: %s is %s, expected %s", document->name, key,
                        describe(value, found), expected);
}

/* The member `key`, or NULL where the getters leave *out alone. */
static const sg_json_value *present(const sg_json_value *object, const char *key,
                                    bool null_is_absent) {
    const sg_json_value *value = sg_json_member(object, key);
    if (value != NULL && null_is_absent && sg_json_kind(value) == SG_JSON_EVENT_NULL) {
        return NULL;
    }
    return value;
}

sg_status sg_json_get_i64(const sg_json *document, const sg_json_value *object, const char *key,
                          int64_t minimum, int64_t maximum, bool null_is_absent, int64_t *out,
                          sg_error *error) {
    const sg_json_value *value = present(object, key, null_is_absent);
    const char *text = value == NULL ? NULL : sg_json_number_text(value);
    int64_t number = 0;
    char expected[96];
    if (value == NULL) {
        return SG_STATUS_OK;
    }
    if (text == NULL || !sg_number_parse_i64(text, strlen(text), &number) || number < minimum ||
        number > maximum) {
        (void)snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64,
                       minimum, maximum);
        return wrong_value(document, key, value, expected, error);
    }
    *out = number;
    return SG_STATUS_OK;
}

sg_status sg_json_get_f64(const sg_json *document, const sg_json_value *object, const char *key,
                          double minimum, double maximum, bool null_is_absent, double *out,
                          sg_error *error) {
    const sg_json_value *value = present(object, key, null_is_absent);
    const char *text = value == NULL ? NULL : sg_json_number_text(value);
    double number = 0.0;
    char expected[96];
    if (value == NULL) {
        return SG_STATUS_OK;
    }
    if (text == NULL || !sg_number_parse_f64(text, strlen(text), &number) || number < minimum ||
        number > maximum) {
        (void)snprintf(expected, sizeof expected, "a number from %g to %g", minimum, maximum);
        return wrong_value(document, key, value, expected, error);
    }
    *out = number;
    return SG_STATUS_OK;
}

sg_status sg_json_get_bool(const sg_json *document, const sg_json_value *object, const char *key,
                           bool null_is_absent, bool *out, sg_error *error) {
    const sg_json_value *value = present(object, key, null_is_absent);
    sg_json_event kind = value == NULL ? SG_JSON_EVENT_NULL : sg_json_kind(value);
    if (value == NULL) {
        return SG_STATUS_OK;
    }
    if (kind != SG_JSON_EVENT_TRUE && kind != SG_JSON_EVENT_FALSE) {
        return wrong_value(document, key, value, "true or false", error);
    }
    *out = kind == SG_JSON_EVENT_TRUE;
    return SG_STATUS_OK;
}

sg_status sg_json_get_string(const sg_json *document, const sg_json_value *object, const char *key,
                             bool null_is_absent, const char **out, sg_error *error) {
    const sg_json_value *value = present(object, key, null_is_absent);
    if (value == NULL) {
        return SG_STATUS_OK;
    }
    if (sg_json_string(value) == NULL || node_of(value)->valueint != 0) {
        return wrong_value(document, key, value, "a string without a NUL", error);
    }
    *out = sg_json_string(value);
    return SG_STATUS_OK;
}
