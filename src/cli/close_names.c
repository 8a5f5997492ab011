/* SPDX-License-Identifier: Apache-2.0 */
/* Distance between words: restricted Damerau-Levenshtein over three rows of fixed size. */
#include "cli/close_names.h"

#include <string.h>

/* Longer words have no close names here; every option and command is shorter. */
#define MAX_WORD 40

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t rows[3][MAX_WORD + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        const size_t *above = rows[(i - 1) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = smaller(change, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = smaller(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[a_length % 3][b_length];
}

bool sg_close_names_match(const char *typed, size_t length, const char *name) {
    size_t name_length = strlen(name);
    size_t shorter = smaller(length, name_length);
    if (length == 0 || length > MAX_WORD || name_length > MAX_WORD) {
        return false;
    }
    if (shorter >= 3 && memcmp(typed, name, shorter) == 0) {
        return true;
    }
    return distance(typed, length, name, name_length) <= (shorter <= 4 ? 1u : 2u);
}
