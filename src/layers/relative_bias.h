/* SPDX-License-Identifier: Apache-2.0 */
/* T5's bucketed relative positions (Raffel et al. 2019, arXiv 1910.10683, section 2.1). */
#ifndef SG_LAYERS_RELATIVE_BIAS_H
#define SG_LAYERS_RELATIVE_BIAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/matmul.h"

/* The bucket of `relative` = key position - query position. Bidirectional: half of the buckets for
 * keys after the query. Otherwise keys after the query count as distance 0. `buckets` is such that
 * exact = (bidirectional ? buckets/2 : buckets)/2 >= 1, `max_distance` > exact. */
size_t sg_relative_bias_bucket(int64_t relative, bool bidirectional, size_t buckets,
                               size_t max_distance);

/* Fill out[H, 2 * reach - 1] with the bias of every relative position -(reach-1) .. reach-1, head
 * by head (bidirectional), or out[H, reach] with those of distances 0 .. reach-1 behind the query
 * (causal). table: [buckets, H] as stored. */
void sg_relative_bias_fill(const sg_matrix *table, bool bidirectional, size_t max_distance,
                           size_t reach, float *out);

#endif
