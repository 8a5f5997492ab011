/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a safetensors checkpoint piece by piece: model.safetensors, or shards with their index,
 * in the form of the reference writer. */
#ifndef SG_STORAGE_SAFETENSORS_WRITER_H
#define SG_STORAGE_SAFETENSORS_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "storage/safetensors.h"
#include "storage/target_folder.h"

/* A tensor to be written. */
typedef struct sg_written_tensor {
    const char *name; /* NUL-terminated UTF-8; no two are equal */
    sg_dtype dtype;
    size_t rank;
    const uint64_t *shape; /* [rank]; product times bytes of an element fits */
} sg_written_tensor;

/* One text of __metadata__. */
typedef struct sg_written_metadata {
    const char *key, *value;
} sg_written_metadata;

typedef struct sg_safetensors_writer sg_safetensors_writer;

/* Plan the files for tensors[0..count): in the given order they fill shards of at most
 * `max_shard_bytes` of data (a larger tensor has one to itself); within a shard they lie as the
 * reference writer puts them, by type and name. Nothing is written yet. `folder`, `tensors` and
 * `metadata` are borrowed until the writer is destroyed; the metadata's values may change until
 * sg_safetensors_writer_finish, but not their lengths. Errors: SG_STATUS_MODEL (a header above 100
 * MB), _MEMORY. Owned by the caller on success. */
sg_status sg_safetensors_writer_create(const sg_target_folder *folder,
                                       const sg_written_tensor *tensors, size_t count,
                                       uint64_t max_shard_bytes,
                                       const sg_written_metadata *metadata, size_t metadata_count,
                                       sg_safetensors_writer **writer,
                                       sg_error *error) SG_MUST_CHECK;

/* Free. An open file is closed. NULL is allowed. */
void sg_safetensors_writer_destroy(sg_safetensors_writer *writer);

/* Bytes of all files, the index apart; and how many files. */
uint64_t sg_safetensors_writer_bytes(const sg_safetensors_writer *writer);
size_t sg_safetensors_writer_shard_count(const sg_safetensors_writer *writer);

/* The tensor whose data must come next, as an index into `tensors`: the one before is complete.
 * *more is false when all are written. Errors: SG_STATUS_IO, _MEMORY. */
sg_status sg_safetensors_writer_next(sg_safetensors_writer *writer, bool *more, size_t *index,
                                     sg_error *error) SG_MUST_CHECK;

/* The next `length` bytes of that tensor's data. Errors: SG_STATUS_IO. */
sg_status sg_safetensors_writer_append(sg_safetensors_writer *writer, const void *bytes,
                                       size_t length, sg_error *error) SG_MUST_CHECK;

/* Once all tensors are complete: write the headers again, with the metadata as it is now, write the
 * index, and wait until all files are on the disk. Errors: SG_STATUS_IO, _MEMORY. */
sg_status sg_safetensors_writer_finish(sg_safetensors_writer *writer,
                                       sg_error *error) SG_MUST_CHECK;

/* True for a name that a writer gives its files. */
bool sg_safetensors_writer_is_name(const char *name);

#endif
