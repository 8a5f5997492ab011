/* SPDX-License-Identifier: Apache-2.0 */
/* Greedy search: the reference's GenerationMixin._sample with do_sample false, one row. */
#ifndef SG_SEARCH_GREEDY_H
#define SG_SEARCH_GREEDY_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/status.h>

#include "search/search.h"

typedef struct sg_greedy sg_greedy;

/* Make one from checked options (num_beams is not looked at). Owned by the caller. Errors:
 * SG_STATUS_MEMORY. */
sg_status sg_greedy_create(const sg_search_options *options, sg_greedy **greedy,
                           sg_error *error) SG_MUST_CHECK;

/* Free. NULL is allowed. */
void sg_greedy_destroy(sg_greedy *greedy);

/* As sg_search_advance, with one row.
 *
 * logits  [V] Borrowed.
 * rows    [1] */
sg_status sg_greedy_advance(sg_greedy *greedy, const float *logits, sg_search_row *rows,
                            size_t *row_count, sg_error *error) SG_MUST_CHECK;

/* True once the last token is chosen. */
bool sg_greedy_is_done(const sg_greedy *greedy);

/* The output; only when done. Borrowed. */
sg_search_hypothesis sg_greedy_result(const sg_greedy *greedy);

/* As sg_search_margins. */
const float *sg_greedy_margins(const sg_greedy *greedy, size_t *count);

#endif
