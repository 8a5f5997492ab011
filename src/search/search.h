/* SPDX-License-Identifier: Apache-2.0 */
/* A search is a state machine over logits, one a request: it is handed the logits of its live rows and
 * answers which rows live on (parent, token) or that it is done. It knows no model and calls nothing.
 *
 * Semantics: GenerationMixin of transformers 5.23.0 (greedy, beam), written down in src/search/README.md. */
#ifndef SG_SEARCH_SEARCH_H
#define SG_SEARCH_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/options.h>
#include <switchgen/status.h>

#define SG_SEARCH_MAX_BEAMS 64

/* Every setting resolved. */
typedef struct sg_search_options {
    size_t vocab_size; /* V, 1 or more */
    size_t num_beams;  /* 1: greedy */
    size_t num_return_sequences;
    size_t max_new_tokens; /* 1 or more */
    size_t min_new_tokens;
    size_t min_length; /* counts the start token */
    size_t no_repeat_ngram_size;
    float length_penalty;
    float repetition_penalty;
    sg_early_stopping early_stopping;
    int32_t start_token;
    const int32_t *eos_ids; /* [eos_count], may repeat or be empty; copied at creation */
    size_t eos_count;
} sg_search_options;

/* A row that lives on. */
typedef struct sg_search_row {
    int32_t parent; /* which of the rows just scored it continues, from 0 */
    int32_t token;  /* what it is fed next */
} sg_search_row;

/* One finished output. Borrowed from the search. */
typedef struct sg_search_hypothesis {
    const int32_t *ids; /* generated, without the start token */
    const float *token_logprobs; /* [count] the model's own, before processors */
    size_t count;
    float score; /* the reference's sequences_scores; NaN for greedy */
} sg_search_hypothesis;

typedef struct sg_search sg_search;

/* Make a search. Everything it will ever need is allocated here. Owned by the caller.
 * Errors: SG_STATUS_ARGUMENT (an option out of its range), _MEMORY. */
sg_status sg_search_create(const sg_search_options *options, sg_search **search,
                           sg_error *error) SG_MUST_CHECK;

/* Free. NULL is allowed. */
void sg_search_destroy(sg_search *search);

/* Most rows that are ever live: num_beams. */
size_t sg_search_max_rows(const sg_search *search);

/* Take one step. The first is for the one row that holds the start token.
 *
 * logits  [live rows, V] of the rows that the step before answered, in that order. Overwritten.
 * rows    [sg_search_max_rows] written: the rows that live on; *row_count of them, 0 when done.
 *
 * No allocation. Errors: SG_STATUS_NUMERIC if a logit is NaN or +infinity, or a row has nothing finite. */
sg_status sg_search_advance(sg_search *search, float *logits, sg_search_row *rows, size_t *row_count,
                            sg_error *error) SG_MUST_CHECK;

/* True once no row lives. */
bool sg_search_is_done(const sg_search *search);

/* Number of results (num_return_sequences), and result `rank`, best first. Only when done. */
size_t sg_search_result_count(const sg_search *search);
sg_search_hypothesis sg_search_result(const sg_search *search, size_t rank);

/* How near each choice was. Greedy: one value a step, best score minus second best. Beam: one a step, the
 * last kept candidate minus the first rejected one, and one more at the end: the smallest distance
 * between neighbouring final scores. Borrowed; *count entries; finite (a large value where there is no
 * second choice). */
const float *sg_search_margins(const sg_search *search, size_t *count);

#endif
