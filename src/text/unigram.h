/* SPDX-License-Identifier: Apache-2.0 */
/* Segmentation of a word into pieces by the unigram model (Kudo 2018, arXiv 1804.10959,
 * section 3.2): the most probable segmentation, found by Viterbi in double precision, as the
 * tokenizers library does it. */
#ifndef SG_TEXT_UNIGRAM_H
#define SG_TEXT_UNIGRAM_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "text/piece_trie.h"

/* Immutable once open; may be shared by threads. */
typedef struct sg_unigram {
    sg_piece_trie trie; /* value: the piece's id */
    double *scores;     /* [trie values] */
    double unknown_score;
    int32_t unknown_id;
} sg_unigram;

/* Ids that grow. Zeroed: empty. */
typedef struct sg_id_list {
    int32_t *ids;
    size_t count, capacity;
} sg_id_list;

/* Append one id. Errors: SG_STATUS_MEMORY. */
sg_status sg_id_list_append(sg_id_list *list, int32_t id, sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_id_list_clear(sg_id_list *list);

/* The best way to each byte of a word. */
typedef struct sg_unigram_node {
    double score;
    int32_t id;      /* of the last piece on the way */
    uint32_t length; /* bytes of that piece; 0: no way leads here */
} sg_unigram_node;

/* Scratch for one thread, kept from word to word. Zeroed: empty. */
typedef struct sg_unigram_scratch {
    sg_unigram_node *nodes;
    size_t capacity;
} sg_unigram_scratch;

/* Release. Allowed on a zeroed struct and twice. */
void sg_unigram_scratch_clear(sg_unigram_scratch *scratch);

/* Open over texts[0..count) (ids are indices, none empty, all valid UTF-8) and scores[count], both
 * copied as far as they are needed. All pieces are candidates, whatever their type. The score of an
 * unknown character is the lowest score - 10. Errors: SG_STATUS_MODEL (a piece is there twice,
 * named); _MEMORY. On failure *unigram is zeroed. */
sg_status sg_unigram_open(sg_unigram *unigram, const sg_piece_text *texts, const float *scores,
                          size_t count, int32_t unknown_id, sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_unigram_clear(sg_unigram *unigram);

/* Append the ids of word[0..length) (valid UTF-8; empty: none) to `ids`. Neighbouring unknown
 * characters are one id. Time is length times the longest piece. Errors: SG_STATUS_MEMORY. */
sg_status sg_unigram_segment(const sg_unigram *unigram, const char *word, size_t length,
                             sg_unigram_scratch *scratch, sg_id_list *ids,
                             sg_error *error) SG_MUST_CHECK;

#endif
