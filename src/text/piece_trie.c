/* SPDX-License-Identifier: Apache-2.0 */
/* The trie of pieces: a set of strings comes in, an array of nodes goes out.
 *
 * It is built a level at a time. A node stands for a range of the strings that share its prefix;
 * the range is ordered by the next byte, and each group becomes a child. Ranges of a level lie in
 * the order of their nodes, so appending children gives every node its children side by side.
 * Invariant: each string is looked at once for each of its bytes, and short ranges are ordered by
 * insertion, so time is linear in the bytes whatever the strings are. */
#include "text/piece_trie.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Ranges up to this long are ordered by insertion; counting 256 bytes costs more below it. */
#define INSERTION_LIMIT 24

/* What a node stands for while the trie is built. */
typedef struct range {
    uint32_t begin, end; /* into order[] */
} range;

typedef struct builder {
    const sg_piece_text *texts;
    uint32_t *order; /* [count] indices of the strings, grouped by node */
    uint32_t *spare; /* [count] */
    range *ranges;   /* [nodes] */
    sg_piece_trie_node *nodes;
    size_t node_count;
    size_t duplicate;
} builder;

static unsigned char byte_at(const builder *build, uint32_t string, size_t depth) {
    return (unsigned char)build->texts[string].bytes[depth];
}

static void order_by_insertion(const builder *build, range span, size_t depth) {
    for (uint32_t i = span.begin + 1; i < span.end; i++) {
        uint32_t string = build->order[i];
        unsigned char byte = byte_at(build, string, depth);
        uint32_t place = i;
        while (place > span.begin && byte_at(build, build->order[place - 1], depth) > byte) {
            build->order[place] = build->order[place - 1];
            place--;
        }
        build->order[place] = string;
    }
}

static void order_by_counting(const builder *build, range span, size_t depth) {
    uint32_t starts[256] = {0};
    for (uint32_t i = span.begin; i < span.end; i++) {
        starts[byte_at(build, build->order[i], depth)]++;
    }
    uint32_t next = span.begin;
    for (size_t byte = 0; byte < 256; byte++) {
        uint32_t here = starts[byte];
        starts[byte] = next;
        next += here;
    }
    for (uint32_t i = span.begin; i < span.end; i++) {
        uint32_t string = build->order[i];
        build->spare[starts[byte_at(build, string, depth)]++] = string;
    }
    memcpy(build->order + span.begin, build->spare + span.begin,
           (span.end - span.begin) * sizeof(*build->order));
}

/* Move the strings of `span` that end at `depth` to its front, give one to the node and take them
 * out of the span. False if there are two. */
static bool take_value(builder *build, sg_piece_trie_node *node, range *span, size_t depth) {
    for (uint32_t i = span->begin; i < span->end; i++) {
        uint32_t string = build->order[i];
        if (build->texts[string].length != depth) {
            continue;
        }
        if (node->value >= 0) {
            uint32_t other = (uint32_t)node->value;
            build->duplicate = string > other ? string : other;
            return false;
        }
        node->value = (int32_t)string;
        build->order[i] = build->order[span->begin];
        build->order[span->begin] = string;
    }
    if (node->value >= 0) {
        span->begin++;
    }
    return true;
}

/* Make the children of node `index`, whose strings share `depth` bytes. */
static bool expand(builder *build, size_t index, size_t depth) {
    sg_piece_trie_node *node = &build->nodes[index];
    range span = build->ranges[index];
    if (!take_value(build, node, &span, depth)) {
        return false;
    }
    if (span.end - span.begin <= INSERTION_LIMIT) {
        order_by_insertion(build, span, depth);
    } else {
        order_by_counting(build, span, depth);
    }
    node->first_child = (uint32_t)build->node_count;
    for (uint32_t i = span.begin; i < span.end;) {
        unsigned char byte = byte_at(build, build->order[i], depth);
        uint32_t end = i + 1;
        while (end < span.end && byte_at(build, build->order[end], depth) == byte) {
            end++;
        }
        build->nodes[build->node_count] = (sg_piece_trie_node){.value = -1, .label = byte};
        build->ranges[build->node_count] = (range){i, end};
        build->node_count++;
        node->child_count++;
        i = end;
    }
    return true;
}

static bool expand_all(builder *build) {
    size_t depth = 0;
    size_t level_end = 1;
    for (size_t index = 0; index < build->node_count; index++) {
        if (index == level_end) {
            level_end = build->node_count;
            depth++;
        }
        if (!expand(build, index, depth)) {
            return false;
        }
    }
    return true;
}

