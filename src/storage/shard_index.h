/* SPDX-License-Identifier: Apache-2.0 */
/* One view over a checkpoint's safetensors files: model.safetensors alone, or the shards that
 * model.safetensors.index.json names (weight_map: tensor -> file). */
#ifndef SG_STORAGE_SHARD_INDEX_H
#define SG_STORAGE_SHARD_INDEX_H

#include <stddef.h>

#include <switchgen/status.h>

#include "base/problem.h"
#include "storage/mapped_file.h"
#include "storage/safetensors.h"

typedef struct sg_shard_index sg_shard_index;

/* Open the checkpoint in `directory`. As in the reference (transformers 5.23.0, modeling_utils.py
 * _get_resolved_checkpoint_files and utils/hub.py get_checkpoint_shard_files): where both forms are
 * present the single file is taken and the index not read; of the index only the set of files
 * counts, and every tensor of every listed file is part of the checkpoint, named in weight_map or
 * not. Stricter than the reference, because each is a sign of mixed-up files: refused are a shard
 * name that is no plain file name in the folder, a key that weight_map has twice, a tensor that
 * lies in another file than weight_map says, and a tensor that two files hold (the reference takes
 * the later file's). A tensor of weight_map that no file holds is no error: published indexes list
 * the names of shared tensors that their converter left out. Errors: SG_STATUS_NOT_FOUND (no
 * safetensors; the hint names what is there: .bin, .h5, .msgpack; or a listed file is missing),
 * _MODEL, _IO, _MEMORY. Owned by the caller on success. */
sg_status sg_shard_index_open(const char *directory, sg_shard_index **index,
                              sg_error *error) SG_MUST_CHECK;

/* The same for a report: with a sink, a listed file that is missing or damaged, and a tensor that
 * is in the wrong file or in two, are told and passed over; the index then holds the rest. Returned
 * is what leaves nothing: no weights, a damaged index file or single file. */
sg_status sg_shard_index_examine(const char *directory, const sg_problem_sink *sink,
                                 sg_shard_index **index, sg_error *error) SG_MUST_CHECK;

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

/* Bytes of all weight files. */
uint64_t sg_shard_index_bytes(const sg_shard_index *index);

/* Bring all files into memory as sg_mapped_file_read_in or _lock does; tensors stay where they are.
 */
sg_status sg_shard_index_read_in(sg_shard_index *index, sg_error *error) SG_MUST_CHECK;
sg_status sg_shard_index_lock(const sg_shard_index *index, sg_error *error) SG_MUST_CHECK;

/* SG_STATUS_CHANGED if any file is no longer what it was when it was opened. */
sg_status sg_shard_index_check_unchanged(const sg_shard_index *index,
                                         sg_error *error) SG_MUST_CHECK;

#endif
