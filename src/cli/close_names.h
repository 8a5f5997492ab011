/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": which known names are a slip of the finger away from what was typed. */
#ifndef SG_CLI_CLOSE_NAMES_H
#define SG_CLI_CLOSE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* True if `typed` (length bytes) could be a misspelling of `name`: at most two letters inserted,
 * left out, changed or swapped (one for words of up to four letters), or one is the beginning of
 * the other from the third letter on. */
bool sg_close_names_match(const char *typed, size_t length, const char *name);

#endif
