/* SPDX-License-Identifier: Apache-2.0 */
/* The unigram segmentation: a word comes in, ids go out.
 *
 * best[i] is the highest sum of scores over segmentations of the first i bytes. Positions are taken
 * in ascending order, pieces that begin there from the shortest to the longest, and a way is
 * replaced only by a strictly better one. Invariant: sums are doubles added in the order of the
 * text, so they round, and tie, as in the reference (tokenizers, models/unigram/model.rs,
 * encode_optimized). */
#include "text/unigram.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

/* kUnkPenalty of SentencePiece and K_UNK_PENALTY of tokenizers. */
#define UNKNOWN_PENALTY 10.0

sg_status sg_id_list_append(sg_id_list *list, int32_t id, sg_error *error) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        int32_t *grown = sg_memory_resize(list->ids, capacity, sizeof(*grown));
        if (grown == NULL) {
            return sg_memory_error(error, "token ids", capacity * sizeof(*grown));
        }
        list->ids = grown;
        list->capacity = capacity;
    }
    list->ids[list->count++] = id;
    return SG_STATUS_OK;
}

void sg_id_list_clear(sg_id_list *list) {
    sg_memory_free(list->ids);
    *list = (sg_id_list){0};
}

void sg_unigram_scratch_clear(sg_unigram_scratch *scratch) {
    sg_memory_free(scratch->nodes);
    *scratch = (sg_unigram_scratch){0};
}

static sg_status build_trie(sg_unigram *unigram, const sg_piece_text *texts, size_t count,
                            sg_error *error) {
    size_t duplicate;
    sg_status status = sg_piece_trie_build(&unigram->trie, texts, count, &duplicate, error);
    if (status == SG_STATUS_MODEL && duplicate < count) {
        return sg_error_set(error, SG_STATUS_MODEL, "piece %zu, \"%.*s\", is there twice",
                            duplicate, (int)texts[duplicate].length, texts[duplicate].bytes);
    }
    return status;
}

sg_status sg_unigram_open(sg_unigram *unigram, const sg_piece_text *texts, const float *scores,
                          size_t count, int32_t unknown_id, sg_error *error) {
    *unigram = (sg_unigram){.unknown_id = unknown_id};
    SG_TRY(build_trie(unigram, texts, count, error));
    unigram->scores = sg_memory_alloc(count, sizeof(*unigram->scores));
    if (unigram->scores == NULL) {
        sg_unigram_clear(unigram);
        return sg_memory_error(error, "the scores of pieces", count * sizeof(*unigram->scores));
    }
    double lowest = HUGE_VAL;
    for (size_t i = 0; i < count; i++) {
        unigram->scores[i] = (double)scores[i];
        lowest = fmin(lowest, unigram->scores[i]);
    }
    unigram->unknown_score = lowest - UNKNOWN_PENALTY;
    return SG_STATUS_OK;
}

void sg_unigram_clear(sg_unigram *unigram) {
    sg_piece_trie_clear(&unigram->trie);
    sg_memory_free(unigram->scores);
    *unigram = (sg_unigram){0};
}

static sg_status reserve_nodes(sg_unigram_scratch *scratch, size_t count, sg_error *error) {
    if (count <= scratch->capacity) {
        return SG_STATUS_OK;
    }
    size_t capacity = count < 256 ? 256 : count;
    sg_memory_free(scratch->nodes);
    scratch->nodes = sg_memory_alloc(capacity, sizeof(*scratch->nodes));
    scratch->capacity = scratch->nodes != NULL ? capacity : 0;
    if (scratch->nodes == NULL) {
        return sg_memory_error(error, "segmenting a word", capacity * sizeof(*scratch->nodes));
    }
    return SG_STATUS_OK;
}

static void offer(sg_unigram_node *node, double score, int32_t id, size_t length) {
    if (node->length == 0 || score > node->score) {
        *node = (sg_unigram_node){score, id, (uint32_t)length};
    }
}

/* Offer every piece that begins at `position`, and the unknown one where no piece is this
 * character. */
static size_t extend(const sg_unigram *unigram, const char *word, size_t length, size_t position,
                     sg_unigram_node *nodes) {
    size_t character = sg_utf8_decode(word + position, length - position, NULL);
    assert(character > 0);
    double here = nodes[position].score;
    bool is_piece = false;
    uint32_t node = SG_PIECE_TRIE_ROOT;
    for (size_t end = position; end < length;) {
        node = sg_piece_trie_step(&unigram->trie, node, (unsigned char)word[end]);
        if (node == SG_PIECE_TRIE_NONE) {
            break;
        }
        end++;
        int32_t id = sg_piece_trie_value(&unigram->trie, node);
        if (id >= 0) {
            offer(&nodes[end], here + unigram->scores[id], id, end - position);
            is_piece = is_piece || end - position == character;
        }
    }
    if (!is_piece) {
        offer(&nodes[position + character], here + unigram->unknown_score, unigram->unknown_id,
              character);
    }
    return character;
}

/* The id of an unknown run: its own where the whole of it happens to be a piece, as in the
 * reference. */
static int32_t run_id(const sg_unigram *unigram, const char *word, size_t begin, size_t end) {
    int32_t id = sg_piece_trie_find(&unigram->trie, word + begin, end - begin);
    return id >= 0 ? id : unigram->unknown_id;
}

/* Walk the best way from its end, and turn what was appended round. */
static sg_status collect(const sg_unigram *unigram, const char *word, size_t length,
                         const sg_unigram_node *nodes, sg_id_list *ids, sg_error *error) {
    size_t first = ids->count;
    for (size_t end = length; end > 0;) {
        size_t begin = end - nodes[end].length;
        int32_t id = nodes[end].id;
        if (id == unigram->unknown_id) {
            while (begin > 0 && nodes[begin].id == unigram->unknown_id) {
                begin -= nodes[begin].length;
            }
            id = run_id(unigram, word, begin, end);
        }
        SG_TRY(sg_id_list_append(ids, id, error));
        end = begin;
    }
    for (size_t low = first, high = ids->count; low + 1 < high; low++) {
        high--;
        int32_t id = ids->ids[low];
        ids->ids[low] = ids->ids[high];
        ids->ids[high] = id;
    }
    return SG_STATUS_OK;
}

sg_status sg_unigram_segment(const sg_unigram *unigram, const char *word, size_t length,
                             sg_unigram_scratch *scratch, sg_id_list *ids, sg_error *error) {
    if (length == 0) {
        return SG_STATUS_OK;
    }
    SG_TRY(reserve_nodes(scratch, length + 1, error));
    memset(scratch->nodes, 0, (length + 1) * sizeof(*scratch->nodes));
    for (size_t position = 0; position < length;) {
        position += extend(unigram, word, length, position, scratch->nodes);
    }
    return collect(unigram, word, length, scratch->nodes, ids, error);
}
