/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint to be converted, whatever its form: named tensors whose elements are read in
 * row-major order, in bounded memory. */
#ifndef SG_STORAGE_TENSOR_SOURCE_H
#define SG_STORAGE_TENSOR_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "storage/mapped_file.h"
#include "storage/safetensors.h"

/* The most bytes that one piece of a tensor has. */
#define SG_TENSOR_SOURCE_PIECE 4194304u

/* One tensor and where its elements lie. */
typedef struct sg_source_tensor {
    const char *name;
    sg_dtype dtype;
    size_t rank;
    const uint64_t *shape;   /* [rank] */
    const uint64_t *strides; /* [rank], in elements; NULL: row-major */
    uint64_t numel;
    size_t file;     /* number of its file */
    size_t storage;  /* number of its storage; SIZE_MAX: none is shared */
    uint64_t begin;  /* of the storage in the file, in bytes */
    uint64_t offset; /* of the first element in the storage, in elements */
} sg_source_tensor;

typedef struct sg_tensor_source sg_tensor_source;

/* Open the checkpoint in `directory`: model.safetensors or its index, else pytorch_model.bin or its
 * index. Errors: those of shard_index.h and torch_checkpoint.h. Owned by the caller on success. */
sg_status sg_tensor_source_open(const char *directory, sg_tensor_source **source,
                                sg_error *error) SG_MUST_CHECK;

/* Close all files. NULL is allowed. */
void sg_tensor_source_close(sg_tensor_source *source);

/* Number of tensors, and tensor `position`, file by file. */
size_t sg_tensor_source_count(const sg_tensor_source *source);
const sg_source_tensor *sg_tensor_source_at(const sg_tensor_source *source, size_t position);

/* Number of weight files, and file `position`. */
size_t sg_tensor_source_file_count(const sg_tensor_source *source);
const sg_mapped_file *sg_tensor_source_file(const sg_tensor_source *source, size_t position);

/* What is handed one piece of a tensor: `length` bytes of whole elements. */
typedef sg_status (*sg_tensor_sink)(void *context, const void *bytes, size_t length,
                                    sg_error *error);

/* Hand all elements of tensor `position` to `sink`, in row-major order. The CRC-32 of a torch
 * storage is checked when it is first used: a wrong one may be found only after the last piece.
 * Errors: the sink's, SG_STATUS_MODEL (CRC-32), _CHANGED (the file became shorter), _IO, _MEMORY.
 */
sg_status sg_tensor_source_read(sg_tensor_source *source, size_t position, sg_tensor_sink sink,
                                void *context, sg_error *error) SG_MUST_CHECK;

/* SG_STATUS_CHANGED if any file is no longer what it was when it was opened. */
sg_status sg_tensor_source_check_unchanged(const sg_tensor_source *source,
                                           sg_error *error) SG_MUST_CHECK;

#endif
