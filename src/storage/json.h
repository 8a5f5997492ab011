/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON: every byte from outside passes this reader first.
 *
 * It accepts what serde_json accepts and nothing else: valid UTF-8, RFC 8259 grammar and white space,
 * no BOM, no raw control characters in strings, no lone surrogate escapes, no number that overflows a
 * double, at most 127 levels of nesting. Two ways to use it: events over the bytes (large documents,
 * nothing allocated), or a checked cJSON tree (small documents). The only file that includes cJSON is
 * json.c. */
#ifndef SG_STORAGE_JSON_H
#define SG_STORAGE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "base/buffer.h"

#define SG_JSON_MAX_DEPTH 127

typedef enum sg_json_event {
    SG_JSON_EVENT_END = 0, /* the document is complete, only white space followed */
    SG_JSON_EVENT_OBJECT_BEGIN,
    SG_JSON_EVENT_OBJECT_END,
    SG_JSON_EVENT_ARRAY_BEGIN,
    SG_JSON_EVENT_ARRAY_END,
    SG_JSON_EVENT_KEY,    /* text: the unescaped key */
    SG_JSON_EVENT_STRING, /* text: the unescaped string */
    SG_JSON_EVENT_NUMBER, /* text: the number as written */
    SG_JSON_EVENT_TRUE,
    SG_JSON_EVENT_FALSE,
    SG_JSON_EVENT_NULL
} sg_json_event;

/* A pull reader over bytes in memory; the bytes are borrowed and never copied, except strings with
 * escapes, which are unescaped into `scratch`. */
typedef struct sg_json_reader {
    const char *bytes;
    size_t length;
    size_t offset; /* of the next unread byte */
    size_t begin;  /* where the last event's value begins, as written */
    const char *text;
    size_t text_length;
    sg_buffer scratch;
    unsigned depth;
    unsigned state;
    unsigned char is_object[SG_JSON_MAX_DEPTH + 1];
} sg_json_reader;

/* Begin reading bytes[0..length). Allocates nothing. */
void sg_json_reader_init(sg_json_reader *reader, const char *bytes, size_t length);

/* Release the scratch memory. */
void sg_json_reader_clear(sg_json_reader *reader);

/* The next event; text[0..text_length) (no NUL; may hold NULs) is valid until the next call.
 * Errors: SG_STATUS_BAD_JSON with the byte offset and what was found; SG_STATUS_MEMORY. */
sg_status sg_json_reader_next(sg_json_reader *reader, sg_json_event *event, sg_error *error) SG_MUST_CHECK;

/* After an event that begins a value: skip to that value's end (checking all of it). */
sg_status sg_json_reader_skip(sg_json_reader *reader, sg_json_event begun, sg_error *error) SG_MUST_CHECK;

/* The number of the last NUMBER event as an unsigned integer written plainly ("12"; not "12.0", "-0",
 * "1e1"). False if it is not one or does not fit. */
bool sg_json_number_u64(const sg_json_reader *reader, uint64_t *out);

/* A checked tree of a small document. */
typedef struct sg_json sg_json;             /* the document; owns everything below */
typedef struct sg_json_value sg_json_value; /* a borrowed node */

/* Check and parse bytes[0..length). `name` (borrowed during the call) begins messages. Duplicate keys are
 * refused with SG_STATUS_MODEL naming the key. Errors: SG_STATUS_BAD_JSON, _MODEL, _MEMORY. On success
 * *document is owned by the caller. */
sg_status sg_json_parse(const char *name, const char *bytes, size_t length, sg_json **document,
                        sg_error *error) SG_MUST_CHECK;

/* Read the file at `path` (at most `maximum` bytes) and parse it; messages begin with `path`. */
sg_status sg_json_parse_file(const char *path, size_t maximum, sg_json **document,
                             sg_error *error) SG_MUST_CHECK;

/* Free a document. NULL is allowed. */
void sg_json_destroy(sg_json *document);

/* The top value. Never NULL. */
const sg_json_value *sg_json_root(const sg_json *document);

/* What kind of value: SG_JSON_EVENT_OBJECT_BEGIN, _ARRAY_BEGIN, _STRING, _NUMBER, _TRUE, _FALSE or _NULL. */
sg_json_event sg_json_kind(const sg_json_value *value);

/* The member `key` (exact case) of an object; NULL if it is absent or `object` is no object. */
const sg_json_value *sg_json_member(const sg_json_value *object, const char *key);

/* Number of members or elements; 0 for other kinds. */
size_t sg_json_count(const sg_json_value *value);

/* Member or element `index` in document order, with its key (NULL in arrays) in *key (may be NULL). */
const sg_json_value *sg_json_at(const sg_json_value *value, size_t index, const char **key);

/* Typed, range-checked getters. `document` gives messages their beginning and numbers their spelling: an
 * integer must be written as one (768.0 is refused). An absent key leaves *out alone and is success; a
 * null counts as absent only where `null_is_absent`. Failure is SG_STATUS_MODEL: name, key, the value
 * found, the range expected. */
sg_status sg_json_get_i64(const sg_json *document, const sg_json_value *object, const char *key,
                          int64_t minimum, int64_t maximum, bool null_is_absent, int64_t *out,
                          sg_error *error) SG_MUST_CHECK;
sg_status sg_json_get_f64(const sg_json *document, const sg_json_value *object, const char *key,
                          double minimum, double maximum, bool null_is_absent, double *out,
                          sg_error *error) SG_MUST_CHECK;
sg_status sg_json_get_bool(const sg_json *document, const sg_json_value *object, const char *key,
                           bool null_is_absent, bool *out, sg_error *error) SG_MUST_CHECK;
/* *out is borrowed from the document; strings with NUL inside are refused. */
sg_status sg_json_get_string(const sg_json *document, const sg_json_value *object, const char *key,
                             bool null_is_absent, const char **out, sg_error *error) SG_MUST_CHECK;

/* The text of a string value as a NUL-terminated string; NULL for other kinds. Borrowed. */
const char *sg_json_string(const sg_json_value *value);

/* The number as written, exactly ("768", "1e-06"). Borrowed; NULL for other kinds. */
const char *sg_json_number_text(const sg_json_value *value);

#endif
