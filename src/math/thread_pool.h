/* SPDX-License-Identifier: Apache-2.0 */
/* A small pool that runs one loop at a time over all its threads. */
#ifndef SG_MATH_THREAD_POOL_H
#define SG_MATH_THREAD_POOL_H

#include <stddef.h>

#include <switchgen/status.h>

typedef struct sg_thread_pool sg_thread_pool;

/* A piece of a loop: indices begin .. end - 1, on thread number `thread` (0 .. count - 1). */
typedef void (*sg_thread_task)(void *context, size_t begin, size_t end, unsigned thread);

/* Threads that the affinity mask and the cgroup CPU quota (v1 and v2) allow, at least 1. */
unsigned sg_thread_pool_default_count(void);

/* A pool of `threads` (1 to 1024), the caller's own among them. Workers have all signals blocked
 * and an explicit stack of 1 MiB. Owned by the caller. Errors: SG_STATUS_ARGUMENT, _MEMORY, _IO. */
sg_status sg_thread_pool_create(unsigned threads, sg_thread_pool **pool,
                                sg_error *error) SG_MUST_CHECK;

/* Stop and join the threads. NULL is allowed. */
void sg_thread_pool_destroy(sg_thread_pool *pool);

/* Number of threads; 1 for NULL. */
unsigned sg_thread_pool_count(const sg_thread_pool *pool);

/* The grain for indices that cost `work` multiply-adds each: pieces worth waking a thread for. */
size_t sg_thread_pool_grain(size_t work);

/* Run `task` over 0 .. count - 1 cut into at most one contiguous piece a thread, each a multiple of
 * `grain` (1 or more) but the last; return when all are done. A NULL pool, or one piece, runs on
 * the caller. Not re-entrant, one caller at a time. Workers spin briefly for the next loop, then
 * sleep. */
void sg_thread_pool_run(sg_thread_pool *pool, size_t count, size_t grain, sg_thread_task task,
                        void *context);

#endif
