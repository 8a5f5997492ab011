/* SPDX-License-Identifier: Apache-2.0 */
/* The normaliser's rules as spiece.model stores them (precompiled_charsmap): checked before
 * SentencePiece reads them, and walked to find where a text may be cut without changing what it
 * normalises to.
 *
 * The form is a size, a double-array trie of that many bytes (units of 32 bits, little-endian, as
 * darts-clone writes them) and a blob of NUL-terminated replacements. SentencePiece 0.1.97 follows
 * the trie without any check of bounds. */
#ifndef SG_TEXT_CHARSMAP_H
#define SG_TEXT_CHARSMAP_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

/* Most rules of which each begins with the one before: the library collects them in an array of 32.
 */
#define SG_CHARSMAP_MAX_NESTED 32

/* Longest rule in bytes: with it a step of the normaliser is bounded. nmt_nfkc's longest is 16. */
#define SG_CHARSMAP_MAX_RULE 255

/* Longest replacement in bytes. nmt_nfkc's longest is 33 (U+FDFA). */
#define SG_CHARSMAP_MAX_REPLACEMENT 64

/* A checked map; owns its memory. Zeroed: the empty map, which changes nothing. */
typedef struct sg_charsmap {
    uint32_t *units; /* [unit_count] */
    size_t unit_count;
    char *replacements; /* NUL-terminated strings, one after another */
    size_t replacements_length;
} sg_charsmap;

/* Check bytes[0..length) (0: the empty map) and copy them into *map. On failure the map is empty.
 * Errors: SG_STATUS_MODEL naming what is wrong and where; SG_STATUS_MEMORY. */
sg_status sg_charsmap_open(sg_charsmap *map, const char *bytes, size_t length,
                           sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct and twice. */
void sg_charsmap_clear(sg_charsmap *map);

/* The length of a beginning of text[0..length) that the normaliser reads without looking further,
 * at least 1 where length is: it ends where a rule or a character ends, and is the shortest such
 * that holds `budget` bytes or normalises to as many, or the whole text. So normalising a text in
 * these stretches, one after another, is normalising it whole. */
size_t sg_charsmap_stretch(const sg_charsmap *map, const char *text, size_t length, size_t budget);

#endif
