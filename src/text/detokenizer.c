/* SPDX-License-Identifier: Apache-2.0 */
/* Ids come in, text goes out.
 *
 * RAW and PLAIN are transformers 5.23.0: all tokens are joined, each "▁" becomes a space except in
 * the first token, where it is dropped (the Metaspace decoder of tokenizers). CARD is what the slow
 * class up to 4.24 printed, and so what model cards show: SentencePiece decodes each run of
 * ordinary pieces, a special string is followed by a space, the whole is stripped and cleaned up.
 */
#include "text/detokenizer.h"

#include <string.h>

#include "base/error.h"

/* U+2581, which stands for a space in pieces. */
static const char space_mark[] = "\xE2\x96\x81";
#define SPACE_MARK_BYTES 3

static bool begins_with_mark(const char *text, size_t length) {
    return length >= SPACE_MARK_BYTES && memcmp(text, space_mark, SPACE_MARK_BYTES) == 0;
}

/* Append a piece with `mark` in the place of every space mark. */
static void append_piece(sg_buffer *out, sg_piece_text piece, const char *mark) {
    size_t plain = 0;
    for (size_t i = 0; i < piece.length;) {
        if (!begins_with_mark(piece.bytes + i, piece.length - i)) {
            i++;
            continue;
        }
        sg_buffer_append(out, piece.bytes + plain, i - plain);
        sg_buffer_append_text(out, mark);
        i += SPACE_MARK_BYTES;
        plain = i;
    }
    sg_buffer_append(out, piece.bytes + plain, piece.length - plain);
}

static void append_joined(const sg_vocabulary *vocabulary, const int32_t *ids, size_t count,
                          bool skip_special, sg_buffer *out) {
    const char *mark = "";
    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= vocabulary->size || (skip_special && vocabulary->skipped[ids[i]])) {
            continue;
        }
        append_piece(out, vocabulary->texts[ids[i]], mark);
        mark = " ";
    }
}

/* As SentencePiece decodes: while a run has no text yet, a mark at the beginning of a piece is
 * dropped. */
static void append_card(const sg_vocabulary *vocabulary, const int32_t *ids, size_t count,
                        sg_buffer *out) {
    size_t run_begin = out->length;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= vocabulary->size) {
            continue;
        }
        sg_piece_text piece = vocabulary->texts[ids[i]];
        if (vocabulary->skipped[ids[i]]) {
            sg_buffer_append(out, piece.bytes, piece.length);
            sg_buffer_append_text(out, " ");
            run_begin = out->length;
            continue;
        }
        if (out->length == run_begin && begins_with_mark(piece.bytes, piece.length)) {
            piece.bytes += SPACE_MARK_BYTES;
            piece.length -= SPACE_MARK_BYTES;
        }
        append_piece(out, piece, " ");
    }
}

static void cut_to(sg_buffer *out, size_t length) {
    if (out->data != NULL && out->status == SG_STATUS_OK) {
        out->data[length] = '\0';
        out->length = length;
    }
}

static void strip(sg_buffer *out, size_t begin) {
    size_t first = begin;
    size_t end = out->length;
    while (end > begin && out->data[end - 1] == ' ') {
        end--;
    }
    while (first < end && out->data[first] == ' ') {
        first++;
    }
    if (end > first && first > begin) {
        memmove(out->data + begin, out->data + first, end - first);
    }
    cut_to(out, begin + (end - first));
}

/* Replace `from` by the shorter `to` in out from `begin` on, left to right. */
static void replace_all(sg_buffer *out, size_t begin, const char *from, const char *to) {
    size_t from_length = strlen(from);
    size_t to_length = strlen(to);
    size_t write = begin;
    for (size_t read = begin; read < out->length;) {
        if (out->length - read >= from_length && memcmp(out->data + read, from, from_length) == 0) {
            memcpy(out->data + write, to, to_length);
            read += from_length;
            write += to_length;
        } else {
            out->data[write++] = out->data[read++];
        }
    }
    cut_to(out, write);
}

/* clean_up_tokenization of transformers, in its order. */
static void clean_up_spaces(sg_buffer *out, size_t begin) {
    static const char *const replacements[][2] = {
        {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
        {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
    };
    for (size_t i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++) {
        replace_all(out, begin, replacements[i][0], replacements[i][1]);
    }
}

sg_status sg_detokenizer_append(const sg_vocabulary *vocabulary, const int32_t *ids, size_t count,
                                sg_decode_form form, bool clean_up, sg_buffer *out,
                                sg_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0) {
            return sg_error_set(error, SG_STATUS_ARGUMENT, "token id %d at place %zu is negative",
                                (int)ids[i], i);
        }
    }
    size_t begin = out->length;
    if (form == SG_DECODE_FORM_CARD) {
        append_card(vocabulary, ids, count, out);
        strip(out, begin);
    } else {
        append_joined(vocabulary, ids, count, form == SG_DECODE_FORM_PLAIN, out);
    }
    if (out->status != SG_STATUS_OK) {
        return sg_error_set(error, out->status, "decoded text: %s", sg_status_text(out->status));
    }
    if (clean_up || form == SG_DECODE_FORM_CARD) {
        clean_up_spaces(out, begin);
    }
    return SG_STATUS_OK;
}
