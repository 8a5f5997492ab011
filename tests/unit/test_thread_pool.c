/* SPDX-License-Identifier: Apache-2.0 */
/* The thread pool: every index exactly once, on threads that exist; and how many threads there may
 * be. */
#include "math/thread_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support/test.h"

#define MOST 1000

typedef struct visit_log {
    unsigned char seen[MOST];
    size_t grain;
    size_t count;
    unsigned threads;
    atomic_int faults;
    atomic_int pieces;
} visit_log;

static void visit(void *context, size_t begin, size_t end, unsigned thread) {
    visit_log *visits = context;
    bool whole = (end - begin) % visits->grain == 0 || end == visits->count;
    atomic_fetch_add(&visits->pieces, 1);
    if (begin >= end || end > visits->count || thread >= visits->threads || !whole) {
        atomic_fetch_add(&visits->faults, 1);
        return;
    }
    for (size_t i = begin; i < end; i++) {
        visits->seen[i]++; /* plain memory: a race or a lost piece is seen, by tsan too */
    }
}

/* Each index once, for many counts, grains and numbers of threads, in many loops after one another;
 * what a loop wrote is seen by the caller without further ado. */
static void visits_each_index_once(void) {
    sg_error error;
    for (unsigned threads = 1; threads <= 8; threads++) {
        sg_thread_pool *pool = NULL;
        CHECK_INT(sg_thread_pool_create(threads, &pool, &error), SG_STATUS_OK);
        CHECK_INT(sg_thread_pool_count(pool), threads);
        for (size_t loop = 0; loop < 400; loop++) {
            static visit_log visits;
            memset(visits.seen, 0, sizeof visits.seen);
            visits.count = loop * 37 % MOST;
            visits.grain = 1 + loop % 5 * 9;
            visits.threads = threads;
            atomic_store(&visits.faults, 0);
            atomic_store(&visits.pieces, 0);
            sg_thread_pool_run(pool, visits.count, visits.grain, visit, &visits);
            size_t wrong = 0;
            for (size_t i = 0; i < MOST; i++) {
                wrong += visits.seen[i] != (i < visits.count);
            }
            CHECK_INT(wrong, 0);
            CHECK_INT(atomic_load(&visits.faults), 0);
            CHECK(atomic_load(&visits.pieces) <= (int)threads);
            if (loop % 100 == 0) { /* long enough for workers to fall asleep */
                (void)nanosleep(&(struct timespec){0, 2000000}, NULL);
            }
        }
        sg_thread_pool_destroy(pool);
    }
}

/* No pool is a pool of one. */
static void null_runs_on_caller(void) {
    static visit_log visits = {.grain = 1, .count = 10, .threads = 1};
    sg_thread_pool_run(NULL, 10, 1, visit, &visits);
    CHECK_INT(visits.seen[0] + visits.seen[9], 2);
    CHECK_INT(atomic_load(&visits.pieces), 1);
    CHECK_INT(sg_thread_pool_count(NULL), 1);
    sg_thread_pool_destroy(NULL);
}

static void read_mask(void *context, size_t begin, size_t end, unsigned thread) {
    sigset_t *masks = context;
    (void)begin;
    (void)end;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &masks[thread]);
}

/* Workers block every signal, so that handlers run on threads that the program knows. */
static void workers_block_signals(void) {
    sg_thread_pool *pool = NULL;
    sigset_t masks[3];
    sg_error error;
    CHECK_INT(sg_thread_pool_create(3, &pool, &error), SG_STATUS_OK);
    sg_thread_pool_run(pool, 3, 1, read_mask, masks);
    CHECK(sigismember(&masks[0], SIGINT) == 0);
    CHECK(sigismember(&masks[1], SIGINT) == 1 && sigismember(&masks[2], SIGTERM) == 1);
    sg_thread_pool_destroy(pool);
}

/* Numbers out of range are refused in words. */
static void refuses_bad_counts(void) {
    sg_thread_pool *pool = NULL;
    sg_error error;
    CHECK_INT(sg_thread_pool_create(0, &pool, &error), SG_STATUS_ARGUMENT);
    CHECK_INT(sg_thread_pool_create(1025, &pool, &error), SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message, "1025");
    CHECK(pool == NULL);
    CHECK(sg_thread_pool_default_count() >= 1);
}

int main(void) {
    TEST(visits_each_index_once);
    TEST(null_runs_on_caller);
    TEST(workers_block_signals);
    TEST(refuses_bad_counts);
    return test_end();
}
