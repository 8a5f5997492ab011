/* SPDX-License-Identifier: Apache-2.0 */
/* Every string and array of a result is a block of its own, owned by the result. The public struct
 * shows them as const; the private one beside it remembers what is to be freed. */
#include "infill/result.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

/* One candidate's blocks. */
typedef struct candidate_blocks {
    int32_t *ids;
    float *token_logprobs;
    char *raw;
    char *text;
    sg_fill *fills;
    char **fill_texts; /* [fill_count] */
    size_t fill_count;
} candidate_blocks;

/* What sg_result_destroy frees. The public part comes first. */
typedef struct owned_result {
    sg_result shown;
    sg_candidate *candidates;
    candidate_blocks *blocks; /* [candidate_count] */
    int32_t *input_ids;
    float *margins;
} owned_result;

static void clear_blocks(candidate_blocks *blocks) {
    for (size_t i = 0; blocks->fill_texts != NULL && i < blocks->fill_count; i++) {
        sg_memory_free(blocks->fill_texts[i]);
    }
    sg_memory_free(blocks->fill_texts);
    sg_memory_free(blocks->fills);
    sg_memory_free(blocks->ids);
    sg_memory_free(blocks->token_logprobs);
    sg_memory_free(blocks->raw);
    sg_memory_free(blocks->text);
}

void sg_result_destroy(sg_result *result) {
    owned_result *owned = (owned_result *)result;
    if (owned == NULL) {
        return;
    }
    for (size_t i = 0; owned->blocks != NULL && i < owned->shown.candidate_count; i++) {
        clear_blocks(&owned->blocks[i]);
    }
    sg_memory_free(owned->blocks);
    sg_memory_free(owned->candidates);
    sg_memory_free(owned->input_ids);
    sg_memory_free(owned->margins);
    sg_memory_free(owned);
}

/* A copy of `count` objects of `size` bytes. NULL without memory. */
static void *copy_block(const void *from, size_t count, size_t size) {
    void *copy = sg_memory_alloc(count, size);
    if (copy != NULL && count > 0) {
        memcpy(copy, from, count * size);
    }
    return copy;
}

static float sum_logprobs(const float *logprobs, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)logprobs[i];
    }
    return (float)sum;
}

