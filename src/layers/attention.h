/* SPDX-License-Identifier: Apache-2.0 */
/* Multi-head attention without its projections: softmax(q k^T + bias) v per head. T5 does not scale
 * by 1/sqrt(d_kv). Head h takes features h*K .. h*K + K-1 of q, k and v. */
#ifndef SG_LAYERS_ATTENTION_H
#define SG_LAYERS_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

#include "math/thread_pool.h"

typedef struct sg_attention_shape {
    size_t num_heads; /* H */
    size_t d_kv;      /* K */
} sg_attention_shape;

/* One query row's view of its keys and values. */
typedef struct sg_attention_row {
    const float *query; /* [H*K] */
    const float *keys;  /* rows of [H*K] */
    const float *values;
    const int32_t
        *positions; /* [count] which row of keys and values each position is; NULL: 0, 1, 2, ... */
    size_t count;   /* positions attended to, 1 or more */
    const float *bias; /* bias of head h, position t is bias[h * bias_stride + t]; NULL: none */
    size_t bias_stride;
    float *output; /* [H*K] written; may be `query` */
} sg_attention_row;

/* Floats of scratch a thread needs for rows of at most `max_count` positions. */
size_t sg_attention_scratch(const sg_attention_shape *shape, size_t max_count);

/* Attend for `row_count` rows that share nothing (decoder self- and cross-attention), split over
 * `pool` by (row, head). scratch: sg_attention_scratch floats for each thread of the pool. */
void sg_attention_rows(const sg_attention_shape *shape, const sg_attention_row *rows,
                       size_t row_count, float *scratch, size_t scratch_stride,
                       sg_thread_pool *pool);

/* Attend for a block of queries of one sequence over all of its S keys (encoder self-attention).
 *
 * queries  [query_count, H*K], positions first_query .. first_query + query_count - 1. Overwritten
 * by the result. keys, values  [S, H*K]. bias     [H, bias_stride]: the bias of relative position d
 * = key - query for head h is bias[h * bias_stride + bias_zero + d]; bias_zero >= S - 1. A query's
 * result depends on its position, the keys and the values only, not on the block it is in. */
void sg_attention_block(const sg_attention_shape *shape, float *queries, size_t query_count,
                        size_t first_query, const float *keys, const float *values,
                        size_t key_count, const float *bias, size_t bias_stride, size_t bias_zero,
                        float *scratch, size_t scratch_stride, sg_thread_pool *pool);

#endif