/* Bytes of all strings, or SIZE_MAX beyond the limit. */
static size_t total_bytes(const sg_piece_text *texts, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        assert(texts[i].length > 0);
        if (texts[i].length > SG_PIECE_TRIE_MAX_BYTES - total) {
            return SIZE_MAX;
        }
        total += texts[i].length;
    }
    return total;
}

static sg_status build_nodes(builder *build, sg_piece_trie *trie, size_t count, sg_error *error) {
    build->nodes[0] = (sg_piece_trie_node){.value = -1};
    build->ranges[0] = (range){0, (uint32_t)count};
    build->node_count = 1;
    for (size_t i = 0; i < count; i++) {
        build->order[i] = (uint32_t)i;
    }
    if (!expand_all(build)) {
        return sg_error_set(error, SG_STATUS_MODEL, "piece %zu is there twice", build->duplicate);
    }
    sg_piece_trie_node *fitted =
        sg_memory_resize(build->nodes, build->node_count, sizeof(*build->nodes));
    trie->nodes = fitted != NULL ? fitted : build->nodes;
    trie->count = build->node_count;
    build->nodes = NULL;
    return SG_STATUS_OK;
}

sg_status sg_piece_trie_build(sg_piece_trie *trie, const sg_piece_text *texts, size_t count,
                              size_t *duplicate, sg_error *error) {
    *trie = (sg_piece_trie){0};
    size_t bytes = total_bytes(texts, count);
    if (bytes == SIZE_MAX) {
        if (duplicate != NULL) {
            *duplicate = count;
        }
        return sg_error_set(error, SG_STATUS_MODEL, "the pieces hold more than %zu bytes together",
                            SG_PIECE_TRIE_MAX_BYTES);
    }
    builder build = {.texts = texts};
    build.order = sg_memory_alloc(count, sizeof(*build.order));
    build.spare = sg_memory_alloc(count, sizeof(*build.spare));
    build.ranges = sg_memory_alloc(bytes + 1, sizeof(*build.ranges));
    build.nodes = sg_memory_alloc(bytes + 1, sizeof(*build.nodes));
    sg_status status;
    if (build.order == NULL || build.spare == NULL || build.ranges == NULL || build.nodes == NULL) {
        status = sg_memory_error(error, "the trie of pieces", (bytes + 1) * sizeof(*build.nodes));
    } else {
        status = build_nodes(&build, trie, count, error);
    }
    if (duplicate != NULL) {
        *duplicate = build.duplicate;
    }
    sg_memory_free(build.nodes);
    sg_memory_free(build.ranges);
    sg_memory_free(build.spare);
    sg_memory_free(build.order);
    return status;
}

void sg_piece_trie_clear(sg_piece_trie *trie) {
    sg_memory_free(trie->nodes);
    *trie = (sg_piece_trie){0};
}

uint32_t sg_piece_trie_step(const sg_piece_trie *trie, uint32_t node, unsigned char byte) {
    const sg_piece_trie_node *parent = &trie->nodes[node];
    uint32_t low = parent->first_child;
    uint32_t high = low + parent->child_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        unsigned char label = trie->nodes[middle].label;
        if (label == byte) {
            return middle;
        }
        if (label < byte) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return SG_PIECE_TRIE_NONE;
}

int32_t sg_piece_trie_find(const sg_piece_trie *trie, const char *bytes, size_t length) {
    uint32_t node = SG_PIECE_TRIE_ROOT;
    for (size_t i = 0; i < length; i++) {
        node = sg_piece_trie_step(trie, node, (unsigned char)bytes[i]);
        if (node == SG_PIECE_TRIE_NONE) {
            return -1;
        }
    }
    return sg_piece_trie_value(trie, node);
}

int32_t sg_piece_trie_longest(const sg_piece_trie *trie, const char *bytes, size_t length,
                              size_t *matched) {
    int32_t value = -1;
    uint32_t node = SG_PIECE_TRIE_ROOT;
    for (size_t i = 0; i < length; i++) {
        node = sg_piece_trie_step(trie, node, (unsigned char)bytes[i]);
        if (node == SG_PIECE_TRIE_NONE) {
            break;
        }
        if (sg_piece_trie_value(trie, node) >= 0) {
            value = sg_piece_trie_value(trie, node);
            *matched = i + 1;
        }
    }
    return value;
}
