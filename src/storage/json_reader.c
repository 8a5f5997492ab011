/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in, events out: a state machine without recursion, whose memory is one byte a level and the
 * text of a string that has escapes. A string's bytes are checked as they are passed, and outside
 * strings only ASCII is grammar: a document that was read to SG_JSON_EVENT_END was UTF-8
 * throughout. */
#include "storage/json_reader.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/utf8.h"

/* What the reader expects next. */
enum {
    STATE_VALUE,       /* a value */
    STATE_FIRST_VALUE, /* a value or the end of an empty array */
    STATE_FIRST_KEY,   /* a key or the end of an empty object */
    STATE_KEY,         /* a key */
    STATE_COLON,       /* a colon, then a value */
    STATE_AFTER,       /* a comma or the end of the container; at depth 0 the end */
    STATE_FAILED
};

void sg_json_reader_init(sg_json_reader *reader, const char *bytes, size_t length) {
    *reader = (sg_json_reader){.bytes = bytes, .length = length, .state = STATE_VALUE};
    sg_buffer_init(&reader->scratch, length);
}

void sg_json_reader_clear(sg_json_reader *reader) {
    sg_buffer_clear(&reader->scratch);
}

/* The byte at the reader's position, or -1 at the end. */
static int peek(const sg_json_reader *reader) {
    return reader->offset < reader->length ? (unsigned char)reader->bytes[reader->offset] : -1;
}

static sg_status fail_at(sg_json_reader *reader, size_t offset, const char *what, sg_error *error) {
    reader->state = STATE_FAILED;
    if (offset >= reader->length) {
        return sg_error_set(error, SG_STATUS_BAD_JSON, "byte %zu: found the end, expected %s",
                            offset, what);
    }
    if ((unsigned char)reader->bytes[offset] > 0x20u &&
        (unsigned char)reader->bytes[offset] < 0x7fu) {
        return sg_error_set(error, SG_STATUS_BAD_JSON, "byte %zu: found '%c', expected %s", offset,
                            reader->bytes[offset], what);
    }
    return sg_error_set(error, SG_STATUS_BAD_JSON, "byte %zu: found byte 0x%02x, expected %s",
                        offset, (unsigned)(unsigned char)reader->bytes[offset], what);
}

static sg_status fail(sg_json_reader *reader, const char *what, sg_error *error) {
    return fail_at(reader, reader->offset, what, error);
}

static void skip_space(sg_json_reader *reader) {
    while (reader->offset < reader->length) {
        char c = reader->bytes[reader->offset];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return;
        }
        reader->offset++;
    }
}

