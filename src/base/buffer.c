/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles as it grows; the first failure is kept and later appends do nothing. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

void sg_buffer_init(sg_buffer *buffer, size_t maximum) {
    *buffer = (sg_buffer){.maximum = maximum};
}

void sg_buffer_clear(sg_buffer *buffer) {
    sg_memory_free(buffer->data);
    sg_buffer_init(buffer, buffer->maximum);
}

void sg_buffer_reset(sg_buffer *buffer) {
    buffer->length = 0;
    buffer->status = SG_STATUS_OK;
    if (buffer->data != NULL) {
        buffer->data[0] = '\0';
    }
}

/* Make room for `extra` more bytes and the final NUL. */
static sg_status reserve(sg_buffer *buffer, size_t extra) {
    size_t needed;
    size_t capacity;
    char *data;
    if (buffer->status != SG_STATUS_OK) {
        return buffer->status;
    }
    if (!sg_checked_add(buffer->length, extra, &needed) || needed > buffer->maximum ||
        !sg_checked_add(needed, 1, &needed)) {
        buffer->status = SG_STATUS_TOO_LONG;
        return buffer->status;
    }
    if (needed <= buffer->capacity) {
        return SG_STATUS_OK;
    }
    capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
    while (capacity < needed) {
        if (!sg_checked_mul(capacity, 2, &capacity)) {
            capacity = needed;
        }
    }
    data = sg_memory_resize(buffer->data, capacity, 1);
    if (data == NULL) {
        buffer->status = SG_STATUS_MEMORY;
        return buffer->status;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return SG_STATUS_OK;
}

sg_status sg_buffer_append(sg_buffer *buffer, const void *bytes, size_t length) {
    SG_TRY(reserve(buffer, length));
    if (length > 0) {
        memcpy(buffer->data + buffer->length, bytes, length);
    }
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return SG_STATUS_OK;
}

sg_status sg_buffer_append_text(sg_buffer *buffer, const char *text) {
    return sg_buffer_append(buffer, text, strlen(text));
}

sg_status sg_buffer_append_format(sg_buffer *buffer, const char *format, ...) {
    va_list arguments;
    int length;
    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buffer->status = SG_STATUS_INTERNAL;
        return buffer->status;
    }
    SG_TRY(reserve(buffer, (size_t)length));
    va_start(arguments, format);
    (void)vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
    return SG_STATUS_OK;
}

sg_status sg_buffer_take(sg_buffer *buffer, char **data, size_t *length) {
    SG_TRY(reserve(buffer, 0));
    buffer->data[buffer->length] = '\0';
    *data = buffer->data;
    if (length != NULL) {
        *length = buffer->length;
    }
    sg_buffer_init(buffer, buffer->maximum);
    return SG_STATUS_OK;
}
