/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a sharded checkpoint (model.safetensors.index.json, pytorch_model.bin.index.json):
 * which tensor lies in which file. */
#ifndef SG_STORAGE_WEIGHT_MAP_H
#define SG_STORAGE_WEIGHT_MAP_H

#include <stddef.h>

#include <switchgen/status.h>

/* Tensor `tensor` lies in file `file`, both NUL-terminated. */
typedef struct sg_weight_map_entry {
    const char *tensor, *file;
} sg_weight_map_entry;

typedef struct sg_weight_map {
    const char *path;             /* of the index; borrowed */
    sg_weight_map_entry *entries; /* ascending by file; owned */
    size_t count;
    size_t file_count; /* different files */
    char *texts;       /* owned */
} sg_weight_map;

/* Read the index at `path` (borrowed while the map lives). Refused are an index without tensors, a
 * tensor that comes twice, a file that is no plain name in the index's own directory, and all that
 * is no strict JSON. On failure the map may be cleared. Errors: SG_STATUS_NOT_FOUND, _MODEL, _IO,
 * _MEMORY. */
sg_status sg_weight_map_read(const char *path, sg_weight_map *map, sg_error *error) SG_MUST_CHECK;

/* Free. Allowed on a zeroed struct and twice. */
void sg_weight_map_clear(sg_weight_map *map);

#endif