static bool holds(const int32_t *ids, size_t count, int32_t id) {
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

static sg_finish why_finished(const sg_request *request, const sg_search_hypothesis *hypothesis) {
    int32_t last = hypothesis->count > 0 ? hypothesis->ids[hypothesis->count - 1] : -1;
    if (holds(request->end_ids, request->end_count, last)) {
        return SG_FINISH_EOS;
    }
    if (request->has_stop_sentinel && last == request->end_ids[request->end_count]) {
        return SG_FINISH_BLANK;
    }
    return SG_FINISH_LENGTH;
}

/* Show the fills of a stitched text. spans and stitched: [blanks.count]. */
static sg_status show_fills(const sg_request *request, const sg_fill_span *spans,
                            const sg_stitched_fill *stitched, candidate_blocks *blocks,
                            sg_candidate *candidate, sg_error *error) {
    candidate->complete = true;
    for (size_t i = 0; i < request->blanks.count; i++) {
        sg_fill *fill = &blocks->fills[i];
        *fill = (sg_fill){.blank = (size_t)request->blanks.items[i].index,
                          .start = stitched[i].start,
                          .end = stitched[i].end};
        if (!stitched[i].found) {
            candidate->complete = false;
            continue;
        }
        blocks->fill_texts[i] =
            sg_memory_copy_text(candidate->text + stitched[i].text_offset, stitched[i].text_length);
        if (blocks->fill_texts[i] == NULL) {
            return sg_memory_error(error, "a fill", stitched[i].text_length);
        }
        fill->text = blocks->fill_texts[i];
        fill->text_length = stitched[i].text_length;
        fill->ids = blocks->ids + spans[i].first;
        fill->id_count = spans[i].count;
        fill->logprob = sum_logprobs(blocks->token_logprobs + spans[i].first, spans[i].count);
    }
    candidate->fills = blocks->fills;
    candidate->fill_count = request->blanks.count;
    return SG_STATUS_OK;
}

static sg_status stitch(const sg_engine *engine, const sg_request *request, sg_fill_span *spans,
                        sg_stitched_fill *stitched, candidate_blocks *blocks,
                        sg_candidate *candidate, sg_error *error) {
    sg_buffer text;
    sg_status status;
    for (size_t i = 0; i < request->blanks.count; i++) {
        spans[i] =
            sg_sentinels_cut(engine->tokenizer, candidate->ids, candidate->id_count,
                             request->end_ids, request->end_count, request->blanks.items[i].index);
    }
    sg_buffer_init(&text, SIZE_MAX - 1);
    status = sg_sentinels_stitch(engine->tokenizer, &request->blanks, request->text.bytes,
                                 request->text.length, candidate->ids, spans,
                                 request->options.add_space, stitched, &text, error);
    if (status == SG_STATUS_OK) {
        status = sg_buffer_take(&text, &blocks->text, &candidate->text_length);
        if (status != SG_STATUS_OK) {
            (void)sg_memory_error(error, "the filled text", request->text.length);
        }
    }
    sg_buffer_clear(&text);
    SG_TRY(status);
    candidate->text = blocks->text;
    return show_fills(request, spans, stitched, blocks, candidate, error);
}

/* The text with its blanks filled. */
static sg_status fill_blanks(const sg_engine *engine, const sg_request *request,
                             candidate_blocks *blocks, sg_candidate *candidate, sg_error *error) {
    size_t count = request->blanks.count;
    sg_fill_span *spans = sg_memory_alloc_zeroed(count, sizeof *spans);
    sg_stitched_fill *stitched = sg_memory_alloc_zeroed(count, sizeof *stitched);
    sg_status status = SG_STATUS_OK;
    blocks->fills = sg_memory_alloc_zeroed(count, sizeof *blocks->fills);
    blocks->fill_texts = sg_memory_alloc_zeroed(count, sizeof *blocks->fill_texts);
    blocks->fill_count = count;
    if (spans == NULL || stitched == NULL || blocks->fills == NULL || blocks->fill_texts == NULL) {
        status = sg_memory_error(error, "fills", count * sizeof *blocks->fills);
    } else {
        status = stitch(engine, request, spans, stitched, blocks, candidate, error);
    }
    sg_memory_free(spans);
    sg_memory_free(stitched);
    return status;
}

static sg_status show_candidate(const sg_engine *engine, const sg_request *request,
                                const sg_search_hypothesis *hypothesis, candidate_blocks *blocks,
                                sg_candidate *candidate, sg_error *error) {
    blocks->ids = copy_block(hypothesis->ids, hypothesis->count, sizeof *blocks->ids);
    blocks->token_logprobs =
        copy_block(hypothesis->token_logprobs, hypothesis->count, sizeof *blocks->token_logprobs);
    if (blocks->ids == NULL || blocks->token_logprobs == NULL) {
        return sg_memory_error(error, "generated ids", hypothesis->count * sizeof *blocks->ids);
    }
    candidate->ids = blocks->ids;
    candidate->id_count = hypothesis->count;
    candidate->token_logprobs = blocks->token_logprobs;
    candidate->logprob = sum_logprobs(hypothesis->token_logprobs, hypothesis->count);
    candidate->score = hypothesis->score;
    candidate->finish = why_finished(request, hypothesis);
    SG_TRY(sg_engine_detokenize(engine, blocks->ids, hypothesis->count, SG_DECODE_FORM_RAW,
                                &blocks->raw, &candidate->raw_length, error));
    candidate->raw = blocks->raw;
    if (request->blanks.count > 0) {
        return fill_blanks(engine, request, blocks, candidate, error);
    }
    candidate->complete = true;
    SG_TRY(sg_engine_detokenize(engine, blocks->ids, hypothesis->count, SG_DECODE_FORM_PLAIN,
                                &blocks->text, &candidate->text_length, error));
    candidate->text = blocks->text;
    return SG_STATUS_OK;
}

/* The candidate of a text that comes back as it is. */
static sg_status show_copy(const sg_request *request, candidate_blocks *blocks,
                           sg_candidate *candidate, sg_error *error) {
    blocks->text = sg_memory_copy_text(request->text.bytes, request->text.length);
    blocks->raw = sg_memory_copy_text("", 0);
    blocks->ids = sg_memory_alloc(0, sizeof *blocks->ids);
    blocks->token_logprobs = sg_memory_alloc(0, sizeof *blocks->token_logprobs);
    if (blocks->text == NULL || blocks->raw == NULL || blocks->ids == NULL ||
        blocks->token_logprobs == NULL) {
        return sg_memory_error(error, "a text", request->text.length);
    }
    *candidate = (sg_candidate){.ids = blocks->ids,
                                .token_logprobs = blocks->token_logprobs,
                                .raw = blocks->raw,
                                .text = blocks->text,
                                .text_length = request->text.length,
                                .complete = true,
                                .score = NAN,
                                .finish = SG_FINISH_NONE};
    return SG_STATUS_OK;
}

static size_t count_unknown(const sg_engine *engine, const sg_request *request) {
    size_t count = 0;
    for (size_t i = 0; i < request->input.count; i++) {
        count += request->input.ids[i] == sg_tokenizer_unk_id(engine->tokenizer) ? 1 : 0;
    }
    return count;
}

static sg_status show_input(const sg_engine *engine, const sg_request *request, owned_result *owned,
                            sg_error *error) {
    sg_result *shown = &owned->shown;
    const float *margins = NULL;
    if (request->search != NULL) {
        margins = sg_search_margins(request->search, &shown->margin_count);
    }
    owned->input_ids =
        copy_block(request->input.ids, request->input.count, sizeof *owned->input_ids);
    owned->margins = copy_block(margins, shown->margin_count, sizeof *owned->margins);
    if (owned->input_ids == NULL || owned->margins == NULL) {
        return sg_memory_error(error, "input ids", request->input.count * sizeof *owned->input_ids);
    }
    shown->input_ids = owned->input_ids;
    shown->input_tokens = request->input.count;
    shown->margins = owned->margins;
    shown->unk_tokens = count_unknown(engine, request);
    shown->dropped_tokens = request->dropped;
    shown->truncated = request->truncated;
    return SG_STATUS_OK;
}

static sg_status show_candidates(const sg_engine *engine, const sg_request *request, size_t count,
                                 owned_result *owned, sg_error *error) {
    owned->candidates = sg_memory_alloc_zeroed(count, sizeof *owned->candidates);
    owned->blocks = sg_memory_alloc_zeroed(count, sizeof *owned->blocks);
    if (owned->candidates == NULL || owned->blocks == NULL) {
        return sg_memory_error(error, "candidates", count * sizeof *owned->candidates);
    }
    owned->shown.candidates = owned->candidates;
    owned->shown.candidate_count = count;
    if (!request->runs_model) {
        return show_copy(request, &owned->blocks[0], &owned->candidates[0], error);
    }
    for (size_t rank = 0; rank < count; rank++) {
        sg_search_hypothesis hypothesis = sg_search_result(request->search, rank);
        SG_TRY(show_candidate(engine, request, &hypothesis, &owned->blocks[rank],
                              &owned->candidates[rank], error));
    }
    return SG_STATUS_OK;
}

sg_status sg_result_create(const sg_engine *engine, const sg_request *request, sg_result **result,
                           sg_error *error) {
    size_t count = request->runs_model ? sg_search_result_count(request->search) : 1;
    sg_status status;
    owned_result *owned = sg_memory_alloc_zeroed(1, sizeof *owned);
    if (owned == NULL) {
        return sg_memory_error(error, "a result", sizeof *owned);
    }
    status = show_candidates(engine, request, count, owned, error);
    if (status == SG_STATUS_OK) {
        status = show_input(engine, request, owned, error);
    }
    if (status != SG_STATUS_OK) {
        sg_result_destroy(&owned->shown);
        return status;
    }
    *result = &owned->shown;
    return SG_STATUS_OK;
}
