/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of files; the one door to libcrypto. */
#ifndef SG_STORAGE_DIGEST_H
#define SG_STORAGE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/status.h>

#define SG_DIGEST_HEX_SIZE 65

/* Lower-case hex SHA-256 of bytes[0..length), NUL-terminated. Errors: SG_STATUS_MEMORY, _INTERNAL.
 */
sg_status sg_digest_sha256(const void *bytes, size_t length, char hex[SG_DIGEST_HEX_SIZE],
                           sg_error *error) SG_MUST_CHECK;

/* The same of the regular file at `path`, read in pieces. Errors: SG_STATUS_NOT_FOUND, _MODEL (no
 * regular file), _IO, _MEMORY, _INTERNAL. */
sg_status sg_digest_sha256_file(const char *path, char hex[SG_DIGEST_HEX_SIZE],
                                sg_error *error) SG_MUST_CHECK;

/* The same; ends soon with SG_STATUS_IO once stop(context) is true (NULL: never). */
sg_status sg_digest_sha256_file_until(const char *path, bool (*stop)(void *context), void *context,
                                      char hex[SG_DIGEST_HEX_SIZE], sg_error *error) SG_MUST_CHECK;

#endif
