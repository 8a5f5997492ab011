/* SPDX-License-Identifier: Apache-2.0 */
/* Partial outputs and finished ones. The tree only grows: a node's generation is its position, so a
 * finished output needs no copy of its tokens, only its last token and where that hangs. The list
 * keeps its slots in order, best first, by merging: old slots, then offers, the earlier one on a
 * tie. */
#include "search/hypothesis.h"

#include <assert.h>
#include <float.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"

sg_status sg_hypothesis_tree_init(sg_hypothesis_tree *tree, size_t width, size_t capacity,
                                  sg_error *error) {
    size_t count;
    memset(tree, 0, sizeof *tree);
    tree->width = width;
    tree->capacity = capacity;
    if (sg_checked_mul(width, capacity, &count)) {
        tree->nodes = sg_memory_alloc_zeroed(count, sizeof *tree->nodes);
    }
    if (tree->nodes == NULL) {
        return sg_memory_error(error, "the partial outputs",
                               width * capacity * sizeof *tree->nodes);
    }
    return SG_STATUS_OK;
}

void sg_hypothesis_tree_clear(sg_hypothesis_tree *tree) {
    sg_memory_free(tree->nodes);
    memset(tree, 0, sizeof *tree);
}

void sg_hypothesis_tree_append(sg_hypothesis_tree *tree, const sg_hypothesis_node *nodes) {
    assert(tree->generations < tree->capacity);
    memcpy(tree->nodes + tree->generations * tree->width, nodes, tree->width * sizeof *nodes);
    tree->generations++;
}

void sg_hypothesis_tree_read(const sg_hypothesis_tree *tree, size_t last, size_t length,
                             int32_t *ids, float *logprobs) {
    assert(length <= tree->generations);
    for (size_t generation = length; generation-- > 0;) {
        assert(last < tree->width);
        const sg_hypothesis_node *node = &tree->nodes[generation * tree->width + last];
        ids[generation] = node->token;
        if (logprobs != NULL) {
            logprobs[generation] = node->logprob;
        }
        last = (size_t)node->parent;
    }
}

sg_status sg_hypothesis_list_init(sg_hypothesis_list *list, size_t capacity, size_t most_offered,
                                  sg_error *error) {
    size_t both;
    memset(list, 0, sizeof *list);
    list->capacity = capacity;
    list->most_offered = most_offered;
    if (sg_checked_add(capacity, most_offered, &both)) {
        list->slots = sg_memory_alloc_zeroed(capacity, sizeof *list->slots);
        list->merged = sg_memory_alloc_zeroed(both, sizeof *list->merged);
        list->scores = sg_memory_alloc_zeroed(both, sizeof *list->scores);
        list->order = sg_memory_alloc_zeroed(capacity, sizeof *list->order);
    }
    if (list->slots == NULL || list->merged == NULL || list->scores == NULL ||
        list->order == NULL) {
        return sg_memory_error(error, "the finished outputs", most_offered * sizeof *list->merged);
    }
    for (size_t i = 0; i < capacity; i++) {
        list->slots[i].score = SG_HYPOTHESIS_NEVER;
    }
    return SG_STATUS_OK;
}

void sg_hypothesis_list_clear(sg_hypothesis_list *list) {
    sg_memory_free(list->slots);
    sg_memory_free(list->merged);
    sg_memory_free(list->scores);
    sg_memory_free(list->order);
    memset(list, 0, sizeof *list);
}

sg_hypothesis_slot *sg_hypothesis_list_offer(sg_hypothesis_list *list, size_t index) {
    assert(index < list->most_offered);
    return &list->merged[list->capacity + index];
}

/* The best finished output among those that are not in order[0..capacity), or NULL. */
static const sg_hypothesis_slot *best_dropped(const sg_hypothesis_list *list, size_t count) {
    const sg_hypothesis_slot *best = NULL;
    const sg_scored *end = &list->order[list->capacity - 1];
    for (size_t i = 0; i < count; i++) {
        const sg_hypothesis_slot *slot = &list->merged[i];
        bool dropped = slot->score < end->score || (slot->score == end->score && i > end->index);
        if (dropped && slot->filled && (best == NULL || slot->score > best->score)) {
            best = slot;
        }
    }
    return best;
}

float sg_hypothesis_list_merge(sg_hypothesis_list *list, size_t offered) {
    size_t count = list->capacity + offered;
    size_t used = 0;
    const sg_hypothesis_slot *dropped;
    assert(offered <= list->most_offered);
    memcpy(list->merged, list->slots, list->capacity * sizeof *list->slots);
    for (size_t i = 0; i < count; i++) {
        list->scores[i] = list->merged[i].score;
    }
    sg_topk_offer(list->scores, count, 0, list->order, list->capacity, &used);
    sg_topk_sort(list->order, used);
    for (size_t i = 0; i < list->capacity; i++) {
        list->slots[i] = list->merged[list->order[i].index];
    }
    dropped = best_dropped(list, count);
    return dropped == NULL ? FLT_MAX
                           : sg_hypothesis_distance(sg_hypothesis_list_worst(list), dropped->score);
}

bool sg_hypothesis_list_is_full(const sg_hypothesis_list *list) {
    for (size_t i = 0; i < list->capacity; i++) {
        if (!list->slots[i].filled) {
            return false;
        }
    }
    return true;
}

float sg_hypothesis_list_worst(const sg_hypothesis_list *list) {
    return list->slots[list->capacity - 1].score;
}

float sg_hypothesis_distance(float better, float worse) {
    float distance = better - worse;
    if (better == worse) {
        return 0.0F;
    }
    return distance < FLT_MAX ? distance : FLT_MAX;
}
