/* SPDX-License-Identifier: Apache-2.0 */
/* The door of the searches: options are checked here, then each call goes to the one that num_beams
 * names. */
#include "search/search.h"

#include <assert.h>
#include <float.h>
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "search/beam.h"
#include "search/greedy.h"

/* Exactly one of the two is not NULL. */
struct sg_search {
    sg_greedy *greedy;
    sg_beam *beam;
    size_t num_beams;
    size_t num_return_sequences;
};

static sg_status check_count(const char *name, size_t value, size_t least, size_t most,
                             sg_error *error) {
    if (value >= least && value <= most) {
        return SG_STATUS_OK;
    }
    return sg_error_set(error, SG_STATUS_ARGUMENT, "%s is %zu, expected %zu to %zu", name, value,
                        least, most);
}

/* Scores are divided by powers of the length, from 1 to max_new_tokens: none may overflow float32
 * or vanish in it. */
static sg_status check_length_penalty(const sg_search_options *options, sg_error *error) {
    double divisor = pow((double)options->max_new_tokens, options->length_penalty);
    if (!isfinite(options->length_penalty)) {
        return sg_error_set(error, SG_STATUS_ARGUMENT,
                            "length_penalty is %g, expected a finite number",
                            options->length_penalty);
    }
    if (divisor >= (double)FLT_MIN && divisor <= (double)FLT_MAX) {
        return SG_STATUS_OK;
    }
    return sg_error_set(error, SG_STATUS_ARGUMENT,
                        "length_penalty %g with max_new_tokens %zu divides scores by %g, expected "
                        "%g to %g",
                        options->length_penalty, options->max_new_tokens, divisor, (double)FLT_MIN,
                        (double)FLT_MAX);
}

static sg_status check_penalties(const sg_search_options *options, sg_error *error) {
    if (!(options->repetition_penalty >= (double)FLT_MIN &&
          options->repetition_penalty <= (double)FLT_MAX)) {
        return sg_error_set(error, SG_STATUS_ARGUMENT,
                            "repetition_penalty is %g, expected a finite number above 0",
                            options->repetition_penalty);
    }
    if (options->num_beams > 1) {
        SG_TRY(check_length_penalty(options, error));
    }
    return SG_STATUS_OK;
}

static sg_status check_options(const sg_search_options *options, sg_error *error) {
    assert(options->eos_ids != NULL || options->eos_count == 0);
    SG_TRY(check_count("vocab_size", options->vocab_size, 1, INT32_MAX, error));
    SG_TRY(check_count("num_beams", options->num_beams, 1, SG_SEARCH_MAX_BEAMS, error));
    SG_TRY(check_count("num_return_sequences", options->num_return_sequences, 1, options->num_beams,
                       error));
    SG_TRY(
        check_count("max_new_tokens", options->max_new_tokens, 1, SG_SEARCH_MAX_NEW_TOKENS, error));
    if (options->early_stopping != SG_EARLY_STOPPING_FALSE &&
        options->early_stopping != SG_EARLY_STOPPING_TRUE &&
        options->early_stopping != SG_EARLY_STOPPING_NEVER) {
        return sg_error_set(error, SG_STATUS_ARGUMENT,
                            "early_stopping is not set, expected false, true or never");
    }
    return check_penalties(options, error);
}

sg_status sg_search_create(const sg_search_options *options, sg_search **search, sg_error *error) {
    *search = NULL;
    SG_TRY(check_options(options, error));
    sg_search *made = sg_memory_alloc_zeroed(1, sizeof *made);
    if (made == NULL) {
        return sg_memory_error(error, "the search", sizeof *made);
    }
    made->num_beams = options->num_beams;
    made->num_return_sequences = options->num_return_sequences;
    sg_status status = options->num_beams == 1 ? sg_greedy_create(options, &made->greedy, error)
                                               : sg_beam_create(options, &made->beam, error);
    if (status != SG_STATUS_OK) {
        sg_search_destroy(made);
        return status;
    }
    *search = made;
    return SG_STATUS_OK;
}

void sg_search_destroy(sg_search *search) {
    if (search == NULL) {
        return;
    }
    sg_greedy_destroy(search->greedy);
    sg_beam_destroy(search->beam);
    sg_memory_free(search);
}

size_t sg_search_max_rows(const sg_search *search) {
    return search->num_beams;
}

sg_status sg_search_advance(sg_search *search, const float *logits, sg_search_row *rows,
                            size_t *row_count, sg_error *error) {
    return search->greedy != NULL
               ? sg_greedy_advance(search->greedy, logits, rows, row_count, error)
               : sg_beam_advance(search->beam, logits, rows, row_count, error);
}

bool sg_search_is_done(const sg_search *search) {
    return search->greedy != NULL ? sg_greedy_is_done(search->greedy)
                                  : sg_beam_is_done(search->beam);
}

size_t sg_search_result_count(const sg_search *search) {
    return search->num_return_sequences;
}

sg_search_hypothesis sg_search_result(const sg_search *search, size_t rank) {
    assert(rank < search->num_return_sequences);
    return search->greedy != NULL ? sg_greedy_result(search->greedy)
                                  : sg_beam_result(search->beam, rank);
}

const float *sg_search_margins(const sg_search *search, size_t *count) {
    return search->greedy != NULL ? sg_greedy_margins(search->greedy, count)
                                  : sg_beam_margins(search->beam, count);
}
