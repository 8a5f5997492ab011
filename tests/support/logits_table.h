/* SPDX-License-Identifier: Apache-2.0 */
/* A hand-written "model" for tests of searches: probabilities of the next token by the tokens so
 * far. */
#ifndef SG_TEST_LOGITS_TABLE_H
#define SG_TEST_LOGITS_TABLE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "search/search.h"

#define LOGITS_TABLE_MAX_VOCAB 16
#define LOGITS_TABLE_MAX_LENGTH 32

/* After a sequence (start token left out) that ends with `suffix`, token t has probability p[t].
 * The first row that fits is taken, so longer ones come first. */
typedef struct logits_row {
    const char *suffix; /* tokens as digits, "" fits always, "^" only the empty sequence */
    double p[LOGITS_TABLE_MAX_VOCAB];
} logits_row;

typedef struct logits_table {
    const logits_row *rows;
    size_t row_count;
    size_t vocab_size;
} logits_table;

/* The tokens of each live row, as digits. */
typedef struct logits_walk {
    char text[SG_SEARCH_MAX_BEAMS][LOGITS_TABLE_MAX_LENGTH + 1];
    size_t count;
} logits_walk;

static inline const double *logits_table_find(const logits_table *table, const char *text) {
    for (size_t i = 0; i < table->row_count; i++) {
        const char *suffix = table->rows[i].suffix;
        size_t length = strlen(suffix);
        if (strcmp(suffix, "^") == 0
                ? text[0] == '\0'
                : length <= strlen(text) && strcmp(text + strlen(text) - length, suffix) == 0) {
            return table->rows[i].p;
        }
    }
    return NULL;
}

/* Follow the rows that live on. False if one continues a row that was not scored. */
static inline bool logits_walk_step(logits_walk *walk, const sg_search_row *rows, size_t count) {
    logits_walk before = *walk;
    walk->count = count;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].parent < 0 || (size_t)rows[i].parent >= before.count) {
            return false;
        }
        (void)snprintf(walk->text[i], sizeof walk->text[i], "%.*s%d", LOGITS_TABLE_MAX_LENGTH - 1,
                       before.text[rows[i].parent], (int)rows[i].token);
    }
    return true;
}

/* Run a search over the table until it is done, or `limit` steps. Returns the last status,
 * SG_STATUS_INTERNAL for an answer that breaks the contract. */
static inline sg_status logits_table_run(const logits_table *table, sg_search *search, size_t limit,
                                         sg_error *error) {
    static float logits[SG_SEARCH_MAX_BEAMS * LOGITS_TABLE_MAX_VOCAB];
    sg_search_row rows[SG_SEARCH_MAX_BEAMS];
    logits_walk walk = {.count = 1};
    sg_status status = SG_STATUS_OK;
    for (size_t step = 0; step < limit && status == SG_STATUS_OK && !sg_search_is_done(search);
         step++) {
        size_t count = 0;
        for (size_t i = 0; i < walk.count; i++) {
            const double *p = logits_table_find(table, walk.text[i]);
            for (size_t t = 0; t < table->vocab_size; t++) {
                logits[i * table->vocab_size + t] = (float)log(p[t]);
            }
        }
        status = sg_search_advance(search, logits, rows, &count, error);
        if (status == SG_STATUS_OK && !logits_walk_step(&walk, rows, count)) {
            status = SG_STATUS_INTERNAL;
        }
    }
    return status;
}

/* Result `rank` as digits in a static buffer. */
static inline const char *logits_result_text(const sg_search *search, size_t rank) {
    static char text[LOGITS_TABLE_MAX_LENGTH + 1];
    sg_search_hypothesis result = sg_search_result(search, rank);
    size_t i;
    for (i = 0; i < result.count && i < LOGITS_TABLE_MAX_LENGTH; i++) {
        text[i] = (char)('0' + result.ids[i]);
    }
    text[i] = '\0';
    return text;
}

/* Options with everything off: greedy, start token 0, end token 1. */
static inline sg_search_options logits_options(size_t vocab_size, size_t num_beams,
                                               size_t max_new_tokens) {
    static const int32_t end_token = 1;
    return (sg_search_options){.vocab_size = vocab_size,
                               .num_beams = num_beams,
                               .num_return_sequences = 1,
                               .max_new_tokens = max_new_tokens,
                               .length_penalty = 1.0,
                               .repetition_penalty = 1.0,
                               .early_stopping = SG_EARLY_STOPPING_FALSE,
                               .start_token = 0,
                               .eos_ids = &end_token,
                               .eos_count = 1};
}

#endif
