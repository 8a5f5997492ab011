/* SPDX-License-Identifier: Apache-2.0 */
/* A byte trie over a set of strings, built once and read by many threads.
 *
 * The children of a node stand side by side in the order of their bytes, so a step is a binary
 * search in a few cache lines and nothing is hashed: no set of strings makes it slow to build or to
 * walk. */
#ifndef SG_TEXT_PIECE_TRIE_H
#define SG_TEXT_PIECE_TRIE_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

/* Node 0 is the root; as a child it means "none". */
#define SG_PIECE_TRIE_ROOT 0U
#define SG_PIECE_TRIE_NONE 0U

/* Most bytes of all strings together: bounds the number of nodes. */
#define SG_PIECE_TRIE_MAX_BYTES ((size_t)16 << 20)

/* A string by pointer and length; it may hold any bytes. Borrowed. */
typedef struct sg_piece_text {
    const char *bytes;
    size_t length;
} sg_piece_text;

typedef struct sg_piece_trie_node {
    uint32_t first_child;
    int32_t value; /* index of the string that ends here, or -1 */
    uint16_t child_count;
    unsigned char label; /* the byte that leads here */
} sg_piece_trie_node;

typedef struct sg_piece_trie {
    sg_piece_trie_node *nodes;
    size_t count;
} sg_piece_trie;

/* Build the trie of texts[0..count), each 1 byte or longer, none twice; the value of texts[i] is i.
 * The strings are not kept. Time and memory are linear in their bytes. On failure the trie is
 * empty. Errors: SG_STATUS_MODEL with *duplicate (may be NULL) the index of a string that is there
 * twice, or SG_PIECE_TRIE_MAX_BYTES passed (*duplicate is then count); SG_STATUS_MEMORY. */
sg_status sg_piece_trie_build(sg_piece_trie *trie, const sg_piece_text *texts, size_t count,
                              size_t *duplicate, sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_piece_trie_clear(sg_piece_trie *trie);

/* The child of `node` along `byte`, or SG_PIECE_TRIE_NONE. */
uint32_t sg_piece_trie_step(const sg_piece_trie *trie, uint32_t node, unsigned char byte);

/* The value of the string that ends at `node`, or -1. */
static inline int32_t sg_piece_trie_value(const sg_piece_trie *trie, uint32_t node) {
    return trie->nodes[node].value;
}

/* The value of the whole of bytes[0..length), or -1. */
int32_t sg_piece_trie_find(const sg_piece_trie *trie, const char *bytes, size_t length);

/* The value of the longest string that bytes[0..length) begins with and its length in *matched, or
 * -1. */
int32_t sg_piece_trie_longest(const sg_piece_trie *trie, const char *bytes, size_t length,
                              size_t *matched);

#endif
