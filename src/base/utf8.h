/* SPDX-License-Identifier: Apache-2.0 */
/* Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. NUL is a
 * character like any other. */
#ifndef SG_BASE_UTF8_H
#define SG_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes (1 to 4) of the valid character at the start of bytes[0..length), and its code
 * point in *code_point (may be NULL). 0 if there is none. */
size_t sg_utf8_decode(const char *bytes, size_t length, uint32_t *code_point);

/* True if all of bytes[0..length) is valid. Otherwise *bad_offset (may be NULL) is the offset of
 * the first byte that is not part of a valid character. */
bool sg_utf8_is_valid(const char *bytes, size_t length, size_t *bad_offset);

/* Number of code points in valid UTF-8. */
size_t sg_utf8_count(const char *bytes, size_t length);

/* Write `code_point` (a Unicode scalar value) to out[4]. Returns the bytes written, 1 to 4. */
size_t sg_utf8_encode(uint32_t code_point, char out[4]);

/* True if `code_point` is a letter or a digit (Unicode categories L* and N*). */
bool sg_utf8_is_alphanumeric(uint32_t code_point);

/* True if `code_point` is a combining mark, part of the character before it (category M*). */
bool sg_utf8_is_mark(uint32_t code_point);

#endif
