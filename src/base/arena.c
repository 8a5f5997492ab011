/* SPDX-License-Identifier: Apache-2.0 */
/* One block, one mark. Freed parts are poisoned under AddressSanitizer. */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>

#include "base/checked.h"
#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define SG_ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SG_ARENA_ASAN 1
#endif
#endif
#ifdef SG_ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

sg_status sg_arena_init(sg_arena *arena, size_t capacity, sg_error *error) {
    *arena = (sg_arena){0};
    arena->base = sg_memory_alloc_aligned(capacity, 1);
    if (arena->base == NULL) {
        return sg_memory_error(error, "scratch memory", capacity);
    }
    arena->capacity = capacity;
    ASAN_POISON_MEMORY_REGION(arena->base, capacity);
    return SG_STATUS_OK;
}

void sg_arena_clear(sg_arena *arena) {
    if (arena->base != NULL) {
        ASAN_UNPOISON_MEMORY_REGION(arena->base, arena->capacity);
    }
    sg_memory_free(arena->base);
    *arena = (sg_arena){0};
}

size_t sg_arena_bytes(size_t count, size_t size) {
    size_t bytes;
    if (!sg_checked_mul(count, size, &bytes) || bytes > SIZE_MAX - (SG_ARENA_ALIGNMENT - 1)) {
        return SIZE_MAX;
    }
    return (bytes + SG_ARENA_ALIGNMENT - 1) / SG_ARENA_ALIGNMENT * SG_ARENA_ALIGNMENT;
}

void *sg_arena_alloc(sg_arena *arena, size_t count, size_t size) {
    size_t bytes = sg_arena_bytes(count, size);
    unsigned char *block;
    if (bytes > arena->capacity - arena->used) {
        return NULL;
    }
    block = arena->base + arena->used;
    arena->used += bytes;
    if (arena->used > arena->peak) {
        arena->peak = arena->used;
    }
    ASAN_UNPOISON_MEMORY_REGION(block, count * size);
    return block;
}

size_t sg_arena_mark(const sg_arena *arena) {
    return arena->used;
}

void sg_arena_rewind(sg_arena *arena, size_t mark) {
    assert(mark <= arena->used);
    ASAN_POISON_MEMORY_REGION(arena->base + mark, arena->used - mark);
    arena->used = mark;
}
