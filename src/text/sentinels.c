/* SPDX-License-Identifier: Apache-2.0 */
/* Blanks: a text and generated ids come in, the text with its blanks filled goes out.
 *
 * Invariant: apart from the blanks that got a fill, every byte of the user's text is in the result,
 * in its order; the only bytes added are the fills and at most one space on each side of a fill. */
#include "text/sentinels.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

#define SENTINEL_PREFIX "<extra_id_"
#define SPACE_MARK "\xE2\x96\x81"

/* Room of a fill; more than any number of ids that a model generates. */
#define MAX_FILL_BYTES ((size_t)64 << 20)

void sg_blank_list_clear(sg_blank_list *list) {
    sg_memory_free(list->items);
    *list = (sg_blank_list){0};
}

/* The bytes of <extra_id_N> at the start of text[0..length) and its N, where N is written plainly
 * and below `count`; otherwise 0. */
static size_t match_sentinel(const char *text, size_t length, int32_t count, int32_t *index) {
    size_t at = sizeof(SENTINEL_PREFIX) - 1;
    if (length < at || memcmp(text, SENTINEL_PREFIX, at) != 0) {
        return 0;
    }
    size_t digits = at;
    int32_t number = 0;
    while (at < length && text[at] >= '0' && text[at] <= '9' && number < count) {
        number = number * 10 + (text[at] - '0');
        at++;
    }
    bool plain = at > digits && (text[digits] != '0' || at == digits + 1);
    if (!plain || number >= count || at == length || text[at] != '>') {
        return 0;
    }
    *index = number;
    return at + 1;
}

static sg_status append_blank(sg_blank_list *list, size_t *capacity, sg_blank blank,
                              sg_error *error) {
    if (list->count == *capacity) {
        size_t grown = *capacity == 0 ? 16 : *capacity * 2;
        sg_blank *items = sg_memory_resize(list->items, grown, sizeof(*items));
        if (items == NULL) {
            return sg_memory_error(error, "blanks", grown * sizeof(*items));
        }
        list->items = items;
        *capacity = grown;
    }
    list->items[list->count++] = blank;
    list->highest = blank.index > list->highest ? blank.index : list->highest;
    return SG_STATUS_OK;
}

/* How many of both forms a scan has seen. */
typedef struct form_count {
    size_t sentinels, marks;
} form_count;

static sg_status scan(const char *text, size_t length, const char *mark, int32_t sentinel_count,
                      sg_blank_list *list, form_count *seen, sg_error *error) {
    size_t capacity = 0;
    size_t mark_length = mark != NULL ? strlen(mark) : 0;
    for (size_t at = 0; at < length;) {
        int32_t index = 0;
        size_t size = match_sentinel(text + at, length - at, sentinel_count, &index);
        if (size > 0) {
            seen->sentinels++;
        } else if (mark_length > 0 && length - at >= mark_length &&
                   memcmp(text + at, mark, mark_length) == 0) {
            size = mark_length;
            index = (int32_t)seen->marks++;
        } else {
            at++;
            continue;
        }
        SG_TRY(append_blank(list, &capacity, (sg_blank){index, at, size}, error));
        at += size;
    }
    return SG_STATUS_OK;
}

static sg_status check_forms(const form_count *seen, const char *mark, int32_t sentinel_count,
                             sg_error *error) {
    if (seen->sentinels > 0 && seen->marks > 0) {
        return sg_error_set(
            error, SG_STATUS_MIXED_BLANKS,
            "the text has blanks of two forms: <extra_id_N>, %zu times, and \"%s\", %zu "
            "times",
            seen->sentinels, mark, seen->marks);
    }
    if (seen->marks > (size_t)sentinel_count) {
        return sg_error_set(error, SG_STATUS_TOO_MANY_BLANKS,
                            "the text has %zu blanks, the model knows %d", seen->marks,
                            (int)sentinel_count);
    }
    return SG_STATUS_OK;
}

