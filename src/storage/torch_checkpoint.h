/* SPDX-License-Identifier: Apache-2.0 */
/* One view over a checkpoint's torch files: pytorch_model.bin alone, or the shards that
 * pytorch_model.bin.index.json names. */
#ifndef SG_STORAGE_TORCH_CHECKPOINT_H
#define SG_STORAGE_TORCH_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "storage/mapped_file.h"
#include "storage/pickle.h"

/* Where the elements of one or more tensors lie. */
typedef struct sg_torch_storage {
    const char *record; /* its name in the zip */
    size_t file;        /* number of the file */
    uint64_t offset;    /* of its first byte in the file */
    uint64_t size;      /* bytes: exactly its elements */
    uint32_t crc;       /* what the CRC-32 of these bytes should be; not checked yet */
    sg_dtype dtype;
} sg_torch_storage;

/* One tensor: a view into a storage (pickle.h says what holds for it). */
typedef struct sg_torch_tensor {
    const sg_pickle_tensor *view;
    size_t storage; /* number of the storage */
} sg_torch_tensor;

typedef struct sg_torch_checkpoint sg_torch_checkpoint;

/* Open the checkpoint in `directory`; where both forms are present the single file is taken, as in
 * the reference. All lists are read and checked, none of the tensors' data. Legacy files (torch
 * before 1.6) and TorchScript are refused by name. Errors: SG_STATUS_NOT_FOUND (neither form is
 * there, or a listed file is missing), _MODEL, _UNSUPPORTED, _IO, _MEMORY. Owned by the caller on
 * success. */
sg_status sg_torch_checkpoint_open(const char *directory, sg_torch_checkpoint **checkpoint,
                                   sg_error *error) SG_MUST_CHECK;

/* Close all files. NULL is allowed. */
void sg_torch_checkpoint_close(sg_torch_checkpoint *checkpoint);

/* Number of tensors, and tensor `position`: file by file, in the order of the dictionaries. */
size_t sg_torch_checkpoint_count(const sg_torch_checkpoint *checkpoint);
const sg_torch_tensor *sg_torch_checkpoint_at(const sg_torch_checkpoint *checkpoint,
                                              size_t position);

/* Number of storages that tensors use, and storage `position`. */
size_t sg_torch_checkpoint_storage_count(const sg_torch_checkpoint *checkpoint);
const sg_torch_storage *sg_torch_checkpoint_storage(const sg_torch_checkpoint *checkpoint,
                                                    size_t position);

/* Number of files, and file `position` in the order of names. */
size_t sg_torch_checkpoint_file_count(const sg_torch_checkpoint *checkpoint);
const sg_mapped_file *sg_torch_checkpoint_file(const sg_torch_checkpoint *checkpoint,
                                               size_t position);

#endif
