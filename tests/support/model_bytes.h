/* SPDX-License-Identifier: Apache-2.0 */
/* spiece.model files for tests, sound or broken, written field by field. */
#ifndef SG_TEST_MODEL_BYTES_H
#define SG_TEST_MODEL_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

#define PIECE_NORMAL 1
#define PIECE_UNKNOWN 2
#define PIECE_CONTROL 3
#define PIECE_USER_DEFINED 4

/* Room for the largest file a test writes. */
static inline sg_buffer model_bytes_start(void) {
    sg_buffer out;
    sg_buffer_init(&out, (size_t)128 << 20);
    return out;
}

static inline void put_varint(sg_buffer *out, uint64_t value) {
    do {
        unsigned char byte = (unsigned char)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
        (void)sg_buffer_append(out, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static inline void put_tag(sg_buffer *out, uint32_t id, unsigned wire) {
    put_varint(out, (uint64_t)id << 3 | wire);
}

/* A field of wire type 2. */
static inline void put_bytes(sg_buffer *out, uint32_t id, const void *bytes, size_t length) {
    put_tag(out, id, 2);
    put_varint(out, length);
    (void)sg_buffer_append(out, bytes, length);
}

/* A field of wire type 0. */
static inline void put_number(sg_buffer *out, uint32_t id, uint64_t value) {
    put_tag(out, id, 0);
    put_varint(out, value);
}

/* A field of wire type 5 that holds a float. */
static inline void put_float(sg_buffer *out, uint32_t id, float value) {
    put_tag(out, id, 5);
    (void)sg_buffer_append(out, &value,
                           sizeof(value)); /* the tests run on little-endian machines */
}

/* A piece of the model. */
static inline void put_piece_bytes(sg_buffer *out, const void *text, size_t length, float score,
                                   uint64_t type) {
    sg_buffer piece = model_bytes_start();
    put_bytes(&piece, 1, text, length);
    put_float(&piece, 2, score);
    put_number(&piece, 3, type);
    put_bytes(out, 1, piece.data, piece.length);
    sg_buffer_clear(&piece);
}

static inline void put_piece(sg_buffer *out, const char *text, float score, uint64_t type) {
    put_piece_bytes(out, text, strlen(text), score, type);
}

/* The pieces that every T5 model begins with. */
static inline void put_first_pieces(sg_buffer *out) {
    put_piece(out, "<pad>", 0.0F, PIECE_CONTROL);
    put_piece(out, "</s>", 0.0F, PIECE_CONTROL);
    put_piece(out, "<unk>", 0.0F, PIECE_UNKNOWN);
}

/* The normaliser's settings with `charsmap`. */
static inline void put_charsmap(sg_buffer *out, const sg_buffer *charsmap) {
    sg_buffer settings = model_bytes_start();
    put_bytes(&settings, 2, charsmap->data, charsmap->length);
    put_bytes(out, 3, settings.data, settings.length);
    sg_buffer_clear(&settings);
}

/* A charsmap in the making: a double array of `blocks` blocks of 256 units, each node's children in
 * a block of its own, and replacements. */
#define CHARSMAP_BLOCKS 320

typedef struct charsmap_maker {
    uint32_t units[CHARSMAP_BLOCKS * 256];
    uint32_t bases[CHARSMAP_BLOCKS]; /* the base of the node whose children are in a block */
    size_t blocks;
    char replacements[4096];
    size_t replacements_length;
} charsmap_maker;

/* Point the unit at `index` to a fresh block. Units that are no child carry the leaf bit. */
static inline void charsmap_open_block(charsmap_maker *maker, size_t index) {
    size_t block = maker->blocks++;
    maker->units[index] |= 0x200U | (uint32_t)((index >> 8) ^ block) << 10;
    maker->bases[block] = (uint32_t)(block << 8 | (index & 0xFF));
    for (size_t i = block << 8; i < (block + 1) << 8; i++) {
        maker->units[i] = 0x80000000U;
    }
}

static inline void charsmap_start(charsmap_maker *maker) {
    memset(maker, 0, sizeof(*maker));
    maker->blocks = 1;
    for (size_t i = 0; i < 256; i++) {
        maker->units[i] = 0x80000000U;
    }
    maker->units[0] = 0;
    charsmap_open_block(maker, 0);
}

/* Add the rule `from` -> `to`. */
static inline void charsmap_rule(charsmap_maker *maker, const char *from, const char *to) {
    size_t block = 1;
    size_t index = 0;
    for (const char *byte = from; *byte != '\0'; byte++) {
        index = maker->bases[block] ^ (unsigned char)*byte;
        if ((maker->units[index] & 0x80000000U) != 0) {
            maker->units[index] = (unsigned char)*byte;
            charsmap_open_block(maker, index);
        }
        block = (index >> 8) ^ (maker->units[index] >> 10);
    }
    maker->units[index] |= 0x100U;
    maker->units[maker->bases[block]] = 0x80000000U | (uint32_t)maker->replacements_length;
    size_t length = strlen(to) + 1;
    memcpy(maker->replacements + maker->replacements_length, to, length);
    maker->replacements_length += length;
}

/* Write the map; a trie of `trie_bytes` is claimed. */
static inline void charsmap_write_claiming(const charsmap_maker *maker, uint32_t trie_bytes,
                                           sg_buffer *out) {
    (void)sg_buffer_append(out, &trie_bytes, sizeof(trie_bytes));
    (void)sg_buffer_append(out, maker->units, maker->blocks * 256 * sizeof(uint32_t));
    (void)sg_buffer_append(out, maker->replacements, maker->replacements_length);
}

static inline void charsmap_write(const charsmap_maker *maker, sg_buffer *out) {
    charsmap_write_claiming(maker, (uint32_t)(maker->blocks * 256 * sizeof(uint32_t)), out);
}

#endif
