/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON values into a buffer. Commas and structure are the caller's. */
#ifndef SG_STORAGE_JSON_WRITER_H
#define SG_STORAGE_JSON_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Append a string in quotes; `text` is valid UTF-8, may hold NULs. Escapes only what RFC 8259
 * demands (quote, backslash, control characters); everything else is written as it is. */
void sg_json_write_string(sg_buffer *buffer, const char *text, size_t length);

/* Append the shortest decimal that reads back as the same float32; null if not finite. */
void sg_json_write_f32(sg_buffer *buffer, float value);

/* Append a whole number. */
void sg_json_write_i64(sg_buffer *buffer, int64_t value);

/* Append "[1,2,3]". */
void sg_json_write_ids(sg_buffer *buffer, const int32_t *ids, size_t count);

#endif
