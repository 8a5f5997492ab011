/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a mandatory maximum. A failure sticks: appends may be chained and
 * the status asked for once at the end. */
#ifndef SG_BASE_BUFFER_H
#define SG_BASE_BUFFER_H

#include <stddef.h>

#include <switchgen/status.h>

typedef struct sg_buffer {
    char *data;       /* NUL-terminated when not NULL; may hold NULs before */
    size_t length;    /* bytes, without the final NUL */
    size_t capacity;  /* bytes allocated */
    size_t maximum;   /* most bytes it may hold */
    sg_status status; /* first failure: SG_STATUS_MEMORY, or SG_STATUS_TOO_LONG over the maximum */
} sg_buffer;

/* An empty buffer that may grow to `maximum` bytes. Allocates nothing. */
void sg_buffer_init(sg_buffer *buffer, size_t maximum);

/* Release the memory; the buffer is empty and usable again with the same maximum. */
void sg_buffer_clear(sg_buffer *buffer);

/* Forget the contents and the failure but keep the memory. */
void sg_buffer_reset(sg_buffer *buffer);

/* Append `length` bytes. Returns buffer->status. */
sg_status sg_buffer_append(sg_buffer *buffer, const void *bytes, size_t length);

/* Append a NUL-terminated string. Returns buffer->status. */
sg_status sg_buffer_append_text(sg_buffer *buffer, const char *text);

/* Append in printf form. Returns buffer->status. */
sg_status sg_buffer_append_format(sg_buffer *buffer, const char *format, ...) SG_PRINTF(2, 3);

/* Hand the bytes to the caller (freed with sg_memory_free; NUL-terminated, never NULL on success)
 * and leave the buffer empty. *length may be NULL. Errors: buffer->status. */
sg_status sg_buffer_take(sg_buffer *buffer, char **data, size_t *length) SG_MUST_CHECK;

#endif