static sg_status count_distinct(sg_blank_list *list, int32_t sentinel_count, sg_error *error) {
    bool *met = sg_memory_alloc_zeroed((size_t)sentinel_count, sizeof(*met));
    if (met == NULL) {
        return sg_memory_error(error, "blanks", (size_t)sentinel_count * sizeof(*met));
    }
    for (size_t i = 0; i < list->count; i++) {
        list->distinct += met[list->items[i].index] ? 0 : 1;
        met[list->items[i].index] = true;
    }
    sg_memory_free(met);
    return SG_STATUS_OK;
}

sg_status sg_sentinels_find(const sg_tokenizer *tokenizer, const char *text, size_t length,
                            const char *mark, sg_blank_list *list, sg_error *error) {
    int32_t sentinel_count = sg_tokenizer_sentinel_count(tokenizer);
    sg_blank_list found = {.highest = -1};
    form_count seen = {0};
    sg_status status = scan(text, length, mark, sentinel_count, &found, &seen, error);
    if (status == SG_STATUS_OK) {
        status = check_forms(&seen, mark, sentinel_count, error);
    }
    if (status == SG_STATUS_OK) {
        status = count_distinct(&found, sentinel_count, error);
    }
    if (status != SG_STATUS_OK) {
        sg_blank_list_clear(&found);
        return status;
    }
    found.from_marks = seen.marks > 0;
    *list = found;
    return SG_STATUS_OK;
}

sg_status sg_sentinels_prompt(const sg_blank_list *list, const char *text, size_t length,
                              sg_buffer *prompt) {
    size_t begin = 0;
    for (size_t i = 0; i < list->count; i++) {
        const sg_blank *blank = &list->items[i];
        sg_buffer_append(prompt, text + begin, blank->offset - begin);
        sg_buffer_append_format(prompt, "<extra_id_%d>", (int)blank->index);
        begin = blank->offset + blank->length;
    }
    return sg_buffer_append(prompt, text + begin, length - begin);
}

static bool is_among(int32_t id, const int32_t *ids, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

sg_fill_span sg_sentinels_cut(const sg_tokenizer *tokenizer, const int32_t *ids, size_t count,
                              const int32_t *end_ids, size_t end_count, int32_t index) {
    sg_fill_span span = {0};
    int32_t id = sg_tokenizer_sentinel_id(tokenizer, index);
    size_t at = 0;
    while (at < count && ids[at] != id && !is_among(ids[at], end_ids, end_count)) {
        at++;
    }
    if (at == count || ids[at] != id) {
        return span;
    }
    span.found = true;
    span.first = at + 1;
    for (at = span.first; at < count; at++) {
        if (sg_tokenizer_sentinel_index(tokenizer, ids[at]) >= 0 ||
            is_among(ids[at], end_ids, end_count)) {
            break;
        }
    }
    span.count = at - span.first;
    return span;
}

/* The text that is being put together. */
typedef struct stitching {
    const sg_tokenizer *tokenizer;
    sg_buffer *out;
    sg_buffer fill; /* of the present blank, reused */
    size_t begin;   /* where the stitched text begins in `out` */
    size_t points;  /* code points in it so far */
    bool add_space;
    bool after_fill; /* its last character comes from a fill */
} stitching;

static bool is_word_at(const char *bytes, size_t length) {
    uint32_t code_point;
    return sg_utf8_decode(bytes, length, &code_point) > 0 && sg_utf8_is_alphanumeric(code_point);
}

/* True if the last character written is a letter or digit, whatever marks stand on it: an e with
 * a combining acute ends a word as é does, and so does a Hindi vowel sign. */
static bool ends_in_word(const stitching *work) {
    const char *bytes = work->out->data;
    size_t at = work->out->length;
    while (at > work->begin) {
        uint32_t code_point = 0;
        at--;
        if (((unsigned char)bytes[at] & 0xC0) == 0x80) {
            continue;
        }
        (void)sg_utf8_decode(bytes + at, work->out->length - at, &code_point);
        if (!sg_utf8_is_mark(code_point)) {
            return sg_utf8_is_alphanumeric(code_point);
        }
    }
    return false;
}

static void put(stitching *work, const char *bytes, size_t length) {
    sg_buffer_append(work->out, bytes, length);
    work->points += sg_utf8_count(bytes, length);
}

/* Put the user's text between two blanks. */
static void put_text(stitching *work, const char *bytes, size_t length) {
    if (length == 0) {
        return;
    }
    if (work->add_space && work->after_fill && ends_in_word(work) && is_word_at(bytes, length)) {
        put(work, " ", 1);
    }
    put(work, bytes, length);
    work->after_fill = false;
}

/* True if the first piece that has text begins with "▁". */
static bool begins_word(const sg_tokenizer *tokenizer, const int32_t *ids, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!sg_tokenizer_is_skipped(tokenizer, ids[i])) {
            return strncmp(sg_tokenizer_piece(tokenizer, ids[i]), SPACE_MARK,
                           sizeof(SPACE_MARK) - 1) == 0;
        }
    }
    return false;
}

