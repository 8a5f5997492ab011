/* SPDX-License-Identifier: Apache-2.0 */
/* One view over a checkpoint's safetensors files: model.safetensors alone, or the shards that
 * model.safetensors.index.json names (weight_map: tensor -> file). */
#ifndef SG_STORAGE_SHARD_INDEX_H
#define SG_STORAGE_SHARD_INDEX_H

#include <stddef.h>

#include <switchgen/status.h>

#include "storage/mapped_file.h"
#include "storage/safetensors.h"

typedef struct sg_shard_index sg_shard_index;

/* Open the checkpoint in `directory`. Both forms present: the single file wins, as in the reference, with
 * no error. Refused: a shard name that is not a plain file name in the folder, a listed file that is
 * missing, a tensor that the index puts in a file which lacks it, a tensor that two files hold. A tensor
 * that no weight_map entry names is ignored, as the reference does.
 * Errors: SG_STATUS_NOT_FOUND (no safetensors; the hint names what is there: .bin, .h5, .msgpack),
 * _MODEL, _IO, _MEMORY. Owned by the caller on success. */
sg_status sg_shard_index_open(const char *directory, sg_shard_index **index,
                              sg_error *error) SG_MUST_CHECK;

/* Unmap everything. NULL is allowed. */
void sg_shard_index_close(sg_shard_index *index);

/* Number of tensors over all files. */
size_t sg_shard_index_count(const sg_shard_index *index);

/* Tensor number `position` in the order of names. */
const sg_tensor *sg_shard_index_at(const sg_shard_index *index, size_t position);

/* The tensor called `name`, or NULL. */
const sg_tensor *sg_shard_index_find(const sg_shard_index *index, const char *name);

/* Number of weight files, and file number `position` (order of names). */
size_t sg_shard_index_file_count(const sg_shard_index *index);
const sg_mapped_file *sg_shard_index_file(const sg_shard_index *index, size_t position);

/* SG_STATUS_CHANGED if any file is no longer what it was when it was opened. */
sg_status sg_shard_index_check_unchanged(const sg_shard_index *index, sg_error *error) SG_MUST_CHECK;

#endif
