/* SPDX-License-Identifier: Apache-2.0 */
/* The only door to malloc. Every size is count * size, multiplied with an overflow check. */
#ifndef SG_BASE_MEMORY_H
#define SG_BASE_MEMORY_H

#include <stddef.h>

#include <switchgen/status.h>

/* Room for `count` objects of `size` bytes, not cleared. NULL if there is no memory or the product
 * overflows; never NULL for a count or size of 0. Free with sg_memory_free. */
void *sg_memory_alloc(size_t count, size_t size) SG_MUST_CHECK;

/* As sg_memory_alloc, every byte 0. Large blocks cost no physical memory until written. */
void *sg_memory_alloc_zeroed(size_t count, size_t size) SG_MUST_CHECK;

/* As sg_memory_alloc, aligned to 64 bytes. Free with sg_memory_free. */
void *sg_memory_alloc_aligned(size_t count, size_t size) SG_MUST_CHECK;

/* Grow or shrink `block` (may be NULL) to count * size bytes. On failure returns NULL and `block`
 * stays valid. Not for blocks of sg_memory_alloc_aligned. */
void *sg_memory_resize(void *block, size_t count, size_t size) SG_MUST_CHECK;

/* A NUL-terminated copy of length bytes of `text`. NULL without memory. */
char *sg_memory_copy_text(const char *text, size_t length) SG_MUST_CHECK;

/* Free a block of any function above. NULL is allowed. */
void sg_memory_free(void *block);

/* Fill `error` with "out of memory: WHAT (N bytes)". Evaluates to SG_STATUS_MEMORY. */
#define sg_memory_error(error, what, bytes) \
    (sg_memory_fill_error((error), (what), (bytes)), SG_STATUS_MEMORY)

/* What sg_memory_error calls. */
void sg_memory_fill_error(sg_error *error, const char *what, size_t bytes);

#endif
