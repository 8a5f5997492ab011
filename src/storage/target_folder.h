/* SPDX-License-Identifier: Apache-2.0 */
/* A folder that appears under its name only when it is complete: everything is written to
 * TARGET.part beside it, synchronised, and renamed at the end. */
#ifndef SG_STORAGE_TARGET_FOLDER_H
#define SG_STORAGE_TARGET_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

typedef struct sg_target_folder sg_target_folder;

/* Make TARGET.part and lock it. A leftover of a run that was killed is emptied; it is one only if
 * `is_ours` says so of every name in it. Errors: SG_STATUS_ARGUMENT (TARGET exists, or TARGET.part
 * holds something else), _IO (the system, or another run holds the lock), _MEMORY. Owned by the
 * caller on success. */
sg_status sg_target_folder_create(const char *target, bool (*is_ours)(const char *name),
                                  sg_target_folder **folder, sg_error *error) SG_MUST_CHECK;

/* Bytes that may still be written to the folder's file system. Errors: SG_STATUS_IO. */
sg_status sg_target_folder_space(const sg_target_folder *folder, uint64_t *bytes,
                                 sg_error *error) SG_MUST_CHECK;

/* Make the file `name`, or open one made before, for writing. *descriptor is the caller's until
 * sg_target_folder_close_file. */
sg_status sg_target_folder_open_file(const sg_target_folder *folder, const char *name,
                                     int *descriptor, sg_error *error) SG_MUST_CHECK;

/* Write all of bytes[0..length) at `offset`. Errors: SG_STATUS_IO. */
sg_status sg_target_folder_write(const sg_target_folder *folder, const char *name, int descriptor,
                                 const void *bytes, size_t length, uint64_t offset,
                                 sg_error *error) SG_MUST_CHECK;

/* Close the file, first waiting until it is on the disk if `synchronise`. The descriptor is gone
 * also on failure. */
sg_status sg_target_folder_close_file(const sg_target_folder *folder, const char *name,
                                      int descriptor, bool synchronise,
                                      sg_error *error) SG_MUST_CHECK;

/* Copy the regular file at `path` to the file `name`, synchronised. Errors: those of reading
 * (SG_STATUS_NOT_FOUND where it is not there), SG_STATUS_IO. */
sg_status sg_target_folder_copy(const sg_target_folder *folder, const char *path, const char *name,
                                sg_error *error) SG_MUST_CHECK;

/* Give the folder its name. Errors: SG_STATUS_ARGUMENT (TARGET has appeared meanwhile), _IO. */
sg_status sg_target_folder_commit(sg_target_folder *folder, sg_error *error) SG_MUST_CHECK;

/* Free; unless committed, TARGET.part is removed. NULL is allowed. */
void sg_target_folder_close(sg_target_folder *folder);

#endif
