/* SPDX-License-Identifier: Apache-2.0 */
/* Search settings as tools/reference/make_search_cases.py writes them, and the fake model that both
 * sides compute: see there for the format and the formula. */
#ifndef SG_TEST_SEARCH_CASES_H
#define SG_TEST_SEARCH_CASES_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/search.h"

#define SEARCH_CASE_MAX_VOCAB 256
#define SEARCH_CASE_MAX_ENDS 8
#define SEARCH_CASE_MAX_TOKENS 64

typedef struct search_case {
    uint64_t seed;
    float spread, bonus;
    sg_search_options options;
    int32_t ends[SEARCH_CASE_MAX_ENDS];
} search_case;

/* Take the next number out of *text. */
static inline double search_case_number(char **text) {
    return strtod(*text, text);
}

static inline size_t search_case_size(char **text) {
    return (size_t)strtoull(*text, text, 10);
}

/* Read a line that begins with "case ". False if it is not one or does not fit. */
static inline bool search_case_read(char *line, search_case *made) {
    static const sg_early_stopping early[] = {SG_EARLY_STOPPING_FALSE, SG_EARLY_STOPPING_TRUE,
                                              SG_EARLY_STOPPING_NEVER};
    sg_search_options *options = &made->options;
    if (strncmp(line, "case ", 5) != 0) {
        return false;
    }
    line += 5;
    made->seed = strtoull(line, &line, 10);
    options->vocab_size = search_case_size(&line);
    made->spread = (float)search_case_number(&line);
    made->bonus = (float)search_case_number(&line);
    options->start_token = (int32_t)search_case_number(&line);
    options->num_beams = search_case_size(&line);
    options->num_return_sequences = search_case_size(&line);
    options->max_new_tokens = search_case_size(&line);
    options->min_new_tokens = search_case_size(&line);
    options->min_length = search_case_size(&line);
    options->no_repeat_ngram_size = search_case_size(&line);
    options->early_stopping = early[search_case_size(&line) % 3];
    options->length_penalty = search_case_number(&line);
    options->repetition_penalty = search_case_number(&line);
    options->eos_count = search_case_size(&line);
    options->eos_ids = made->ends;
    if (options->vocab_size > SEARCH_CASE_MAX_VOCAB || options->eos_count > SEARCH_CASE_MAX_ENDS ||
        options->max_new_tokens > SEARCH_CASE_MAX_TOKENS) {
        return false;
    }
    for (size_t i = 0; i < options->eos_count; i++) {
        made->ends[i] = (int32_t)search_case_number(&line);
    }
    return true;
}

/* splitmix64's finaliser (Steele, Lea, Flood 2014). */
static inline uint64_t search_case_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* Logits [V] after the tokens `before`, `last`; before is -1 where there is none. */
static inline void search_case_logits(const search_case *made, int32_t before, int32_t last,
                                      float *logits) {
    uint64_t base = made->seed + (uint64_t)(before + 1) * UINT64_C(0x9E3779B97F4A7C15) +
                    (uint64_t)(last + 1) * UINT64_C(0xC2B2AE3D27D4EB4F);
    for (size_t t = 0; t < made->options.vocab_size; t++) {
        uint64_t x = base + (uint64_t)(t + 1) * UINT64_C(0x165667B19E3779F9);
        float v = (float)(search_case_mix(x) >> 40) * 0x1p-24F;
        float add = -2.0F;
        for (size_t i = 0; i < made->options.eos_count; i++) {
            if (made->ends[i] == (int32_t)t) {
                add = -2.0F + made->bonus;
            }
        }
        float scaled = v * v * v * made->spread; /* a power of two, so rounded once */
        logits[t] = scaled + add;
    }
}

/* Run a search over the fake model to its end. */
static inline sg_status search_case_run(const search_case *made, sg_search *search,
                                        sg_error *error) {
    static float logits[SG_SEARCH_MAX_BEAMS * SEARCH_CASE_MAX_VOCAB];
    int32_t pairs[SG_SEARCH_MAX_BEAMS][2] = {{-1, made->options.start_token}};
    sg_search_row rows[SG_SEARCH_MAX_BEAMS];
    size_t count = 1;
    while (count > 0) {
        int32_t old[SG_SEARCH_MAX_BEAMS][2];
        for (size_t i = 0; i < count; i++) {
            search_case_logits(made, pairs[i][0], pairs[i][1],
                               logits + i * made->options.vocab_size);
        }
        sg_status status = sg_search_advance(search, logits, rows, &count, error);
        if (status != SG_STATUS_OK) {
            return status;
        }
        memcpy(old, pairs, sizeof old);
        for (size_t i = 0; i < count; i++) {
            pairs[i][0] = old[rows[i].parent][1];
            pairs[i][1] = rows[i].token;
        }
    }
    return SG_STATUS_OK;
}

/* The smallest margin of a search that is done. */
static inline float search_case_margin(const sg_search *search) {
    size_t count;
    const float *margins = sg_search_margins(search, &count);
    float least = margins[0];
    for (size_t i = 1; i < count; i++) {
        least = margins[i] < least ? margins[i] : least;
    }
    return least;
}

#endif
