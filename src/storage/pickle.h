/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle inside a torch file, read as data: a list of named tensors. Nothing is executed,
 * nothing is imported; src/storage/README.md lists what is accepted. */
#ifndef SG_STORAGE_PICKLE_H
#define SG_STORAGE_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "storage/safetensors.h"

#define SG_PICKLE_MAX_BYTES 67108864u /* 64 MiB */
#define SG_PICKLE_MAX_OPCODES 8388608u
#define SG_PICKLE_MAX_TENSORS 1048576u
#define SG_PICKLE_MAX_DEPTH 64u
#define SG_PICKLE_MAX_RANK 64u

/* One tensor of a state dict: a view of a part of a storage. No two of its elements are the same
 * element of the storage, and all lie within storage_numel. */
typedef struct sg_pickle_tensor {
    const char *name; /* NUL-terminated UTF-8, no NUL inside, not empty */
    sg_dtype dtype;   /* of the storage */
    size_t rank;
    const uint64_t *shape;   /* [rank] */
    const uint64_t *strides; /* [rank], in elements */
    uint64_t numel;          /* product of shape; times the size of an element it fits */
    uint64_t offset;         /* of the first element in the storage, in elements */
    const char *storage_key; /* the storage is the record "data/KEY" */
    uint64_t storage_numel;  /* elements that the pickle says the storage has */
} sg_pickle_tensor;

/* The tensors of one pickle. */
typedef struct sg_pickle sg_pickle;

/* Read bytes[0..length) (NULL if empty), called `name` in messages. Needs memory in proportion to `length`.
 * Errors: SG_STATUS_MODEL (which rule, at which byte), SG_STATUS_UNSUPPORTED (a name that is not on
 * the list, a tensor form that torch can write and this program does not read), SG_STATUS_MEMORY.
 * Owned by the caller on success; borrows nothing. */
sg_status sg_pickle_read(const char *name, const unsigned char *bytes, size_t length,
                         sg_pickle **pickle, sg_error *error) SG_MUST_CHECK;

/* Free. NULL is allowed. */
void sg_pickle_destroy(sg_pickle *pickle);

/* Number of tensors, and tensor `position` in the order of the dictionary. */
size_t sg_pickle_count(const sg_pickle *pickle);
const sg_pickle_tensor *sg_pickle_at(const sg_pickle *pickle, size_t position);

#endif
