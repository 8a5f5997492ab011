/* SPDX-License-Identifier: Apache-2.0 */
/* A regular file mapped read-only, and small files read whole. */
#ifndef SG_STORAGE_MAPPED_FILE_H
#define SG_STORAGE_MAPPED_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

/* What tells one state of a file from another. */
typedef struct sg_file_identity {
    uint64_t device, inode, size;
    int64_t modified_ns, changed_ns;
} sg_file_identity;

typedef struct sg_mapped_file {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;               /* bytes */
    char *path;                /* as given; for messages */
    sg_file_identity identity; /* at opening */
    int descriptor;            /* stays open while mapped */
} sg_mapped_file;

/* Map `path`. Nothing is read. On failure *file is zeroed (close is allowed).
 * Errors: SG_STATUS_NOT_FOUND; SG_STATUS_MODEL where it is no regular file (a directory, FIFO or
 * device; links are followed; never blocks), may not be read or is a loop of links; SG_STATUS_IO;
 * SG_STATUS_MEMORY. */
sg_status sg_mapped_file_open(const char *path, sg_mapped_file *file,
                              sg_error *error) SG_MUST_CHECK;

/* Unmap and free. Allowed on a zeroed struct and twice. */
void sg_mapped_file_close(sg_mapped_file *file);

/* Read bytes[0..length) from `offset` of the file, whatever is mapped. Errors: SG_STATUS_IO,
 * SG_STATUS_CHANGED (the file ends before). */
sg_status sg_mapped_file_read(const sg_mapped_file *file, uint64_t offset, void *bytes,
                              size_t length, sg_error *error) SG_MUST_CHECK;

/* Read the whole file into memory of the process's own that takes the mapping's place: `data` stays
 * where it is, and what happens to the file later cannot be seen. Errors: SG_STATUS_MEMORY, _IO,
 * _CHANGED (the file is shorter than it was); the file is then to be closed. */
sg_status sg_mapped_file_read_in(sg_mapped_file *file, sg_error *error) SG_MUST_CHECK;

/* Keep every page of the file in memory (mlock). Errors: SG_STATUS_IO, SG_STATUS_MEMORY; the file
 * stays usable. */
sg_status sg_mapped_file_lock(const sg_mapped_file *file, sg_error *error) SG_MUST_CHECK;

/* Tell the system that the file is read here and there: only what is used or announced is read from
 * disk, not what lies around it. A hint. */
void sg_mapped_file_expect_random(const sg_mapped_file *file);

/* Tell the system that bytes[0..size) of a mapped file are read soon: it begins to read them while
 * other work goes on. A hint; any address is allowed. */
void sg_mapped_file_announce(const void *bytes, size_t size);

/* SG_STATUS_CHANGED with a message if the file is no longer what it was when it was opened. */
sg_status sg_mapped_file_check_unchanged(const sg_mapped_file *file, sg_error *error) SG_MUST_CHECK;

/* Read a small regular file whole into memory of the caller's (sg_memory_free; NUL-terminated).
 * More than `maximum` bytes is SG_STATUS_MODEL naming both numbers. Errors otherwise as open. */
sg_status sg_file_read_small(const char *path, size_t maximum, char **data, size_t *length,
                             sg_error *error) SG_MUST_CHECK;

/* Open `path` for reading; it must be a regular file (errors as sg_mapped_file_open). *descriptor
 * is the caller's to close; *identity is what the file was. */
sg_status sg_file_open(const char *path, int *descriptor, sg_file_identity *identity,
                       sg_error *error) SG_MUST_CHECK;

/* Read at most `size` bytes; *count of 0 is the end of the file. `path` begins messages.
 * Errors: SG_STATUS_IO. */
sg_status sg_file_read(int descriptor, const char *path, void *bytes, size_t size, size_t *count,
                       sg_error *error) SG_MUST_CHECK;

#endif
