/* SPDX-License-Identifier: Apache-2.0 */
/* In: a loop body. Out: its indices run once each, cut over the threads.
 *
 * One atomic word, `command`, starts a loop: its low bits say how many threads take part, the rest
 * counts loops. The caller writes the job, then the word; a worker that takes part reads the word,
 * then the job, so the job is never read while it is written. `unfinished` hands the results back
 * the same way. Who finds nothing after a short spin sleeps on a condition variable; whoever
 * changes a word that others may sleep on looks at the count of sleepers after the change, and
 * sleepers look at the word after counting themselves (both sequentially consistent), so no wake-up
 * is lost. */
#include "math/thread_pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/error.h"
#include "base/memory.h"

#define MAX_THREADS 1024
#define STACK_BYTES ((size_t)1 << 20)
/* Looks at a word before going to sleep: 20 to 80 us on current CPUs, about the gap between two
 * products of a decoding step. */
/* Multiply-adds that a piece of a loop has at least: some two microseconds' worth, which is what it
 * costs to hand a piece to a thread that spins. */
#define PIECE_WORK ((size_t)1 << 15)
#define SPINS 2000
/* `command`: how many threads take part; -1 that the pool ends; the count of loops above. */
#define PARTICIPANTS_BITS 12
#define PARTICIPANTS_MASK (((uint64_t)1 << PARTICIPANTS_BITS) - 1)
#define COMMAND_STOP PARTICIPANTS_MASK

typedef struct pool_job {
    sg_thread_task task;
    void *context;
    size_t count;
    size_t piece; /* indices a thread */
} pool_job;

typedef struct pool_worker {
    sg_thread_pool *pool;
    pthread_t thread;
    unsigned number; /* 1 .. threads - 1; 0 is the caller */
} pool_worker;

struct sg_thread_pool {
    unsigned threads;
    unsigned started; /* workers running, for destroying a half-built pool */
    unsigned spins;
    pool_worker *workers; /* [threads - 1] */
    pool_job job;
    _Alignas(64) _Atomic uint64_t command;
    _Alignas(64) atomic_uint unfinished; /* workers that have not finished the loop */
    _Alignas(64) atomic_uint sleepers;   /* workers asleep, or about to be */
    atomic_bool caller_sleeps;
    pthread_mutex_t mutex;
    pthread_cond_t command_changed;
    pthread_cond_t finished;
};

static inline void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* CPUs that the affinity mask allows; masks grow because a machine may have more than 1,024. */
static unsigned count_affinity(void) {
    for (size_t cpus = 1024; cpus <= (size_t)1 << 20; cpus *= 4) {
        cpu_set_t *set = sg_memory_alloc_zeroed(CPU_ALLOC_SIZE(cpus), 1);
        if (set == NULL) {
            return 1;
        }
        int result = sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set);
        int failure = errno;
        int count = result == 0 ? CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set) : 0;
        sg_memory_free(set);
        if (result == 0) {
            return count > 0 ? (unsigned)count : 1;
        }
        if (failure != EINVAL) {
            return 1;
        }
    }
    return 1;
}

unsigned sg_thread_pool_default_count(void) {
    unsigned cpus = count_affinity();
    unsigned quota = sg_cgroup_cpus("");
    unsigned count = quota != 0 && quota < cpus ? quota : cpus;
    return count < MAX_THREADS ? count : MAX_THREADS;
}

/* Run the piece of thread `number`. */
static void run_piece(const pool_job *job, unsigned number) {
    size_t begin = job->piece * number;
    size_t left = job->count - begin;
    job->task(job->context, begin, begin + (left < job->piece ? left : job->piece), number);
}

/* The first command that differs from `seen`. */
static uint64_t wait_for_command(sg_thread_pool *pool, uint64_t seen) {
    for (unsigned spin = 0; spin < pool->spins; spin++) {
        uint64_t command = atomic_load_explicit(&pool->command, memory_order_acquire);
        if (command != seen) {
            return command;
        }
        pause_briefly();
    }
    uint64_t command;
    (void)pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while ((command = atomic_load(&pool->command)) == seen) {
        (void)pthread_cond_wait(&pool->command_changed, &pool->mutex);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
    (void)pthread_mutex_unlock(&pool->mutex);
    return command;
}

/* One worker has finished its piece; the last one wakes the caller if it sleeps. */
static void finish_piece(sg_thread_pool *pool) {
    if (atomic_fetch_sub(&pool->unfinished, 1) == 1 && atomic_load(&pool->caller_sleeps)) {
        (void)pthread_mutex_lock(&pool->mutex);
        (void)pthread_cond_signal(&pool->finished);
        (void)pthread_mutex_unlock(&pool->mutex);
    }
}

static void *run_worker(void *argument) {
    pool_worker *worker = argument;
    sg_thread_pool *pool = worker->pool;
    uint64_t command = 0;
    for (;;) {
        command = wait_for_command(pool, command);
        uint64_t participants = command & PARTICIPANTS_MASK;
        if (participants == COMMAND_STOP) {
            return NULL;
        }
        if (worker->number < participants) {
            run_piece(&pool->job, worker->number);
            finish_piece(pool);
        }
    }
}

/* Publish a command to all workers. */
static void send_command(sg_thread_pool *pool, uint64_t participants) {
    uint64_t loops =
        atomic_load_explicit(&pool->command, memory_order_relaxed) >> PARTICIPANTS_BITS;
    atomic_store(&pool->command, ((loops + 1) << PARTICIPANTS_BITS) | participants);
    if (atomic_load(&pool->sleepers) > 0) {
        (void)pthread_mutex_lock(&pool->mutex);
        (void)pthread_cond_broadcast(&pool->command_changed);
        (void)pthread_mutex_unlock(&pool->mutex);
    }
}

/* Return when all workers have finished their pieces. */
static void wait_until_finished(sg_thread_pool *pool) {
    for (unsigned spin = 0; spin < pool->spins; spin++) {
        if (atomic_load_explicit(&pool->unfinished, memory_order_acquire) == 0) {
            return;
        }
        pause_briefly();
    }
    (void)pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, true);
    while (atomic_load(&pool->unfinished) != 0) {
        (void)pthread_cond_wait(&pool->finished, &pool->mutex);
    }
    atomic_store(&pool->caller_sleeps, false);
    (void)pthread_mutex_unlock(&pool->mutex);
}

