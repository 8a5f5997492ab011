/* SPDX-License-Identifier: Apache-2.0 */
/* spiece.model (a serialised sentencepiece ModelProto): every byte checked before it is used.
 *
 * The library follows what the file says without bounds: a long piece overflows its stack, a NUL in
 * a piece throws, a charsmap sends it anywhere. So the file is read here, by a plain walk of the
 * protobuf form, and only what passed goes on. */
#ifndef SG_TEXT_PIECE_MODEL_H
#define SG_TEXT_PIECE_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "text/charsmap.h"

#define SG_PIECE_MODEL_MAX_BYTES ((size_t)64 << 20)
#define SG_PIECE_MODEL_MAX_PIECES 1000000
#define SG_PIECE_MODEL_MAX_PIECE_BYTES 512
#define SG_PIECE_MODEL_MAX_USER_DEFINED 1024
#define SG_PIECE_MODEL_MAX_USER_DEFINED_NESTED 32

/* The numbers that the file stores. */
typedef enum sg_piece_type {
    SG_PIECE_TYPE_NORMAL = 1,
    SG_PIECE_TYPE_UNKNOWN = 2,
    SG_PIECE_TYPE_CONTROL = 3,
    SG_PIECE_TYPE_USER_DEFINED = 4,
    SG_PIECE_TYPE_UNUSED = 5,
    SG_PIECE_TYPE_BYTE = 6
} sg_piece_type;

typedef struct sg_piece {
    const char *text; /* NUL-terminated UTF-8, 1 to SG_PIECE_MODEL_MAX_PIECE_BYTES bytes */
    uint32_t length;  /* bytes */
    float score;      /* finite */
    sg_piece_type type;
} sg_piece;

/* A checked model; owns its memory. The index of a piece is its id. */
typedef struct sg_piece_model {
    sg_piece *pieces;
    size_t count;
    char *texts; /* what the pieces point into */
    int32_t unknown_id;
    sg_charsmap charsmap;
    const char *charsmap_bytes; /* the same as stored; borrowed from the file's bytes */
    size_t charsmap_length;
} sg_piece_model;

/* Read and check bytes[0..length), the whole file; they must outlive charsmap_bytes. On failure
 * *model is zeroed. Not checked here: that no piece is there twice (sg_unigram_open does, in the
 * trie it needs anyway). Errors: SG_STATUS_MODEL (what, where, found and allowed);
 * SG_STATUS_UNSUPPORTED for a model that is no unigram model; SG_STATUS_MEMORY. */
sg_status sg_piece_model_open(sg_piece_model *model, const char *bytes, size_t length,
                              sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_piece_model_clear(sg_piece_model *model);

#endif
