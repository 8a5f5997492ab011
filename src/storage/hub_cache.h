/* SPDX-License-Identifier: Apache-2.0 */
/* The Hugging Face cache, read-only, as its client lays it out (huggingface_hub 2.4.0,
 * file_download.py):
 *
 *     CACHE/models--ORG--NAME/refs/REVISION          holds the commit; a revision with slashes is
 * folders /snapshots/COMMIT/FILE  a link to ../../blobs/HASH, or the file itself
 *                            /blobs/HASH.incomplete  a download that was broken off
 */
#ifndef SG_STORAGE_HUB_CACHE_H
#define SG_STORAGE_HUB_CACHE_H

#include <stdbool.h>

#include <switchgen/status.h>

/* "CACHE/models--ORG--NAME" into path[SG_MODEL_PATH_MAXIMUM]; false if `repository` can be none. */
bool sg_hub_cache_path(const char *cache, const char *repository, char *path);

/* Whether the cache has a folder for `repository` ("ORG/NAME", or "NAME" as old caches have it). */
bool sg_hub_cache_has(const char *cache, const char *repository);

/* The snapshot of `revision`: a name below refs/, 40 hex digits that name a commit, or, where no
 * ref has that name, a folder below snapshots/ (as the client takes it). *snapshot is the caller's.
 * Errors: SG_STATUS_NOT_FOUND (no such repository; no such revision, the message lists those there
 * are; the commit's snapshot is gone), SG_STATUS_MODEL (the ref holds no commit),
 * SG_STATUS_ARGUMENT (the revision's name leads out of refs/), SG_STATUS_IO, SG_STATUS_MEMORY. */
sg_status sg_hub_cache_find(const char *cache, const char *repository, const char *revision,
                            char **snapshot, sg_error *error) SG_MUST_CHECK;

/* Visit each "ORG/NAME" of the cache, in no order. */
void sg_hub_cache_each(const char *cache, void (*visit)(void *context, const char *repository),
                       void *context);

#endif
