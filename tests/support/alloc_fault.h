/* SPDX-License-Identifier: Apache-2.0 */
/* Counts allocations, and makes a chosen one fail. For tests linked with alloc_fault.c by
 * sg_wrap_allocations (tests/CMakeLists.txt), which sends every malloc, calloc, realloc and
 * posix_memalign of the program's own objects through it. One thread only. */
#ifndef SG_TEST_ALLOC_FAULT_H
#define SG_TEST_ALLOC_FAULT_H

#include <stddef.h>

/* Allocations since the last alloc_fault_reset. */
size_t alloc_fault_count(void);

/* Count from 0 again; the allocation number `fail_at` (from 0) fails, SIZE_MAX for none. */
void alloc_fault_reset(size_t fail_at);

#endif
