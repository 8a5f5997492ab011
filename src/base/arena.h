/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned scratch memory in one block: allocate by moving a mark, free by moving it back. */
#ifndef SG_BASE_ARENA_H
#define SG_BASE_ARENA_H

#include <stddef.h>

#include <switchgen/status.h>

#define SG_ARENA_ALIGNMENT 64

/* Owned by the caller; set up with sg_arena_init, released with sg_arena_clear. Not thread-safe. */
typedef struct sg_arena {
    unsigned char *base;
    size_t capacity; /* bytes */
    size_t used;     /* bytes, a multiple of SG_ARENA_ALIGNMENT */
    size_t peak;     /* largest `used` so far */
} sg_arena;

/* Give `arena` room for `capacity` bytes (pages are touched only when used).
 * Errors: SG_STATUS_MEMORY; the arena is then empty and may be cleared. */
sg_status sg_arena_init(sg_arena *arena, size_t capacity, sg_error *error) SG_MUST_CHECK;

/* Release the block. Allowed on an arena of zero bytes and twice. */
void sg_arena_clear(sg_arena *arena);

/* Room for `count` objects of `size` bytes at a 64-byte boundary, not cleared. NULL if it does not
 * fit: a caller that sized its arena with sg_arena_bytes may assert that it does. */
void *sg_arena_alloc(sg_arena *arena, size_t count, size_t size) SG_MUST_CHECK;

/* Bytes that sg_arena_alloc(count, size) takes, for sizing an arena. SIZE_MAX on overflow. */
size_t sg_arena_bytes(size_t count, size_t size);

/* The present position, for sg_arena_rewind. */
size_t sg_arena_mark(const sg_arena *arena);

/* Free everything allocated since `mark` was taken. */
void sg_arena_rewind(sg_arena *arena, size_t mark);

#endif
