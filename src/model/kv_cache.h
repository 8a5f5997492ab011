/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and values of one request: its own past, one slot a beam, and the source, shared by all
 * beams.
 *
 * Beams hold indices, not copies: what a beam computed at a step stays where it was written; a
 * beam's past is a list of such places (its lineage), and reordering copies lists of small integers
 * only. */
#ifndef SG_MODEL_KV_CACHE_H
#define SG_MODEL_KV_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

typedef struct sg_kv_cache {
    size_t num_layers;    /* L of the decoder */
    size_t width;         /* H*K */
    size_t beams;         /* most live rows */
    size_t capacity;      /* most positions */
    size_t source_length; /* S */
    size_t length;        /* positions filled */
    float *self_keys;     /* [L, capacity * beams, H*K]; place t * beams + slot */
    float *self_values;
    float *cross_keys; /* [L, S, H*K] */
    float *cross_values;
    int32_t *lineage; /* [beams, capacity] places of each live row's past */
    int32_t *next_lineage;
} sg_kv_cache;

/* Everything is allocated here; pages cost memory only once written. On failure *cache is zeroed.
 * Errors: SG_STATUS_MEMORY. */
sg_status sg_kv_cache_init(sg_kv_cache *cache, size_t num_layers, size_t width, size_t beams,
                           size_t capacity, size_t source_length, sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_kv_cache_clear(sg_kv_cache *cache);

/* Let `rows` rows live on: row i continues the row parents[i] of before. */
void sg_kv_cache_reorder(sg_kv_cache *cache, const int32_t *parents, size_t rows);

/* Put keys and values [H*K] of row `slot` at the present position of `layer`. */
void sg_kv_cache_put(sg_kv_cache *cache, size_t layer, size_t slot, const float *keys,
                     const float *values);

/* The present position is filled in every layer: go on to the next. */
void sg_kv_cache_advance(sg_kv_cache *cache);

/* First row of a layer's keys or values: own past [capacity * beams, H*K], source [S, H*K]. */
float *sg_kv_cache_self_keys(const sg_kv_cache *cache, size_t layer);
float *sg_kv_cache_self_values(const sg_kv_cache *cache, size_t layer);
float *sg_kv_cache_cross_keys(const sg_kv_cache *cache, size_t layer);
float *sg_kv_cache_cross_values(const sg_kv_cache *cache, size_t layer);

/* The places of row `slot`: positions 0 .. length, the present one included once it was put. */
const int32_t *sg_kv_cache_lineage(const sg_kv_cache *cache, size_t slot);

#endif
