/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors format: a checked index over one mapped file.
 *
 * Never looser than the Rust reference 0.8.0; where it is stricter is listed in
 * src/storage/README.md. */
#ifndef SG_STORAGE_SAFETENSORS_H
#define SG_STORAGE_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

/* X(NAME, bits): the 22 types of the format. */
/* clang-format off */
#define SG_DTYPE_LIST(X)                                                                         \
    X(BOOL, 8) X(F4, 4) X(F6_E2M3, 6) X(F6_E3M2, 6) X(U8, 8) X(I8, 8) X(F8_E5M2, 8)              \
    X(F8_E4M3, 8) X(F8_E8M0, 8) X(F8_E4M3FNUZ, 8) X(F8_E5M2FNUZ, 8) X(I16, 16) X(U16, 16)        \
    X(F16, 16) X(BF16, 16) X(I32, 32) X(U32, 32) X(F32, 32) X(C64, 64) X(F64, 64) X(I64, 64)     \
    X(U64, 64)
/* clang-format on */

typedef enum sg_dtype {
#define SG_DTYPE_ENUM(name, bits) SG_DTYPE_##name,
    SG_DTYPE_LIST(SG_DTYPE_ENUM)
#undef SG_DTYPE_ENUM
} sg_dtype;

/* "BF16". Static storage. */
const char *sg_dtype_name(sg_dtype dtype);

/* Bits of one element. */
unsigned sg_dtype_bits(sg_dtype dtype);

/* One tensor: everything checked against the file. */
typedef struct sg_tensor {
    const char *name; /* NUL-terminated; no NUL inside */
    sg_dtype dtype;
    size_t rank;
    const uint64_t *shape;     /* [rank] */
    const unsigned char *data; /* in the mapping; any alignment; NULL if size is 0 */
    size_t size;               /* bytes */
} sg_tensor;

/* The tensors of one file, sorted by name; borrows the bytes. */
typedef struct sg_safetensors sg_safetensors;

/* Index bytes[0..length) of the file called `name` (begins messages). Nothing is copied but the
 * index. Errors: SG_STATUS_MODEL (which rule, where), SG_STATUS_MEMORY. Owned by the caller on
 * success. */
sg_status sg_safetensors_open(const char *name, const unsigned char *bytes, size_t length,
                              sg_safetensors **file, sg_error *error) SG_MUST_CHECK;

/* Free the index. NULL is allowed. */
void sg_safetensors_close(sg_safetensors *file);

/* Number of tensors. */
size_t sg_safetensors_count(const sg_safetensors *file);

/* Tensor `index` in the order of names. */
const sg_tensor *sg_safetensors_at(const sg_safetensors *file, size_t index);

/* The tensor called `name`, or NULL. */
const sg_tensor *sg_safetensors_find(const sg_safetensors *file, const char *name);

#endif
