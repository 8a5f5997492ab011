/* SPDX-License-Identifier: Apache-2.0 */
/* The normaliser's rules: bytes of a file come in, a trie that cannot be left goes out.
 *
 * A unit at index i, reached from a node, leads to i ^ offset(unit), the base of its children; the
 * child along byte b is the unit at base ^ b, and it is one only if its label is b. Where a unit
 * carries the leaf flag a rule ends: the unit at the base itself holds the place of its
 * replacement. Invariant after sg_charsmap_open: every base lies at least 256 units before the end,
 * every replacement is a whole UTF-8 string, no path is endless and none passes more than
 * SG_CHARSMAP_MAX_NESTED rules.
 *
 * Source of the form: darts-clone 0.32 (Susumu Yata), as SentencePiece 0.1.97 uses it in
 * normalizer.cc. */
#include "text/charsmap.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

#define UNIT_BYTES 4
#define BLOCK 256

static bool is_leaf(uint32_t unit) {
    return (unit & 0x80000000U) != 0;
}

static bool has_leaf(uint32_t unit) {
    return (unit & 0x100U) != 0;
}

static unsigned char label_of(uint32_t unit) {
    return (unsigned char)(unit & 0xFFU);
}

static size_t base_of(const uint32_t *units, size_t index) {
    uint32_t unit = units[index];
    return index ^ (size_t)((unit >> 10) << ((unit & 0x200U) >> 6));
}

static uint32_t replacement_of(uint32_t unit) {
    return unit & 0x7FFFFFFFU;
}

static uint32_t read_u32(const char *bytes) {
    const unsigned char *at = (const unsigned char *)bytes;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static sg_status check_replacements(const sg_charsmap *map, sg_error *error) {
    const char *bytes = map->replacements;
    size_t length = map->replacements_length;
    if (length == 0 || bytes[length - 1] != '\0') {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "charsmap: the last replacement does not end in a NUL");
    }
    size_t bad;
    if (!sg_utf8_is_valid(bytes, length, &bad)) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "charsmap: the replacements are not UTF-8 at byte %zu", bad);
    }
    for (size_t begin = 0; begin < length;) {
        size_t size = strlen(bytes + begin);
        if (size > SG_CHARSMAP_MAX_REPLACEMENT) {
            return sg_error_set(error, SG_STATUS_MODEL,
                                "charsmap: a replacement has %zu bytes, at most %d are allowed",
                                size, SG_CHARSMAP_MAX_REPLACEMENT);
        }
        begin += size + 1;
    }
    return SG_STATUS_OK;
}

/* The root is read without looking at its label, so it counts as a node whatever its flags say. */
static sg_status check_units(const sg_charsmap *map, sg_error *error) {
    for (size_t i = 0; i < map->unit_count; i++) {
        uint32_t unit = map->units[i];
        if (i > 0 && is_leaf(unit)) {
            continue;
        }
        size_t base = base_of(map->units, i);
        if ((base | (BLOCK - 1)) >= map->unit_count) {
            return sg_error_set(error, SG_STATUS_MODEL,
                                "charsmap: unit %zu leads to unit %zu, there are %zu", i, base,
                                map->unit_count);
        }
        if (!has_leaf(unit)) {
            continue;
        }
        uint32_t place = replacement_of(map->units[base]);
        if (place >= map->replacements_length) {
            return sg_error_set(error, SG_STATUS_MODEL,
                                "charsmap: unit %zu names replacement byte %u, there are %zu", i,
                                (unsigned)place, map->replacements_length);
        }
        if ((map->replacements[place] & 0xC0) == 0x80) {
            return sg_error_set(error, SG_STATUS_MODEL,
                                "charsmap: unit %zu names replacement byte %u, inside a character",
                                i, (unsigned)place);
        }
    }
    return SG_STATUS_OK;
}

/* The trie as a graph of bases: children[first[b] .. first[b + 1]) are the units whose parents have
 * base b. A base that several parents share is walked once, so the walk is linear. */
