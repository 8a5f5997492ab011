/* SPDX-License-Identifier: Apache-2.0 */
/* Beam search: the reference's GenerationMixin._beam_search with do_sample false, one prompt. The
 * steps and formulas are in README.md. */
#ifndef SG_SEARCH_BEAM_H
#define SG_SEARCH_BEAM_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/status.h>

#include "search/search.h"

typedef struct sg_beam sg_beam;

/* Make one from checked options; num_beams may be 1. Owned by the caller. Errors: SG_STATUS_MEMORY.
 */
sg_status sg_beam_create(const sg_search_options *options, sg_beam **beam,
                         sg_error *error) SG_MUST_CHECK;

/* Free. NULL is allowed. */
void sg_beam_destroy(sg_beam *beam);

/* As sg_search_advance.
 *
 * logits  [R, V] R = 1 at first, then num_beams. Borrowed.
 * rows    [num_beams] */
sg_status sg_beam_advance(sg_beam *beam, const float *logits, sg_search_row *rows,
                          size_t *row_count, sg_error *error) SG_MUST_CHECK;

/* True once no row lives. */
bool sg_beam_is_done(const sg_beam *beam);

/* Output `rank` of num_return_sequences, best first; only when done. Borrowed. */
sg_search_hypothesis sg_beam_result(const sg_beam *beam, size_t rank);

/* As sg_search_margins. */
const float *sg_beam_margins(const sg_beam *beam, size_t *count);

#endif
