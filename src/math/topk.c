/* SPDX-License-Identifier: Apache-2.0 */
/* In: scores. Out: the best of them in a total order (higher score, then lower index; NaN after all
 * numbers), so that the answer does not depend on the order of offering. The heap keeps its worst
 * at 0. */
#include "math/topk.h"

#include <assert.h>
#include <stdbool.h>

/* True if a comes before b. */
static bool is_better(sg_scored a, sg_scored b) {
    bool a_nan = a.score != a.score;
    bool b_nan = b.score != b.score;
    if (a_nan != b_nan) {
        return b_nan;
    }
    if (!a_nan && a.score != b.score) {
        return a.score > b.score;
    }
    return a.index < b.index;
}

size_t sg_argmax(const float *x, size_t count) {
    assert(count >= 1);
    size_t best = 0;
    float best_score = x[0];
    for (size_t i = 1; i < count; i++) {
        if (x[i] > best_score || (best_score != best_score && x[i] == x[i])) {
            best = i;
            best_score = x[i];
        }
    }
    return best;
}

/* Move the entry at `parent` down until no child is worse than it. */
static void sift_down(sg_scored *heap, size_t used, size_t parent) {
    sg_scored moving = heap[parent];
    for (;;) {
        size_t child = 2 * parent + 1;
        if (child >= used) {
            break;
        }
        if (child + 1 < used && is_better(heap[child], heap[child + 1])) {
            child++;
        }
        if (!is_better(moving, heap[child])) {
            break;
        }
        heap[parent] = heap[child];
        parent = child;
    }
    heap[parent] = moving;
}

/* Move the last entry up until its parent is worse. */
static void sift_up(sg_scored *heap, size_t position) {
    sg_scored moving = heap[position];
    while (position > 0) {
        size_t parent = (position - 1) / 2;
        if (!is_better(heap[parent], moving)) {
            break;
        }
        heap[position] = heap[parent];
        position = parent;
    }
    heap[position] = moving;
}

void sg_topk_offer(const float *x, size_t count, size_t first_index, sg_scored *best, size_t k,
                   size_t *used) {
    assert(k >= 1 && *used <= k);
    for (size_t i = 0; i < count; i++) {
        if (*used == k && x[i] < best[0].score) {
            continue; /* nearly all of a vocabulary ends here */
        }
        sg_scored candidate = {.score = x[i], .index = first_index + i};
        if (*used < k) {
            best[*used] = candidate;
            sift_up(best, *used);
            (*used)++;
        } else if (is_better(candidate, best[0])) {
            best[0] = candidate;
            sift_down(best, k, 0);
        }
    }
}

void sg_topk_sort(sg_scored *best, size_t used) {
    while (used > 1) {
        used--;
        sg_scored worst = best[0];
        best[0] = best[used];
        best[used] = worst;
        sift_down(best, used, 0);
    }
}
