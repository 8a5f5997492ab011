/* SPDX-License-Identifier: Apache-2.0 */
/* A search is a state machine over logits, one a request: it is handed the logits of its live rows
 * and answers which rows live on (parent, token) or that it is done. It knows no model and calls
 * nothing.
 *
 * Semantics: GenerationMixin of transformers 5.23.0 (greedy, beam), written down in
 * src/search/README.md. */
#ifndef SG_SEARCH_SEARCH_H
#define SG_SEARCH_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/options.h>
#include <switchgen/status.h>

#define SG_SEARCH_MAX_BEAMS 64
#define SG_SEARCH_MAX_NEW_TOKENS 1000000

/* Every setting resolved. */
typedef struct sg_search_options {
    size_t vocab_size; /* V, 1 or more */
    size_t num_beams;  /* 1: greedy */
    size_t num_return_sequences;
    size_t max_new_tokens;            /* 1 to SG_SEARCH_MAX_NEW_TOKENS */
    size_t min_new_tokens;            /* above 0 it replaces min_length, as in the reference */
    size_t min_length;                /* counts the start token */
    size_t no_repeat_ngram_size;      /* 0: off */
    double length_penalty;            /* finite, max_new_tokens ^ length_penalty a normal float32 */
    double repetition_penalty;        /* a normal float32 above 0; 1: off */
    sg_early_stopping early_stopping; /* not SG_EARLY_STOPPING_UNSET */
    int32_t start_token;
    const int32_t
        *eos_ids; /* [eos_count], copied at creation; may be empty, repeat, or lie outside 0 to
                     V - 1 (such an id ends nothing, but counts as in the reference) */
    size_t eos_count;
} sg_search_options;

/* A row that lives on. */
typedef struct sg_search_row {
    int32_t parent; /* which of the rows just scored it continues, from 0 */
    int32_t token;  /* what it is fed next */
} sg_search_row;

/* One finished output. Borrowed from the search. */
typedef struct sg_search_hypothesis {
    const int32_t *ids;          /* generated, without the start token */
    const float *token_logprobs; /* [count] the model's own, before processors */
    size_t count;                /* 0 only where everything was banned before an output could end */
    float score;                 /* the reference's sequences_scores; NaN for greedy */
} sg_search_hypothesis;

typedef struct sg_search sg_search;

/* Make a search. Everything it will ever need is allocated here: blocks proportional to num_beams *
 * max_new_tokens, of which only what the search really writes becomes physical. Owned by the
 * caller. Errors: SG_STATUS_ARGUMENT (an option out of its range), _MEMORY. */
sg_status sg_search_create(const sg_search_options *options, sg_search **search,
                           sg_error *error) SG_MUST_CHECK;

/* Free. NULL is allowed. */
void sg_search_destroy(sg_search *search);

/* Most rows that are ever live: num_beams. */
size_t sg_search_max_rows(const sg_search *search);

/* Take one step. The first is for the one row that holds the start token.
 *
 * logits  [live rows, V] of the rows that the step before answered, in that order. Borrowed.
 * rows    [sg_search_max_rows] written: the rows that live on; *row_count of them, 0 when done.
 *
 * No allocation. Not for a search that is done. Errors: SG_STATUS_NUMERIC if a logit is NaN or
 * +infinity, or a row has nothing finite; the search can then only be destroyed. */
sg_status sg_search_advance(sg_search *search, const float *logits, sg_search_row *rows,
                            size_t *row_count, sg_error *error) SG_MUST_CHECK;

/* True once no row lives. */
bool sg_search_is_done(const sg_search *search);

/* Number of results (num_return_sequences), and result `rank`, best first. Only when done. */
size_t sg_search_result_count(const sg_search *search);
sg_search_hypothesis sg_search_result(const sg_search *search, size_t rank);

/* How near each choice was. One entry a step, then with beams one more. Greedy: the best processed
 * score minus the second best. Beam: the smallest distance by which a choice of that step that can
 * change the result was made: the last running beam against the first candidate that does not run
 * on, the cut after the first num_beams candidates where a stopping one is next to it, the finished
 * output that was kept last against the first one dropped, the best running beam against the worst
 * finished one in the stop rule. The entry after the last step: the smallest distance between
 * neighbouring final scores of which one at least is returned. Borrowed; *count entries; 0 or more
 * and finite (FLT_MAX where there is no second choice). README.md says why these. */
const float *sg_search_margins(const sg_search *search, size_t *count);

#endif
