/* SPDX-License-Identifier: Apache-2.0 */
/* Places are written once and never moved; a row's past is read through its lineage. */
#include "model/kv_cache.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

/* layers * rows * width floats, cleared lazily by the system. */
static float *allocate(size_t layers, size_t rows, size_t width) {
    size_t count;
    if (!sg_checked_mul(layers, rows, &count) || !sg_checked_mul(count, width, &count)) {
        return NULL;
    }
    return sg_memory_alloc_zeroed(count, sizeof(float));
}

sg_status sg_kv_cache_init(sg_kv_cache *cache, size_t num_layers, size_t width, size_t beams,
                           size_t capacity, size_t source_length, sg_error *error) {
    size_t places;
    *cache = (sg_kv_cache){.num_layers = num_layers,
                           .width = width,
                           .beams = beams,
                           .capacity = capacity,
                           .source_length = source_length};
    /* Places are numbered with int32_t. */
    if (!sg_checked_mul(capacity, beams, &places) || places > INT32_MAX) {
        return sg_error_set(error, SG_STATUS_MEMORY, "%zu beams of %zu tokens do not fit in memory",
                            beams, capacity);
    }
    cache->self_keys = allocate(num_layers, places, width);
    cache->self_values = allocate(num_layers, places, width);
    cache->cross_keys = allocate(num_layers, source_length, width);
    cache->cross_values = allocate(num_layers, source_length, width);
    cache->lineage = sg_memory_alloc_zeroed(places, sizeof(int32_t));
    cache->next_lineage = sg_memory_alloc_zeroed(places, sizeof(int32_t));
    if (cache->self_keys == NULL || cache->self_values == NULL || cache->cross_keys == NULL ||
        cache->cross_values == NULL || cache->lineage == NULL || cache->next_lineage == NULL) {
        sg_kv_cache_clear(cache);
        return sg_error_set(
            error, SG_STATUS_MEMORY,
            "out of memory: caches for %zu beams of %zu tokens and %zu source tokens", beams,
            capacity, source_length);
    }
    return SG_STATUS_OK;
}

void sg_kv_cache_clear(sg_kv_cache *cache) {
    sg_memory_free(cache->self_keys);
    sg_memory_free(cache->self_values);
    sg_memory_free(cache->cross_keys);
    sg_memory_free(cache->cross_values);
    sg_memory_free(cache->lineage);
    sg_memory_free(cache->next_lineage);
    *cache = (sg_kv_cache){0};
}

void sg_kv_cache_reorder(sg_kv_cache *cache, const int32_t *parents, size_t rows) {
    int32_t *swap = cache->lineage;
    assert(rows <= cache->beams);
    for (size_t row = 0; row < rows; row++) {
        assert(parents[row] >= 0 && (size_t)parents[row] < cache->beams);
        memcpy(cache->next_lineage + row * cache->capacity,
               cache->lineage + (size_t)parents[row] * cache->capacity,
               cache->length * sizeof *cache->lineage);
    }
    cache->lineage = cache->next_lineage;
    cache->next_lineage = swap;
}

void sg_kv_cache_put(sg_kv_cache *cache, size_t layer, size_t slot, const float *keys,
                     const float *values) {
    size_t place = cache->length * cache->beams + slot;
    assert(cache->length < cache->capacity && slot < cache->beams);
    memcpy(sg_kv_cache_self_keys(cache, layer) + place * cache->width, keys,
           cache->width * sizeof *keys);
    memcpy(sg_kv_cache_self_values(cache, layer) + place * cache->width, values,
           cache->width * sizeof *values);
    cache->lineage[slot * cache->capacity + cache->length] = (int32_t)place;
}

void sg_kv_cache_advance(sg_kv_cache *cache) {
    cache->length++;
}

float *sg_kv_cache_self_keys(const sg_kv_cache *cache, size_t layer) {
    return cache->self_keys + layer * cache->capacity * cache->beams * cache->width;
}

float *sg_kv_cache_self_values(const sg_kv_cache *cache, size_t layer) {
    return cache->self_values + layer * cache->capacity * cache->beams * cache->width;
}

float *sg_kv_cache_cross_keys(const sg_kv_cache *cache, size_t layer) {
    return cache->cross_keys + layer * cache->source_length * cache->width;
}

float *sg_kv_cache_cross_values(const sg_kv_cache *cache, size_t layer) {
    return cache->cross_values + layer * cache->source_length * cache->width;
}

const int32_t *sg_kv_cache_lineage(const sg_kv_cache *cache, size_t slot) {
    return cache->lineage + slot * cache->capacity;
}
