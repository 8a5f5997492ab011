/* SPDX-License-Identifier: Apache-2.0 */
/* Every token of a T5 tokenizer by id: the pieces of spiece.model, then the sentinels, the last one
 * first; and the special strings, which are taken out of a text before anything else is done to it.
 */
#ifndef SG_TEXT_VOCABULARY_H
#define SG_TEXT_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "text/piece_model.h"
#include "text/piece_trie.h"

/* T5's ids, the same in every checkpoint of the family. */
#define SG_VOCABULARY_PAD_ID 0
#define SG_VOCABULARY_EOS_ID 1
#define SG_VOCABULARY_UNK_ID 2

/* Immutable once open; may be shared by threads. */
typedef struct sg_vocabulary {
    sg_piece_text *texts;  /* [size] by id; each NUL-terminated */
    float *scores;         /* [size] */
    bool *skipped;         /* [size] left out by skip_special_tokens */
    int32_t size;          /* pieces + sentinels */
    int32_t piece_count;   /* pieces of the model */
    char *sentinel_texts;  /* what the sentinels' texts point into */
    sg_piece_trie special; /* the special strings; value: index into special_ids */
    int32_t *special_ids;
    sg_piece_model model; /* owned; what the pieces' texts point into */
} sg_vocabulary;

/* Take over *model (zeroed on success; the caller's on failure) and add `sentinel_count` sentinels.
 * Errors: SG_STATUS_UNSUPPORTED where the first pieces are not T5's, SG_STATUS_MODEL where a piece
 * is itself written like a sentinel or special string, SG_STATUS_MEMORY. On failure *vocabulary is
 * zeroed. */
sg_status sg_vocabulary_open(sg_vocabulary *vocabulary, sg_piece_model *model,
                             int32_t sentinel_count, sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_vocabulary_clear(sg_vocabulary *vocabulary);

/* The special string that text[0..length) begins with, the longest: its id, and its bytes in
 * *matched; -1 if there is none. */
int32_t sg_vocabulary_match_special(const sg_vocabulary *vocabulary, const char *text,
                                    size_t length, size_t *matched);

/* N where `id` is <extra_id_N>, else -1. */
int32_t sg_vocabulary_sentinel_index(const sg_vocabulary *vocabulary, int32_t id);

/* True for the special strings: the control pieces, the unknown piece, user-defined pieces,
 * sentinels. */
bool sg_vocabulary_is_special(const sg_vocabulary *vocabulary, int32_t id);

#endif
