/* SPDX-License-Identifier: Apache-2.0 */
/* Partial outputs that share their beginnings, and the bounded list of the best finished ones. */
#ifndef SG_SEARCH_HYPOTHESIS_H
#define SG_SEARCH_HYPOTHESIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "math/topk.h"

/* What the reference adds to a score that must not win, and an unfilled slot's score. A float32
 * addition: it wipes out the score's own digits, in the reference too. */
#define SG_HYPOTHESIS_NEVER (-1.0e9F)

/* One token of a partial output and what it continues. */
typedef struct sg_hypothesis_node {
    float logprob; /* the model's own, before processors */
    int32_t token;
    int32_t parent; /* index in the generation before; in the first generation not read */
} sg_hypothesis_node;

/* All partial outputs of a search, as a tree: generation g (from 0) holds `width` nodes, the last
 * tokens of the partial outputs of g + 1 tokens. Nothing is ever moved or copied; a step costs
 * O(width). */
typedef struct sg_hypothesis_tree {
    sg_hypothesis_node *nodes; /* [capacity, width] */
    size_t width;
    size_t capacity;
    size_t generations; /* that hold nodes */
} sg_hypothesis_tree;

/* Make room for `capacity` generations of `width` nodes; memory becomes physical as it is written.
 * On failure `tree` may still be cleared. Errors: SG_STATUS_MEMORY. */
sg_status sg_hypothesis_tree_init(sg_hypothesis_tree *tree, size_t width, size_t capacity,
                                  sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_hypothesis_tree_clear(sg_hypothesis_tree *tree);

/* Add a generation: copies nodes[0..width). There must be room. */
void sg_hypothesis_tree_append(sg_hypothesis_tree *tree, const sg_hypothesis_node *nodes);

/* Write the first `length` tokens of the partial output that ends at node `last` of generation
 * length - 1, oldest first. length 0 writes nothing.
 *
 * ids       [length]
 * logprobs  [length], or NULL */
void sg_hypothesis_tree_read(const sg_hypothesis_tree *tree, size_t last, size_t length,
                             int32_t *ids, float *logprobs);

/* An output in the list: `last` continues a partial output of length - 1 tokens. */
typedef struct sg_hypothesis_slot {
    sg_hypothesis_node last;
    size_t length; /* tokens, `last` counted; 0 in a slot that never held one */
    float score;
    bool filled; /* holds a finished output */
} sg_hypothesis_slot;

/* The best `capacity` outputs, best first; on a tie the older, then the earlier offered. */
typedef struct sg_hypothesis_list {
    sg_hypothesis_slot *slots;  /* [capacity] */
    sg_hypothesis_slot *merged; /* [capacity + most_offered] scratch */
    float *scores;              /* [capacity + most_offered] scratch */
    sg_scored *order;           /* [capacity] scratch */
    size_t capacity;
    size_t most_offered;
} sg_hypothesis_list;

/* Make a list of unfilled slots with score SG_HYPOTHESIS_NEVER. On failure `list` may still be
 * cleared. Errors: SG_STATUS_MEMORY. */
sg_status sg_hypothesis_list_init(sg_hypothesis_list *list, size_t capacity, size_t most_offered,
                                  sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_hypothesis_list_clear(sg_hypothesis_list *list);

/* The place to write the `index`th offer to, index below most_offered. */
sg_hypothesis_slot *sg_hypothesis_list_offer(sg_hypothesis_list *list, size_t index);

/* Keep the best `capacity` of the slots and the first `offered` offers. Returns the distance
 * between the score kept last and the best finished output that was dropped; FLT_MAX if none was.
 */
float sg_hypothesis_list_merge(sg_hypothesis_list *list, size_t offered);

/* True if every slot holds a finished output. */
bool sg_hypothesis_list_is_full(const sg_hypothesis_list *list);

/* The lowest score of all slots. */
float sg_hypothesis_list_worst(const sg_hypothesis_list *list);

/* How far `better` is above `worse`: 0 or more, finite, FLT_MAX if farther; 0 for equal infinities.
 */
float sg_hypothesis_distance(float better, float worse);

#endif
