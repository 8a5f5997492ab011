/* SPDX-License-Identifier: Apache-2.0 */
/* Filling an sg_error where a failure is first known; callers add only a prefix. */
#ifndef SG_BASE_ERROR_H
#define SG_BASE_ERROR_H

#include <switchgen/status.h>

/* Write code and message (printf form, cut at SG_ERROR_MESSAGE_SIZE on a UTF-8 boundary and made
 * safe) into `error` and clear its hint. Returns `code`, so that a caller can
 * `return sg_error_set(...)`. `error` may be NULL. A macro over sg_error_fill, so that the compiler
 * sees that a constant code is no success. */
#define sg_error_set(error, code, ...) (sg_error_fill((error), (code), __VA_ARGS__), (code))

/* What sg_error_set calls. */
void sg_error_fill(sg_error *error, sg_status code, const char *format, ...) SG_PRINTF(3, 4);

/* Add the hint (printf form) to a filled `error`. Returns error->code, or SG_STATUS_INTERNAL if
 * `error` is NULL. */
sg_status sg_error_hint(sg_error *error, const char *format, ...) SG_PRINTF(2, 3);

/* Put "PREFIX: " (printf form) before the message of a filled `error`. Returns its code, or `code`
 * if `error` is NULL. */
sg_status sg_error_prefix(sg_error *error, sg_status code, const char *format, ...) SG_PRINTF(3, 4);

/* Fill `error` for a failed system call: "WHAT: reason", the C library's reason in lower case, code
 * SG_STATUS_IO, or SG_STATUS_MEMORY for ENOMEM. Returns the code. */
sg_status sg_error_from_errno(sg_error *error, int errnum, const char *format, ...) SG_PRINTF(3, 4);

/* Put '?' for every control character of `text` and every byte that is no UTF-8: a hostile file
 * name or key could drive a terminal with them, and JSON cannot hold the latter. */
void sg_error_make_safe(char *text);

/* Return early on failure. */
#define SG_TRY(expression)                      \
    do {                                        \
        sg_status sg_try_status = (expression); \
        if (sg_try_status != SG_STATUS_OK) {    \
            return sg_try_status;               \
        }                                       \
    } while (0)

#endif