size_t sg_thread_pool_grain(size_t work) {
    return work >= PIECE_WORK ? 1 : PIECE_WORK / (work > 0 ? work : 1);
}

void sg_thread_pool_run(sg_thread_pool *pool, size_t count, size_t grain, sg_thread_task task,
                        void *context) {
    assert(grain >= 1);
    if (count == 0) {
        return;
    }
    size_t threads = sg_thread_pool_count(pool);
    size_t grains = (count - 1) / grain + 1;
    size_t piece_grains = (grains - 1) / threads + 1;
    size_t pieces = (grains - 1) / piece_grains + 1;
    if (pieces == 1) {
        task(context, 0, count, 0);
        return;
    }
    pool->job = (pool_job){task, context, count, piece_grains * grain};
    atomic_store_explicit(&pool->unfinished, (unsigned)pieces - 1, memory_order_relaxed);
    send_command(pool, pieces);
    run_piece(&pool->job, 0);
    wait_until_finished(pool);
}

unsigned sg_thread_pool_count(const sg_thread_pool *pool) {
    return pool == NULL ? 1 : pool->threads;
}

/* Start one worker with all signals blocked: they belong to the threads of the program. */
static int start_worker(pool_worker *worker) {
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    int failure = pthread_attr_init(&attributes);
    if (failure != 0) {
        return failure;
    }
    failure = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (failure == 0) {
        (void)sigfillset(&all);
        failure = pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    if (failure == 0) {
        failure = pthread_create(&worker->thread, &attributes, run_worker, worker);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attributes);
    return failure;
}

static sg_status start_workers(sg_thread_pool *pool, sg_error *error) {
    for (unsigned i = 0; i < pool->threads - 1; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].number = i + 1;
        int failure = start_worker(&pool->workers[i]);
        if (failure != 0) {
            (void)sg_error_from_errno(error, failure, "cannot start thread %u of %u", i + 2,
                                      pool->threads);
            return sg_error_hint(error, "ask for fewer with --threads");
        }
        pool->started++;
    }
    return SG_STATUS_OK;
}

sg_status sg_thread_pool_create(unsigned threads, sg_thread_pool **pool, sg_error *error) {
    if (threads < 1 || threads > MAX_THREADS) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "threads must be 1 to %d, not %u",
                            MAX_THREADS, threads);
    }
    sg_thread_pool *made = sg_memory_alloc_aligned(1, sizeof *made);
    pool_worker *workers = sg_memory_alloc(threads, sizeof *workers);
    if (made == NULL || workers == NULL) {
        sg_memory_free(made);
        sg_memory_free(workers);
        return sg_memory_error(error, "thread pool", threads * sizeof *workers);
    }
    *made = (sg_thread_pool){.threads = threads, .workers = workers};
    /* Spinning where threads outnumber CPUs keeps the one that has work from running. */
    made->spins = threads <= sg_thread_pool_default_count() ? SPINS : 0;
    (void)pthread_mutex_init(&made->mutex, NULL);
    (void)pthread_cond_init(&made->command_changed, NULL);
    (void)pthread_cond_init(&made->finished, NULL);
    sg_status status = start_workers(made, error);
    if (status != SG_STATUS_OK) {
        sg_thread_pool_destroy(made);
        return status;
    }
    *pool = made;
    return SG_STATUS_OK;
}

void sg_thread_pool_destroy(sg_thread_pool *pool) {
    if (pool == NULL) {
        return;
    }
    send_command(pool, COMMAND_STOP);
    for (unsigned i = 0; i < pool->started; i++) {
        (void)pthread_join(pool->workers[i].thread, NULL);
    }
    (void)pthread_cond_destroy(&pool->finished);
    (void)pthread_cond_destroy(&pool->command_changed);
    (void)pthread_mutex_destroy(&pool->mutex);
    sg_memory_free(pool->workers);
    sg_memory_free(pool);
}