typedef struct base_graph {
    uint32_t *first;     /* [unit_count + 1] */
    uint32_t *children;  /* [unit_count] */
    uint32_t *stack;     /* [unit_count] bases on the present path */
    uint32_t *next;      /* [unit_count] next child of a base to look at */
    unsigned char *seen; /* [unit_count] 0 not yet, 1 on the path, 2 done */
    unsigned char *deep; /* [unit_count] most rules on a path below the base */
    unsigned char *tall; /* [unit_count] most bytes on a path below the base */
} base_graph;

static void clear_graph(base_graph *graph) {
    sg_memory_free(graph->first);
    sg_memory_free(graph->children);
    sg_memory_free(graph->stack);
    sg_memory_free(graph->next);
    sg_memory_free(graph->seen);
    sg_memory_free(graph->deep);
    sg_memory_free(graph->tall);
}

static bool init_graph(base_graph *graph, const sg_charsmap *map) {
    size_t count = map->unit_count;
    graph->first = sg_memory_alloc_zeroed(count + 1, sizeof(uint32_t));
    graph->children = sg_memory_alloc(count, sizeof(uint32_t));
    graph->stack = sg_memory_alloc(count, sizeof(uint32_t));
    graph->next = sg_memory_alloc(count, sizeof(uint32_t));
    graph->seen = sg_memory_alloc_zeroed(count, 1);
    graph->deep = sg_memory_alloc_zeroed(count, 1);
    graph->tall = sg_memory_alloc_zeroed(count, 1);
    if (graph->first == NULL || graph->children == NULL || graph->stack == NULL ||
        graph->next == NULL || graph->seen == NULL || graph->deep == NULL || graph->tall == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_leaf(map->units[i])) {
            graph->first[(i ^ label_of(map->units[i])) + 1]++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        graph->first[i + 1] += graph->first[i];
        graph->next[i] = graph->first[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_leaf(map->units[i])) {
            graph->children[graph->next[i ^ label_of(map->units[i])]++] = (uint32_t)i;
        }
    }
    memcpy(graph->next, graph->first, count * sizeof(uint32_t));
    return true;
}

/* Take what lies below `child` into the figures of its parents' base. Null, or what is wrong. */
static const char *add_below(base_graph *graph, uint32_t base, size_t below, bool ends_rule) {
    unsigned deep = graph->deep[below] + (ends_rule ? 1U : 0U);
    unsigned tall = graph->tall[below] + 1U;
    if (deep > SG_CHARSMAP_MAX_NESTED) {
        return "more than 32 rules begin with one another";
    }
    if (tall > SG_CHARSMAP_MAX_RULE) {
        return "a rule is longer than 255 bytes";
    }
    if (deep > graph->deep[base]) {
        graph->deep[base] = (unsigned char)deep;
    }
    if (tall > graph->tall[base]) {
        graph->tall[base] = (unsigned char)tall;
    }
    return NULL;
}

/* Depth first with a stack of our own. Null, or what is wrong. */
static const char *walk_graph(base_graph *graph, const sg_charsmap *map) {
    size_t root = base_of(map->units, 0);
    size_t height = 0;
    const char *fault = NULL;
    graph->stack[height++] = (uint32_t)root;
    graph->seen[root] = 1;
    while (height > 0 && fault == NULL) {
        uint32_t base = graph->stack[height - 1];
        if (graph->next[base] == graph->first[base + 1]) {
            graph->seen[base] = 2;
            height--;
            continue;
        }
        uint32_t child = graph->children[graph->next[base]];
        size_t below = base_of(map->units, child);
        if (graph->seen[below] == 0) {
            graph->seen[below] = 1;
            graph->stack[height++] = (uint32_t)below;
        } else if (graph->seen[below] == 1) {
            fault = "the trie has a loop";
        } else {
            fault = add_below(graph, base, below, has_leaf(map->units[child]));
            graph->next[base]++;
        }
    }
    return fault;
}

static sg_status check_paths(const sg_charsmap *map, sg_error *error) {
    base_graph graph = {0};
    sg_status status = SG_STATUS_OK;
    if (!init_graph(&graph, map)) {
        status = sg_memory_error(error, "checking the charsmap", map->unit_count * 19);
    } else {
        const char *fault = walk_graph(&graph, map);
        if (fault != NULL) {
            status = sg_error_set(error, SG_STATUS_MODEL, "charsmap: %s", fault);
        }
    }
    clear_graph(&graph);
    return status;
}

