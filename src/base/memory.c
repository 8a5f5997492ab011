/* SPDX-License-Identifier: Apache-2.0 */
/* The only calls of malloc and its family; tests wrap them at link time to count and to fail them.
 */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

/* The byte count of count * size, at least 1 so that success is never NULL. False on overflow. */
static bool block_bytes(size_t count, size_t size, size_t *bytes) {
    if (!sg_checked_mul(count, size, bytes)) {
        return false;
    }
    if (*bytes == 0) {
        *bytes = 1;
    }
    return true;
}

void *sg_memory_alloc(size_t count, size_t size) {
    size_t bytes;
    return block_bytes(count, size, &bytes) ? malloc(bytes) : NULL;
}

void *sg_memory_alloc_zeroed(size_t count, size_t size) {
    size_t bytes;
    return block_bytes(count, size, &bytes) ? calloc(1, bytes) : NULL;
}

void *sg_memory_alloc_aligned(size_t count, size_t size) {
    size_t bytes;
    void *block = NULL;
    if (!block_bytes(count, size, &bytes)) {
        return NULL;
    }
    return posix_memalign(&block, 64, bytes) == 0 ? block : NULL;
}

void *sg_memory_resize(void *block, size_t count, size_t size) {
    size_t bytes;
    return block_bytes(count, size, &bytes) ? realloc(block, bytes) : NULL;
}

char *sg_memory_copy_text(const char *text, size_t length) {
    size_t bytes;
    char *copy;
    if (!sg_checked_add(length, 1, &bytes)) {
        return NULL;
    }
    copy = sg_memory_alloc(bytes, 1);
    if (copy != NULL) {
        if (length > 0) {
            memcpy(copy, text, length);
        }
        copy[length] = '\0';
    }
    return copy;
}

void sg_memory_free(void *block) {
    free(block);
}

void sg_memory_fill_error(sg_error *error, const char *what, size_t bytes) {
    sg_error_fill(error, SG_STATUS_MEMORY, "out of memory: %s (%zu bytes)", what, bytes);
}