/* The value of four hexadecimal digits at `offset`, or -1. */
static int32_t read_hex4(const sg_json_reader *reader, size_t offset) {
    int32_t value = 0;
    if (reader->length - offset < 4) {
        return -1;
    }
    for (size_t i = offset; i < offset + 4; i++) {
        char c = reader->bytes[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* At the four digits after "\u": append the character, which may take a second escape. */
static sg_status read_unicode_escape(sg_json_reader *reader, sg_error *error) {
    char bytes[4];
    int32_t value = read_hex4(reader, reader->offset);
    if (value < 0) {
        return fail(reader, "four hexadecimal digits after \\u", error);
    }
    if (value >= 0xdc00 && value <= 0xdfff) {
        return fail(reader, "no second half of a surrogate pair without the first", error);
    }
    reader->offset += 4;
    if (value >= 0xd800 && value <= 0xdbff) {
        int32_t low = -1;
        if (reader->length - reader->offset >= 6 && reader->bytes[reader->offset] == '\\' &&
            reader->bytes[reader->offset + 1] == 'u') {
            low = read_hex4(reader, reader->offset + 2);
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return fail(reader, "the second half of a surrogate pair (\\udc00 to \\udfff)", error);
        }
        value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
        reader->offset += 6;
    }
    (void)sg_buffer_append(&reader->scratch, bytes, sg_utf8_encode((uint32_t)value, bytes));
    return SG_STATUS_OK;
}

/* At the character after a backslash. */
static sg_status read_escape(sg_json_reader *reader, sg_error *error) {
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    int c = peek(reader);
    const char *found = c <= 0 ? NULL : strchr(from, c);
    if (c == 'u') {
        reader->offset++;
        return read_unicode_escape(reader, error);
    }
    if (found == NULL) {
        return fail(reader, "one of \"\\/bfnrtu after a backslash", error);
    }
    reader->offset++;
    (void)sg_buffer_append(&reader->scratch, &to[found - from], 1);
    return SG_STATUS_OK;
}

/* Pass the characters up to the next quote or backslash. */
static sg_status read_plain(sg_json_reader *reader, sg_error *error) {
    while (reader->offset < reader->length) {
        unsigned char c = (unsigned char)reader->bytes[reader->offset];
        size_t step = 1;
        if (c == '"' || c == '\\') {
            return SG_STATUS_OK;
        }
        if (c < 0x20u) {
            return fail(reader, "no control character in a string", error);
        }
        if (c >= 0x80u) {
            step = sg_utf8_decode(reader->bytes + reader->offset, reader->length - reader->offset,
                                  NULL);
        }
        if (step == 0) {
            return fail(reader, "UTF-8", error);
        }
        reader->offset += step;
    }
    return fail(reader, "the end of a string", error);
}

/* At a string's opening quote: pass it and point text at its characters. */
static sg_status read_string(sg_json_reader *reader, sg_error *error) {
    size_t begin = ++reader->offset;
    sg_buffer *scratch = &reader->scratch;
    SG_TRY(read_plain(reader, error));
    if (reader->bytes[reader->offset] == '"') {
        reader->text = reader->bytes + begin;
        reader->text_length = reader->offset++ - begin;
        return SG_STATUS_OK;
    }
    sg_buffer_reset(scratch);
    (void)sg_buffer_append(scratch, reader->bytes + begin, reader->offset - begin);
    while (reader->bytes[reader->offset] == '\\') {
        reader->offset++;
        SG_TRY(read_escape(reader, error));
        begin = reader->offset;
        SG_TRY(read_plain(reader, error));
        (void)sg_buffer_append(scratch, reader->bytes + begin, reader->offset - begin);
    }
    reader->offset++;
    if (scratch->status != SG_STATUS_OK) {
        reader->state = STATE_FAILED;
        return sg_memory_error(error, "a JSON string", scratch->length);
    }
    reader->text = scratch->data;
    reader->text_length = scratch->length;
    return SG_STATUS_OK;
}

/* Pass one digit or more. */
static sg_status read_digits(sg_json_reader *reader, sg_error *error) {
    if (peek(reader) < '0' || peek(reader) > '9') {
        return fail(reader, "a digit", error);
    }
    while (peek(reader) >= '0' && peek(reader) <= '9') {
        reader->offset++;
    }
    return SG_STATUS_OK;
}

/* A number as serde_json 1.0 takes it apart: as many leading digits as fit 64 bits, and an
 * exponent. */
typedef struct serde_number {
    uint64_t significand;
    int64_t exponent;
    bool full; /* a digit did not fit; later ones are left out */
} serde_number;

/* Take in the digits at text[at..length); returns where they end. */
static size_t take_digits(const char *text, size_t length, size_t at, bool after_point,
                          serde_number *number) {
    for (; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
        uint64_t longer;
        number->full = number->full || __builtin_mul_overflow(number->significand, 10u, &longer) ||
                       __builtin_add_overflow(longer, (uint64_t)(text[at] - '0'), &longer);
        if (!number->full) {
            number->significand = longer;
        }
        number->exponent += (after_point ? 0 : 1) - (number->full ? 0 : 1);
    }
    return at;
}

/* True if serde_json finds the number text[0..length) too large. It multiplies a rounded
 * significand by a rounded power of ten, which near the largest double overflows for some numbers
 * that a double can hold. They are refused here too: this reader is never looser.
 * NOTE: 1.7976931348623158e308 is one. */
static bool overflows_in_serde(const char *text, size_t length) {
    serde_number number = {0};
    char power_text[32];
    double power = 0.0;
    size_t at = take_digits(text, length, text[0] == '-' ? 1 : 0, false, &number);
    if (at < length && text[at] == '.') {
        number.full = false; /* serde_json tries again after the point */
        at = take_digits(text, length, at + 1, true, &number);
    }
    if (at < length) { /* the exponent: beyond 2^31 the number was refused or is 0 */
        bool negative = text[at + 1] == '-';
        int64_t exponent = 0;
        at += text[at + 1] == '-' || text[at + 1] == '+' ? 2 : 1;
        for (; at < length && exponent < INT32_MAX; at++) {
            exponent = exponent * 10 + (text[at] - '0');
        }
        number.exponent += negative ? -exponent : exponent;
    }
    if (number.significand == 0 || number.exponent < 0) {
        return false;
    }
    (void)snprintf(power_text, sizeof power_text, "1e%" PRId64, number.exponent);
    return !sg_number_parse_f64(power_text, strlen(power_text), &power) ||
           !isfinite((double)number.significand * power);
}

static sg_status read_number(sg_json_reader *reader, sg_error *error) {
    /* 300 digits without an exponent stay below the largest double. */
    bool may_overflow = false;
    size_t begin = reader->offset;
    double value;
    reader->offset += peek(reader) == '-' ? 1 : 0;
    if (peek(reader) == '0') {
        reader->offset++;
    } else {
        SG_TRY(read_digits(reader, error));
    }
    if (peek(reader) == '.') {
        reader->offset++;
        SG_TRY(read_digits(reader, error));
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        may_overflow = true;
        reader->offset++;
        reader->offset += peek(reader) == '+' || peek(reader) == '-' ? 1 : 0;
        SG_TRY(read_digits(reader, error));
    }
    reader->text = reader->bytes + begin;
    reader->text_length = reader->offset - begin;
    if ((may_overflow || reader->text_length > 300) &&
        (!sg_number_parse_f64(reader->text, reader->text_length, &value) ||
         overflows_in_serde(reader->text, reader->text_length))) {
        return fail_at(reader, begin, "a number that a double can hold", error);
    }
    return SG_STATUS_OK;
}

static sg_status read_word(sg_json_reader *reader, const char *word, sg_error *error) {
    size_t length = strlen(word);
    if (reader->length - reader->offset < length ||
        memcmp(reader->bytes + reader->offset, word, length) != 0) {
        return fail(reader, "a value", error);
    }
    reader->offset += length;
    return SG_STATUS_OK;
}

static sg_status begin_container(sg_json_reader *reader, bool is_object, sg_error *error) {
    if (reader->depth == SG_JSON_MAX_DEPTH) {
        return fail(reader, "at most 127 levels of nesting", error);
    }
    reader->offset++;
    reader->is_object[reader->depth++] = is_object;
    reader->state = is_object ? STATE_FIRST_KEY : STATE_FIRST_VALUE;
    return SG_STATUS_OK;
}

static void end_container(sg_json_reader *reader) {
    reader->offset++;
    reader->depth--;
    reader->state = STATE_AFTER;
}

static sg_status read_value(sg_json_reader *reader, sg_json_event *event, sg_error *error) {
    int c = peek(reader);
    reader->begin = reader->offset;
    reader->state = STATE_AFTER;
    switch (c) {
    case '{':
        *event = SG_JSON_EVENT_OBJECT_BEGIN;
        return begin_container(reader, true, error);
    case '[':
        *event = SG_JSON_EVENT_ARRAY_BEGIN;
        return begin_container(reader, false, error);
    case '"':
        *event = SG_JSON_EVENT_STRING;
        return read_string(reader, error);
    case 't':
        *event = SG_JSON_EVENT_TRUE;
        return read_word(reader, "true", error);
    case 'f':
        *event = SG_JSON_EVENT_FALSE;
        return read_word(reader, "false", error);
    case 'n':
        *event = SG_JSON_EVENT_NULL;
        return read_word(reader, "null", error);
    default:
        if (c != '-' && (c < '0' || c > '9')) {
            return fail(reader, "a value", error);
        }
        *event = SG_JSON_EVENT_NUMBER;
        return read_number(reader, error);
    }
}

static sg_status read_key(sg_json_reader *reader, sg_json_event *event, sg_error *error) {
    if (peek(reader) != '"') {
        return fail(reader, "a key in quotes", error);
    }
    reader->begin = reader->offset;
    reader->state = STATE_COLON;
    *event = SG_JSON_EVENT_KEY;
    return read_string(reader, error);
}

/* After a whole value: what follows depends on the container it was in. */
static sg_status read_after(sg_json_reader *reader, sg_json_event *event, sg_error *error) {
    int c = peek(reader);
    bool is_object;
    if (reader->depth == 0) {
        *event = SG_JSON_EVENT_END;
        return c < 0 ? SG_STATUS_OK : fail(reader, "nothing after the document", error);
    }
    is_object = reader->is_object[reader->depth - 1] != 0;
    if (c == (is_object ? '}' : ']')) {
        *event = is_object ? SG_JSON_EVENT_OBJECT_END : SG_JSON_EVENT_ARRAY_END;
        end_container(reader);
        return SG_STATUS_OK;
    }
    if (c != ',') {
        return fail(reader, is_object ? "',' or '}'" : "',' or ']'", error);
    }
    reader->offset++;
    skip_space(reader);
    return is_object ? read_key(reader, event, error) : read_value(reader, event, error);
}

sg_status sg_json_reader_next(sg_json_reader *reader, sg_json_event *event, sg_error *error) {
    skip_space(reader);
    switch (reader->state) {
    case STATE_AFTER:
        return read_after(reader, event, error);
    case STATE_FIRST_KEY:
        if (peek(reader) == '}') {
            *event = SG_JSON_EVENT_OBJECT_END;
            end_container(reader);
            return SG_STATUS_OK;
        }
        return read_key(reader, event, error);
    case STATE_FIRST_VALUE:
        if (peek(reader) == ']') {
            *event = SG_JSON_EVENT_ARRAY_END;
            end_container(reader);
            return SG_STATUS_OK;
        }
        return read_value(reader, event, error);
    case STATE_COLON:
        if (peek(reader) != ':') {
            return fail(reader, "':' after a key", error);
        }
        reader->offset++;
        skip_space(reader);
        return read_value(reader, event, error);
    case STATE_VALUE:
        return read_value(reader, event, error);
    default:
        return sg_error_set(error, SG_STATUS_BAD_JSON, "byte %zu: reading failed before",
                            reader->offset);
    }
}

sg_status sg_json_reader_skip(sg_json_reader *reader, sg_json_event begun, sg_error *error) {
    unsigned outside = reader->depth - 1;
    if (begun != SG_JSON_EVENT_OBJECT_BEGIN && begun != SG_JSON_EVENT_ARRAY_BEGIN) {
        return SG_STATUS_OK;
    }
    assert(reader->depth > 0);
    while (reader->depth > outside) {
        SG_TRY(sg_json_reader_next(reader, &begun, error));
    }
    return SG_STATUS_OK;
}

bool sg_json_number_u64(const sg_json_reader *reader, uint64_t *out) {
    uint64_t value = 0;
    if (reader->text_length == 0 || (reader->text[0] == '0' && reader->text_length > 1)) {
        return false;
    }
    for (size_t i = 0; i < reader->text_length; i++) {
        char c = reader->text[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (unsigned)(c - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}
