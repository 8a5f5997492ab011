/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the stages, for one request and for many:
 *
 *     prepared requests (text/tokenizer, text/sentinels: request.c)
 *     -> token embedding, encoder           encode()
 *     -> keys and values of the source      sg_decoder_read_source
 *     -> decoder, lm_head, search           decode(), step by step
 *     -> finished searches (result.c cuts the fills out and stitches them in)
 *
 * Everything is allocated before the first step; the token loop allocates nothing. */
#include "infill/infill.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/decoder.h"
#include "model/encoder.h"
#include "model/lm_head.h"

/* The sources laid end to end, and where their states go. */
typedef struct sources {
    int32_t *ids;    /* [N] */
    size_t *offsets; /* [count + 1] */
    float *states;   /* [N, D] */
    sg_encoder_outcome *outcomes;
    sg_kv_cache **caches;
    sg_sequences sequences;
    sg_arena arena;
} sources;

/* What the token loop works on: R is the sum of all requests' beams. */
typedef struct token_loop {
    sg_decoder *decoder;
    sg_decoder_row *rows; /* [R] */
    float *hidden;        /* [R, D] */
    float *logits;        /* [R, V] */
    size_t max_rows;
} token_loop;

static void sources_clear(sources *from) {
    sg_memory_free(from->ids);
    sg_memory_free(from->offsets);
    sg_memory_free(from->states);
    sg_memory_free(from->outcomes);
    sg_memory_free(from->caches);
    sg_arena_clear(&from->arena);
    *from = (sources){0};
}

static sg_status sources_init(const sg_session *session, sg_request *const *requests, size_t count,
                              sources *to, sg_error *error) {
    size_t total = 0;
    *to = (sources){0};
    for (size_t i = 0; i < count; i++) {
        total += requests[i]->input.count;
    }
    to->ids = sg_memory_alloc(total, sizeof *to->ids);
    to->offsets = sg_memory_alloc(count + 1, sizeof *to->offsets);
    to->states = sg_memory_alloc(total, session->engine->model.config.d_model * sizeof *to->states);
    to->outcomes = sg_memory_alloc(count, sizeof *to->outcomes);
    to->caches = sg_memory_alloc(count, sizeof *to->caches);
    if (to->ids == NULL || to->offsets == NULL || to->states == NULL || to->outcomes == NULL ||
        to->caches == NULL) {
        return sg_memory_error(error, "encoder states",
                               total * session->engine->model.config.d_model * sizeof *to->states);
    }
    to->offsets[0] = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(to->ids + to->offsets[i], requests[i]->input.ids,
               requests[i]->input.count * sizeof *to->ids);
        to->offsets[i + 1] = to->offsets[i] + requests[i]->input.count;
        to->caches[i] = &requests[i]->cache;
    }
    to->sequences = (sg_sequences){.offsets = to->offsets, .count = count};
    return sg_arena_init(&to->arena,
                         sg_encoder_scratch(&session->engine->model, &to->sequences,
                                            sg_thread_pool_count(session->pool)),
                         error);
}

/* Encode all sources. A request whose states are not finite ends here. */
static void encode(sg_session *session, sg_request *const *requests, sources *from,
                   sg_error *errors, const sg_probe *probe) {
    sg_encoder_run(&session->engine->model, session->matmul, from->ids, &from->sequences,
                   from->states, from->outcomes, &from->arena, probe);
    sg_arena_clear(&from->arena); /* its pages are better used by the caches */
    for (size_t i = 0; i < from->sequences.count; i++) {
        requests[i]->dropped += from->outcomes[i].dropped;
        if (from->outcomes[i].non_finite_block != SIZE_MAX) {
            requests[i]->row_count = 0;
            (void)sg_error_set(&errors[i], SG_STATUS_NUMERIC,
                               "the encoder's states are not finite after block %zu",
                               from->outcomes[i].non_finite_block);
        }
    }
}

static void token_loop_clear(token_loop *loop) {
    sg_decoder_destroy(loop->decoder);
    sg_memory_free(loop->rows);
    sg_memory_free(loop->hidden);
    sg_memory_free(loop->logits);
    *loop = (token_loop){0};
}

