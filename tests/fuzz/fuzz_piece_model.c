/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as spiece.model: refused with words, or good enough for all that is done with a model.
 * The library only ever sees the charsmap of a model that passed, so what passes must not break it.
 */
#include <string.h>

#include "fuzz/fuzz_target.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "text/piece_model.h"
#include "text/sentencepiece_shim.h"
#include "text/unigram.h"

static const char text[] = "A\xCC\x81 b\0\xE2\x91\xA0\xF0\x9F\x98\x80"
                           "AB ABC aaaa \xEA\xB0\x80\xEF\xB7\xBA";

static void check_pieces(const sg_piece_model *model) {
    FUZZ_REQUIRE(model->count > 0 && model->unknown_id >= 0);
    for (size_t i = 0; i < model->count; i++) {
        const sg_piece *piece = &model->pieces[i];
        FUZZ_REQUIRE(piece->length > 0 && strlen(piece->text) == piece->length);
        FUZZ_REQUIRE(sg_utf8_is_valid(piece->text, piece->length, NULL));
        FUZZ_REQUIRE(piece->score - piece->score == 0.0F);
    }
}

/* Normalising whole and in the shortest stretches gives the same valid text. */
static void normalise(const sg_piece_model *model) {
    sg_normalizer *normalizer = NULL;
    sg_buffer whole;
    sg_buffer parts;
    sg_buffer_init(&whole, 1 << 20);
    sg_buffer_init(&parts, 1 << 20);
    FUZZ_REQUIRE(sg_normalizer_open(model->charsmap_bytes, model->charsmap_length, &normalizer,
                                    NULL) == SG_STATUS_OK);
    FUZZ_REQUIRE(sg_normalizer_append(normalizer, text, sizeof(text), &whole, NULL) ==
                 SG_STATUS_OK);
    for (size_t at = 0; at < sizeof(text);) {
        size_t size = sg_charsmap_stretch(&model->charsmap, text + at, sizeof(text) - at, 1);
        FUZZ_REQUIRE(size > 0 && size <= sizeof(text) - at);
        FUZZ_REQUIRE(sg_normalizer_append(normalizer, text + at, size, &parts, NULL) ==
                     SG_STATUS_OK);
        at += size;
    }
    FUZZ_REQUIRE(whole.length == parts.length);
    FUZZ_REQUIRE(whole.length == 0 || memcmp(whole.data, parts.data, whole.length) == 0);
    FUZZ_REQUIRE(sg_utf8_is_valid(whole.data, whole.length, NULL));
    sg_buffer_clear(&whole);
    sg_buffer_clear(&parts);
    sg_normalizer_close(normalizer);
}

/* Segment the texts of the first pieces, if no piece is there twice. */
static void segment(const sg_piece_model *model) {
    sg_unigram unigram;
    sg_unigram_scratch scratch = {0};
    sg_id_list ids = {0};
    sg_piece_text *texts = sg_memory_alloc(model->count, sizeof(*texts));
    float *scores = sg_memory_alloc(model->count, sizeof(*scores));
    FUZZ_REQUIRE(texts != NULL && scores != NULL);
    for (size_t i = 0; i < model->count; i++) {
        texts[i] = (sg_piece_text){model->pieces[i].text, model->pieces[i].length};
        scores[i] = model->pieces[i].score;
    }
    if (sg_unigram_open(&unigram, texts, scores, model->count, model->unknown_id, NULL) ==
        SG_STATUS_OK) {
        for (size_t i = 0; i < model->count && i < 16; i++) {
            size_t before = ids.count;
            FUZZ_REQUIRE(sg_unigram_segment(&unigram, texts[i].bytes, texts[i].length, &scratch,
                                            &ids, NULL) == SG_STATUS_OK);
            FUZZ_REQUIRE(ids.count > before && ids.count - before <= texts[i].length);
        }
    }
    sg_id_list_clear(&ids);
    sg_unigram_scratch_clear(&scratch);
    sg_unigram_clear(&unigram);
    sg_memory_free(scores);
    sg_memory_free(texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sg_piece_model model;
    sg_error error = {0};
    sg_status status = sg_piece_model_open(&model, (const char *)data, size, &error);
    FUZZ_REQUIRE((status == SG_STATUS_OK) == (error.message[0] == '\0'));
    if (status == SG_STATUS_OK) {
        check_pieces(&model);
        normalise(&model);
        segment(&model);
    } else {
        FUZZ_REQUIRE(status == SG_STATUS_MODEL || status == SG_STATUS_UNSUPPORTED);
    }
    sg_piece_model_clear(&model);
    return 0;
}
