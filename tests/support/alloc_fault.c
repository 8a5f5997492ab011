/* SPDX-License-Identifier: Apache-2.0 */
/* The linker's --wrap=NAME sends calls of NAME to __wrap_NAME and those of __real_NAME to NAME. */
#include "support/alloc_fault.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
int __real_posix_memalign(void **block, size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size);

static size_t allocation_count;
static size_t failing_allocation = SIZE_MAX;

static bool fails(void) {
    return allocation_count++ == failing_allocation;
}

size_t alloc_fault_count(void) {
    return allocation_count;
}

void alloc_fault_reset(size_t fail_at) {
    allocation_count = 0;
    failing_allocation = fail_at;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size) {
    return fails() ? NULL : __real_realloc(block, size);
}

int __wrap_posix_memalign(void **block, size_t alignment, size_t size) {
    return fails() ? ENOMEM : __real_posix_memalign(block, alignment, size);
}
