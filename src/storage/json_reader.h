/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON as events: every byte from outside passes this reader first.
 *
 * It accepts what serde_json accepts and nothing else: valid UTF-8, RFC 8259 grammar and white
 * space, no BOM, no raw control characters in strings, no lone surrogate escapes, no number that
 * overflows a double, at most 127 levels of nesting. Duplicate keys are the caller's to judge. */
#ifndef SG_STORAGE_JSON_READER_H
#define SG_STORAGE_JSON_READER_H

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
sg_status sg_json_reader_next(sg_json_reader *reader, sg_json_event *event,
                              sg_error *error) SG_MUST_CHECK;

/* After an event that begins a value: skip to that value's end (checking all of it). */
sg_status sg_json_reader_skip(sg_json_reader *reader, sg_json_event begun,
                              sg_error *error) SG_MUST_CHECK;

/* The number of the last NUMBER event as an unsigned integer written plainly ("12"; not "12.0",
 * "-0", "1e1"). False if it is not one or does not fit. */
bool sg_json_number_u64(const sg_json_reader *reader, uint64_t *out);

#endif