static bool is_blank_byte(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Put one fill, decoded by itself and trimmed. */
static sg_status put_fill(stitching *work, const int32_t *ids, size_t count, sg_stitched_fill *fill,
                          sg_error *error) {
    sg_buffer_reset(&work->fill);
    SG_TRY(
        sg_tokenizer_decode(work->tokenizer, ids, count, SG_DECODE_FORM_PLAIN, &work->fill, error));
    const char *text = work->fill.data;
    size_t first = 0;
    size_t end = work->fill.length;
    while (end > 0 && is_blank_byte(text[end - 1])) {
        end--;
    }
    while (first < end && is_blank_byte(text[first])) {
        first++;
    }
    if (end > first && work->add_space && begins_word(work->tokenizer, ids, count) &&
        ends_in_word(work)) {
        put(work, " ", 1);
    }
    *fill = (sg_stitched_fill){.found = true,
                               .text_offset = work->out->length - work->begin,
                               .text_length = end - first,
                               .start = work->points};
    if (end > first) {
        put(work, text + first, end - first);
        work->after_fill = true;
    }
    fill->end = work->points;
    return SG_STATUS_OK;
}

static sg_status stitch_all(stitching *work, const sg_blank_list *list, const char *text,
                            size_t length, const int32_t *ids, const sg_fill_span *spans,
                            sg_stitched_fill *fills, sg_error *error) {
    size_t begin = 0;
    for (size_t i = 0; i < list->count; i++) {
        const sg_blank *blank = &list->items[i];
        put_text(work, text + begin, blank->offset - begin);
        begin = blank->offset + blank->length;
        if (spans[i].found) {
            SG_TRY(put_fill(work, ids + spans[i].first, spans[i].count, &fills[i], error));
        } else {
            fills[i] = (sg_stitched_fill){.text_offset = work->out->length - work->begin,
                                          .start = work->points,
                                          .end = work->points};
            put(work, text + blank->offset, blank->length);
            work->after_fill = false;
        }
    }
    put_text(work, text + begin, length - begin);
    return SG_STATUS_OK;
}

sg_status sg_sentinels_stitch(const sg_tokenizer *tokenizer, const sg_blank_list *list,
                              const char *text, size_t length, const int32_t *ids,
                              const sg_fill_span *spans, bool add_space, sg_stitched_fill *fills,
                              sg_buffer *out, sg_error *error) {
    stitching work = {
        .tokenizer = tokenizer, .out = out, .begin = out->length, .add_space = add_space};
    sg_buffer_init(&work.fill, MAX_FILL_BYTES);
    sg_status status = stitch_all(&work, list, text, length, ids, spans, fills, error);
    sg_buffer_clear(&work.fill);
    if (status == SG_STATUS_OK && out->status != SG_STATUS_OK) {
        status = sg_error_set(error, out->status, "stitched text: %s", sg_status_text(out->status));
    }
    return status;
}
