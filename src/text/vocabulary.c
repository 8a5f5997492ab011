/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary: a checked model comes in, tokens by id and the special strings go out.
 *
 * <extra_id_N> has the id size - 1 - N (semantics of T5Tokenizer: the sentinels follow the pieces,
 * the last one first). Their score is 0: a full-width form of one becomes a sentinel after
 * normalisation, and the reference takes it. Invariant: texts[], scores[] and skipped[] have an
 * entry for every id below size. */
#include "text/vocabulary.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* "<extra_id_65535>" and its NUL. */
#define SENTINEL_BYTES 24

static sg_status check_layout(const sg_piece_model *model, sg_error *error) {
    static const char *const expected[] = {"<pad>", "</s>", "<unk>"};
    for (size_t i = 0; i < 3; i++) {
        const char *found = i < model->count ? model->pieces[i].text : "nothing";
        if (strcmp(found, expected[i]) != 0) {
            return sg_error_set(error, SG_STATUS_UNSUPPORTED,
                                "piece %zu is \"%s\", expected \"%s\": the tokenizer is not T5's",
                                i, found, expected[i]);
        }
    }
    if (model->unknown_id != SG_VOCABULARY_UNK_ID) {
        return sg_error_set(error, SG_STATUS_UNSUPPORTED,
                            "piece %d is of type unknown, expected piece %d",
                            (int)model->unknown_id, SG_VOCABULARY_UNK_ID);
    }
    return SG_STATUS_OK;
}

/* User-defined pieces are taken out of a text as special strings are, but a decoded text keeps
 * them. */
static bool is_special_piece(const sg_piece_model *model, size_t index) {
    sg_piece_type type = model->pieces[index].type;
    return type == SG_PIECE_TYPE_CONTROL || type == SG_PIECE_TYPE_USER_DEFINED ||
           index <= SG_VOCABULARY_UNK_ID;
}

static void fill_pieces(sg_vocabulary *vocabulary, const sg_piece_model *model) {
    for (size_t i = 0; i < model->count; i++) {
        const sg_piece *piece = &model->pieces[i];
        vocabulary->texts[i] = (sg_piece_text){piece->text, piece->length};
        vocabulary->scores[i] = piece->score;
        vocabulary->skipped[i] = piece->type == SG_PIECE_TYPE_CONTROL || i <= SG_VOCABULARY_UNK_ID;
    }
}

static void fill_sentinels(sg_vocabulary *vocabulary, int32_t count) {
    for (int32_t index = 0; index < count; index++) {
        char *text = vocabulary->sentinel_texts + (size_t)index * SENTINEL_BYTES;
        int written = snprintf(text, SENTINEL_BYTES, "<extra_id_%d>", (int)index);
        assert(written > 0 && written < SENTINEL_BYTES);
        int32_t id = vocabulary->size - 1 - index;
        vocabulary->texts[id] = (sg_piece_text){text, (size_t)written};
        vocabulary->scores[id] = 0.0F;
        vocabulary->skipped[id] = true;
    }
}

static sg_status build_special(sg_vocabulary *vocabulary, sg_error *error) {
    size_t count = 0;
    sg_piece_text *texts = sg_memory_alloc((size_t)vocabulary->size, sizeof(*texts));
    if (texts == NULL) {
        return sg_memory_error(error, "special strings", (size_t)vocabulary->size * sizeof(*texts));
    }
    for (int32_t id = 0; id < vocabulary->size; id++) {
        if (sg_vocabulary_is_special(vocabulary, id)) {
            vocabulary->special_ids[count] = id;
            texts[count++] = vocabulary->texts[id];
        }
    }
    size_t duplicate;
    sg_status status = sg_piece_trie_build(&vocabulary->special, texts, count, &duplicate, error);
    if (status == SG_STATUS_MODEL && duplicate < count) {
        status = sg_error_set(error, SG_STATUS_MODEL, "the special string \"%.*s\" is there twice",
                              (int)texts[duplicate].length, texts[duplicate].bytes);
    }
    sg_memory_free(texts);
    return status;
}

static sg_status allocate(sg_vocabulary *vocabulary, size_t size, int32_t sentinel_count,
                          sg_error *error) {
    vocabulary->texts = sg_memory_alloc(size, sizeof(*vocabulary->texts));
    vocabulary->scores = sg_memory_alloc(size, sizeof(*vocabulary->scores));
    vocabulary->skipped = sg_memory_alloc(size, sizeof(*vocabulary->skipped));
    vocabulary->special_ids = sg_memory_alloc(size, sizeof(*vocabulary->special_ids));
    vocabulary->sentinel_texts = sg_memory_alloc((size_t)sentinel_count, SENTINEL_BYTES);
    if (vocabulary->texts == NULL || vocabulary->scores == NULL || vocabulary->skipped == NULL ||
        vocabulary->special_ids == NULL || vocabulary->sentinel_texts == NULL) {
        return sg_memory_error(error, "the vocabulary", size * sizeof(*vocabulary->texts));
    }
    return SG_STATUS_OK;
}

sg_status sg_vocabulary_open(sg_vocabulary *vocabulary, sg_piece_model *model,
                             int32_t sentinel_count, sg_error *error) {
    *vocabulary = (sg_vocabulary){0};
    SG_TRY(check_layout(model, error));
    size_t size = model->count + (size_t)sentinel_count;
    vocabulary->size = (int32_t)size;
    vocabulary->piece_count = (int32_t)model->count;
    vocabulary->model = *model;
    sg_status status = allocate(vocabulary, size, sentinel_count, error);
    if (status == SG_STATUS_OK) {
        fill_pieces(vocabulary, model);
        fill_sentinels(vocabulary, sentinel_count);
        status = build_special(vocabulary, error);
    }
    if (status != SG_STATUS_OK) {
        vocabulary->model = (sg_piece_model){0};
        sg_vocabulary_clear(vocabulary);
        return status;
    }
    *model = (sg_piece_model){0};
    return SG_STATUS_OK;
}

void sg_vocabulary_clear(sg_vocabulary *vocabulary) {
    sg_piece_trie_clear(&vocabulary->special);
    sg_memory_free(vocabulary->special_ids);
    sg_memory_free(vocabulary->sentinel_texts);
    sg_memory_free(vocabulary->skipped);
    sg_memory_free(vocabulary->scores);
    sg_memory_free(vocabulary->texts);
    sg_piece_model_clear(&vocabulary->model);
    *vocabulary = (sg_vocabulary){0};
}

int32_t sg_vocabulary_match_special(const sg_vocabulary *vocabulary, const char *text,
                                    size_t length, size_t *matched) {
    int32_t index = sg_piece_trie_longest(&vocabulary->special, text, length, matched);
    return index >= 0 ? vocabulary->special_ids[index] : -1;
}

int32_t sg_vocabulary_sentinel_index(const sg_vocabulary *vocabulary, int32_t id) {
    return id >= vocabulary->piece_count && id < vocabulary->size ? vocabulary->size - 1 - id : -1;
}

bool sg_vocabulary_is_special(const sg_vocabulary *vocabulary, int32_t id) {
    return id >= vocabulary->piece_count || is_special_piece(&vocabulary->model, (size_t)id);
}
