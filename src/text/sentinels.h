/* SPDX-License-Identifier: Apache-2.0 */
/* Blanks: found in the user's text, cut out of the generated ids, stitched back into the user's
 * bytes. */
#ifndef SG_TEXT_SENTINELS_H
#define SG_TEXT_SENTINELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "base/buffer.h"
#include "text/tokenizer.h"

/* One occurrence of a blank. */
typedef struct sg_blank {
    int32_t index; /* N of <extra_id_N>; for a mark its number from 0 */
    size_t offset; /* first byte in the text */
    size_t length; /* bytes of the mark */
} sg_blank;

/* All blanks of a text in its order. */
typedef struct sg_blank_list {
    sg_blank *items;
    size_t count;
    int32_t highest; /* largest index, -1 if there is none */
    size_t distinct; /* different indices */
    bool from_marks; /* the text uses the caller's mark, not <extra_id_N> */
} sg_blank_list;

/* Release. Allowed on a zeroed struct and twice. */
void sg_blank_list_clear(sg_blank_list *list);

/* Find the exact ASCII forms <extra_id_N> that `tokenizer` knows, or `mark` (NULL or empty: none;
 * occurrences do not overlap, found left to right), in text[0..length). On success *list is owned
 * by the caller. Errors: SG_STATUS_MIXED_BLANKS (both forms), _TOO_MANY_BLANKS (more marks than
 * sentinels), _MEMORY. */
sg_status sg_sentinels_find(const sg_tokenizer *tokenizer, const char *text, size_t length,
                            const char *mark, sg_blank_list *list, sg_error *error) SG_MUST_CHECK;

/* Append the prompt that the model reads: the text with every mark replaced by its <extra_id_N>. */
sg_status sg_sentinels_prompt(const sg_blank_list *list, const char *text, size_t length,
                              sg_buffer *prompt) SG_MUST_CHECK;

/* Where the fill of one sentinel stands in generated ids. */
typedef struct sg_fill_span {
    bool found;
    size_t first; /* index into the ids */
    size_t count;
} sg_fill_span;

/* What stands between <extra_id_`index`> (its first occurrence) and the next sentinel, an end token
 * among `end_ids`, or the end of ids. */
sg_fill_span sg_sentinels_cut(const sg_tokenizer *tokenizer, const int32_t *ids, size_t count,
                              const int32_t *end_ids, size_t end_count, int32_t index);

/* A fill's text and place in the stitched text. */
typedef struct sg_stitched_fill {
    bool found;
    size_t text_offset,
        text_length;   /* bytes in the stitched text; the spaces added around are outside */
    size_t start, end; /* code points in the stitched text */
} sg_stitched_fill;

/* Append to `out` the user's text with the fills in the blanks (cli.md section 5), each fill
 * decoded by itself and trimmed.
 *
 * spans    [list->count] one per occurrence, in the text's order.
 * fills    [list->count] written.
 * A blank without a fill stays as typed. With `add_space`, one space is put before a fill whose
 * first piece begins a word where the character before is a letter or digit, and after a fill that
 * ends in one where the next character is one; combining marks are part of what they stand on. */
sg_status sg_sentinels_stitch(const sg_tokenizer *tokenizer, const sg_blank_list *list,
                              const char *text, size_t length, const int32_t *ids,
                              const sg_fill_span *spans, bool add_space, sg_stitched_fill *fills,
                              sg_buffer *out, sg_error *error) SG_MUST_CHECK;

#endif