_Static_assert(SG_CHARSMAP_MAX_NESTED == 32 && SG_CHARSMAP_MAX_RULE == 255, "messages above");

static sg_status check_sizes(const char *bytes, size_t length, size_t *trie_bytes,
                             sg_error *error) {
    if (length < UNIT_BYTES) {
        return sg_error_set(error, SG_STATUS_MODEL, "charsmap: %zu bytes, at least 4 are needed",
                            length);
    }
    *trie_bytes = read_u32(bytes);
    if (*trie_bytes > length - UNIT_BYTES) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "charsmap: the trie is said to have %zu bytes, %zu are there",
                            *trie_bytes, length - UNIT_BYTES);
    }
    if (*trie_bytes == 0 || *trie_bytes % ((size_t)BLOCK * UNIT_BYTES) != 0) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "charsmap: the trie has %zu bytes, expected a multiple of %d above 0",
                            *trie_bytes, BLOCK * UNIT_BYTES);
    }
    return SG_STATUS_OK;
}

static sg_status copy_map(sg_charsmap *map, const char *bytes, size_t length, size_t trie_bytes,
                          sg_error *error) {
    map->unit_count = trie_bytes / UNIT_BYTES;
    map->replacements_length = length - UNIT_BYTES - trie_bytes;
    map->units = sg_memory_alloc(map->unit_count, sizeof(*map->units));
    map->replacements =
        sg_memory_copy_text(bytes + UNIT_BYTES + trie_bytes, map->replacements_length);
    if (map->units == NULL || map->replacements == NULL) {
        return sg_memory_error(error, "the charsmap", length);
    }
    for (size_t i = 0; i < map->unit_count; i++) {
        map->units[i] = read_u32(bytes + UNIT_BYTES + i * UNIT_BYTES);
    }
    return SG_STATUS_OK;
}

sg_status sg_charsmap_open(sg_charsmap *map, const char *bytes, size_t length, sg_error *error) {
    *map = (sg_charsmap){0};
    if (length == 0) {
        return SG_STATUS_OK;
    }
    size_t trie_bytes;
    SG_TRY(check_sizes(bytes, length, &trie_bytes, error));
    sg_status status = copy_map(map, bytes, length, trie_bytes, error);
    if (status == SG_STATUS_OK) {
        status = check_replacements(map, error);
    }
    if (status == SG_STATUS_OK) {
        status = check_units(map, error);
    }
    if (status == SG_STATUS_OK) {
        status = check_paths(map, error);
    }
    if (status != SG_STATUS_OK) {
        sg_charsmap_clear(map);
    }
    return status;
}

void sg_charsmap_clear(sg_charsmap *map) {
    sg_memory_free(map->units);
    sg_memory_free(map->replacements);
    *map = (sg_charsmap){0};
}

/* Bytes that the normaliser takes in its next step (the longest rule, else one character, else one
 * byte of what is no character), and what it puts in their place. Every unit that can be reached
 * was checked by check_units. */
static size_t next_step(const sg_charsmap *map, const char *text, size_t length, size_t *produced) {
    size_t longest = 0;
    if (map->unit_count > 0) {
        size_t base = base_of(map->units, 0);
        for (size_t i = 0; i < length; i++) {
            unsigned char byte = (unsigned char)text[i];
            size_t child = base ^ byte;
            uint32_t unit = map->units[child];
            if (is_leaf(unit) || label_of(unit) != byte) {
                break;
            }
            base = base_of(map->units, child);
            if (has_leaf(unit)) {
                longest = i + 1;
                *produced = strlen(map->replacements + replacement_of(map->units[base]));
            }
        }
    }
    if (longest > 0) {
        return longest;
    }
    size_t character = sg_utf8_decode(text, length, NULL);
    *produced = character > 0 ? character : 3; /* U+FFFD */
    return character > 0 ? character : 1;
}

size_t sg_charsmap_stretch(const sg_charsmap *map, const char *text, size_t length, size_t budget) {
    size_t read = 0;
    size_t written = 0;
    while (read < length && read < budget && written < budget) {
        size_t produced = 0;
        read += next_step(map, text + read, length - read, &produced);
        written += produced;
    }
    return read;
}
