/* SPDX-License-Identifier: Apache-2.0 */
/* Values in, JSON bytes out. Failures stick in the buffer; the caller asks it once at the end. */
#include "storage/json_writer.h"

#include <inttypes.h>
#include <math.h>

#include "base/number.h"

/* The escape of `byte`, or NULL if it stands for itself. Only control characters without a short
 * form use `space`. */
static const char *escape(unsigned char byte, char space[8]) {
    static const char hex[] = "0123456789abcdef";
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (byte >= 0x20u) {
            return NULL;
        }
        space[0] = '\\';
        space[1] = 'u';
        space[2] = space[3] = '0';
        space[4] = hex[byte >> 4];
        space[5] = hex[byte & 0x0fu];
        space[6] = '\0';
        return space;
    }
}

void sg_json_write_string(sg_buffer *buffer, const char *text, size_t length) {
    size_t plain = 0; /* where the stretch that needs no escape begins */
    char space[8];
    (void)sg_buffer_append(buffer, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        const char *escaped = escape((unsigned char)text[i], space);
        if (escaped != NULL) {
            (void)sg_buffer_append(buffer, text + plain, i - plain);
            (void)sg_buffer_append_text(buffer, escaped);
            plain = i + 1;
        }
    }
    if (plain < length) {
        (void)sg_buffer_append(buffer, text + plain, length - plain);
    }
    (void)sg_buffer_append(buffer, "\"", 1);
}

void sg_json_write_f32(sg_buffer *buffer, float value) {
    char text[SG_NUMBER_F32_SIZE];
    if (!isfinite(value)) {
        (void)sg_buffer_append(buffer, "null", 4);
        return;
    }
    (void)sg_buffer_append(buffer, text, sg_number_format_f32(value, text));
}

void sg_json_write_i64(sg_buffer *buffer, int64_t value) {
    (void)sg_buffer_append_format(buffer, "%" PRId64, value);
}

void sg_json_write_ids(sg_buffer *buffer, const int32_t *ids, size_t count) {
    (void)sg_buffer_append(buffer, "[", 1);
    for (size_t i = 0; i < count; i++) {
        (void)sg_buffer_append_format(buffer, i == 0 ? "%" PRId32 : ",%" PRId32, ids[i]);
    }
    (void)sg_buffer_append(buffer, "]", 1);
}
