/* SPDX-License-Identifier: Apache-2.0 */
/* The zip form of torch.save (torch 1.6 and later): a checked list of stored records over the bytes
 * of one file; the one door to zlib (CRC-32). src/storage/README.md lists the rules. */
#ifndef SG_STORAGE_TORCH_ZIP_H
#define SG_STORAGE_TORCH_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

/* Most records of a file. */
#define SG_TORCH_ZIP_MAX_RECORDS 100000u

/* One record; it lies in the file without compression. */
typedef struct sg_zip_record {
    const char *name; /* below the file's one folder: "data.pkl", "data/0"; NUL-terminated */
    size_t offset;    /* of its data in the file */
    size_t size;      /* bytes */
    uint32_t crc;     /* what the CRC-32 of its data should be */
} sg_zip_record;

/* The records of one file, ascending by name. */
typedef struct sg_torch_zip sg_torch_zip;

/* List the records of bytes[0..length), the file called `name` (begins messages; both are borrowed
 * for as long as the list lives). Of the data nothing is read. Errors: SG_STATUS_MODEL (which rule,
 * which record), _UNSUPPORTED (TorchScript), _MEMORY. Owned by the caller on success. */
sg_status sg_torch_zip_open(const char *name, const unsigned char *bytes, size_t length,
                            sg_torch_zip **zip, sg_error *error) SG_MUST_CHECK;

/* Free the list. NULL is allowed. */
void sg_torch_zip_close(sg_torch_zip *zip);

/* Number of records, and record `position` in the order of names. */
size_t sg_torch_zip_count(const sg_torch_zip *zip);
const sg_zip_record *sg_torch_zip_at(const sg_torch_zip *zip, size_t position);

/* The record called `name` (below the folder), or NULL. */
const sg_zip_record *sg_torch_zip_find(const sg_torch_zip *zip, const char *name);

/* Read a small record: its bytes in place after its CRC-32 was found right. Not NUL-terminated;
 * NULL if the record is empty. Errors: SG_STATUS_MODEL. */
sg_status sg_torch_zip_read(const sg_torch_zip *zip, const sg_zip_record *record,
                            const unsigned char **bytes, sg_error *error) SG_MUST_CHECK;

/* The CRC-32 of what gave `crc` (0 for nothing) followed by bytes[0..length). */
uint32_t sg_torch_zip_crc32(uint32_t crc, const void *bytes, size_t length);

/* The message for a record of file `file` whose CRC-32 is not `expected`. */
sg_status sg_torch_zip_wrong_crc(const char *file, const char *record, uint32_t found,
                                 uint32_t expected, sg_error *error);

#endif