static sg_status token_loop_init(sg_session *session, sg_request *const *requests, size_t count,
                                 token_loop *loop, sg_error *error) {
    const sg_model_config *config = &session->engine->model.config;
    size_t longest = 0;
    size_t longest_source = 0;
    *loop = (token_loop){0};
    for (size_t i = 0; i < count; i++) {
        const sg_request *request = requests[i];
        loop->max_rows += request->settings.num_beams;
        longest = request->cache.capacity > longest ? request->cache.capacity : longest;
        longest_source =
            request->input.count > longest_source ? request->input.count : longest_source;
    }
    loop->rows = sg_memory_alloc(loop->max_rows, sizeof *loop->rows);
    loop->hidden = sg_memory_alloc_aligned(loop->max_rows, config->d_model * sizeof *loop->hidden);
    loop->logits =
        sg_memory_alloc_aligned(loop->max_rows, config->vocab_size * sizeof *loop->logits);
    if (loop->rows == NULL || loop->hidden == NULL || loop->logits == NULL) {
        return sg_memory_error(error, "logits",
                               loop->max_rows * config->vocab_size * sizeof *loop->logits);
    }
    return sg_decoder_create(&session->engine->model, session->matmul, loop->max_rows, longest,
                             longest_source, &loop->decoder, error);
}

/* Lay the live rows of all requests end to end. Returns how many there are. */
static size_t gather_rows(sg_request *const *requests, size_t count, token_loop *loop) {
    size_t rows = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t slot = 0; slot < requests[i]->row_count; slot++) {
            loop->rows[rows++] = (sg_decoder_row){
                .cache = &requests[i]->cache, .slot = slot, .token = requests[i]->rows[slot].token};
        }
    }
    return rows;
}

/* Hand one request the logits of its rows, and its cache the rows that live on. */
static void advance_search(sg_request *request, float *logits, sg_error *error) {
    if (sg_search_advance(request->search, logits, request->rows, &request->row_count, error) !=
        SG_STATUS_OK) {
        request->row_count = 0;
        return;
    }
    for (size_t i = 0; i < request->row_count; i++) {
        request->parents[i] = request->rows[i].parent;
    }
    sg_kv_cache_reorder(&request->cache, request->parents, request->row_count);
}

static bool is_stop_asked(sg_request *const *requests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const sg_stop *stop = &requests[i]->options.stop;
        if (stop->asked != NULL && stop->asked(stop->context)) {
            return true;
        }
    }
    return false;
}

/* Step all live rows until no request has any. */
static sg_status decode(sg_session *session, sg_request *const *requests, size_t count,
                        token_loop *loop, sg_error *errors, const sg_probe *probe,
                        sg_error *error) {
    const sg_model *model = &session->engine->model;
    size_t rows;
    while ((rows = gather_rows(requests, count, loop)) > 0) {
        size_t first = 0;
        if (is_stop_asked(requests, count)) {
            return sg_error_set(error, SG_STATUS_STOPPED, "stopped before all tokens were there");
        }
        sg_decoder_step(loop->decoder, loop->rows, rows, loop->hidden, probe);
        sg_lm_head_score(model, session->matmul, loop->hidden, rows, loop->logits);
        for (size_t i = 0; i < count; i++) {
            size_t own = requests[i]->row_count;
            if (own > 0) {
                advance_search(requests[i], loop->logits + first * model->config.vocab_size,
                               &errors[i]);
                first += own;
            }
        }
    }
    return SG_STATUS_OK;
}

sg_status sg_infill_run(sg_session *session, sg_request *const *requests, size_t count,
                        sg_error *errors, const sg_probe *probe, sg_error *error) {
    sources from;
    token_loop loop = {0};
    sg_status status = sources_init(session, requests, count, &from, error);
    for (size_t i = 0; i < count && status == SG_STATUS_OK; i++) {
        status = sg_request_begin(session->engine, requests[i], error);
    }
    if (status == SG_STATUS_OK) {
        status = token_loop_init(session, requests, count, &loop, error);
    }
    if (status == SG_STATUS_OK) {
        encode(session, requests, &from, errors, probe);
        sg_decoder_read_source(loop.decoder, &from.sequences, from.states, from.caches);
        sources_clear(&from);
        status = decode(session, requests, count, &loop, errors, probe, error);
    }
    if (status == SG_STATUS_OK) {
        status = sg_shard_index_check_unchanged(session->engine->model.index, error);
    }
    token_loop_clear(&loop);
    sources_clear(&from);
    return status;
}
