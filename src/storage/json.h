/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of small JSON documents, checked by the strict reader (json_reader.h), with typed getters.
 * The only file that includes cJSON is json.c. */
#ifndef SG_STORAGE_JSON_H
#define SG_STORAGE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "storage/json_reader.h"

/* A checked tree of a small document. */
typedef struct sg_json sg_json;             /* the document; owns everything below */
typedef struct sg_json_value sg_json_value; /* a borrowed node */

/* Check and parse bytes[0..length). `name` (borrowed during the call) begins messages. Duplicate
 * keys are refused with SG_STATUS_MODEL naming the key. Errors: SG_STATUS_BAD_JSON, _MODEL,
 * _MEMORY. On success *document is owned by the caller. */
sg_status sg_json_parse(const char *name, const char *bytes, size_t length, sg_json **document,
                        sg_error *error) SG_MUST_CHECK;

/* Read the file at `path` (at most `maximum` bytes) and parse it; messages begin with `path`.
 * Errors: those of reading it; SG_STATUS_MODEL where it is no JSON. */
sg_status sg_json_parse_file(const char *path, size_t maximum, sg_json **document,
                             sg_error *error) SG_MUST_CHECK;

/* Free a document. NULL is allowed. */
void sg_json_destroy(sg_json *document);

/* The top value. Never NULL. */
const sg_json_value *sg_json_root(const sg_json *document);

/* What kind of value: SG_JSON_EVENT_OBJECT_BEGIN, _ARRAY_BEGIN, _STRING, _NUMBER, _TRUE, _FALSE or
 * _NULL. */
sg_json_event sg_json_kind(const sg_json_value *value);

/* The member `key` (exact case) of an object; NULL if it is absent or `object` is no object. */
const sg_json_value *sg_json_member(const sg_json_value *object, const char *key);

/* Number of members or elements; 0 for other kinds. */
size_t sg_json_count(const sg_json_value *value);

/* Member or element `index` in document order, with its key (NULL in arrays) in *key (may be NULL).
 */
const sg_json_value *sg_json_at(const sg_json_value *value, size_t index, const char **key);

/* Typed, range-checked getters. `document` gives messages their beginning and numbers their
 * spelling: an integer must be written as one (768.0 is refused). An absent key leaves *out alone
 * and is success; a null counts as absent only where `null_is_absent`. Failure is SG_STATUS_MODEL:
 * name, key, the value found, the range expected. */
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
