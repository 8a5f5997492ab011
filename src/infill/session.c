/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in, results out: prepares requests, runs them in groups of a bounded size, builds the
 * results. */
#include "infill/session.h"

#include <assert.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "infill/infill.h"
#include "infill/request.h"
#include "infill/result.h"
#include "model/residency.h"

/* Bounds of a group, which bound its memory: source tokens (encoder states and caches) and beams
 * (logits). A single text may exceed the first alone. */
#define GROUP_SOURCE_TOKENS 4096
#define GROUP_ROWS 64

/* Number every block's experts, and make a mark for each. */
static sg_status init_touched(sg_session *session, sg_error *error) {
    const sg_model *model = &session->engine->model;
    for (int stack = SG_STACK_ENCODER; stack <= SG_STACK_DECODER; stack++) {
        const sg_stack_weights *weights = &model->weights.stacks[stack];
        session->rows[stack] = sg_memory_alloc(weights->num_blocks, sizeof **session->rows);
        if (session->rows[stack] == NULL) {
            return sg_memory_error(error, "statistics", weights->num_blocks);
        }
        for (size_t block = 0; block < weights->num_blocks; block++) {
            session->rows[stack][block] = session->experts;
            session->experts += weights->blocks[block].is_sparse ? model->config.num_experts : 0;
        }
    }
    session->touched = sg_memory_alloc_zeroed(session->experts, sizeof *session->touched);
    return session->touched != NULL ? SG_STATUS_OK
                                    : sg_memory_error(error, "statistics", session->experts);
}

/* Note which experts are touched. One that is touched for the first time is announced to the
 * system, so that it is read from disk while the experts before it compute. */
static void note_routing(void *context, sg_stack stack, size_t block, const int32_t *expert,
                         const float *gate, size_t tokens) {
    sg_session *session = context;
    bool *touched = session->touched + session->rows[stack][block];
    (void)gate;
    for (size_t i = 0; i < tokens; i++) {
        if (expert[i] >= 0 && !touched[expert[i]]) {
            touched[expert[i]] = true;
            sg_residency_announce_expert(
                &session->engine->model.weights.stacks[stack].blocks[block].experts[expert[i]]);
        }
    }
}

sg_probe sg_session_probe(sg_session *session) {
    return (sg_probe){.see_routing = note_routing, .context = session};
}

sg_statistics sg_session_statistics(const sg_session *session) {
    const sg_shard_index *index = session->engine->model.index;
    sg_statistics statistics = {.weight_bytes = sg_shard_index_bytes(index),
                                .weight_files = sg_shard_index_file_count(index),
                                .experts = session->experts,
                                .kernels = sg_matmul_description(session->matmul)};
    for (size_t i = 0; i < session->experts; i++) {
        statistics.experts_touched += session->touched[i] ? 1 : 0;
    }
    return statistics;
}

sg_status sg_session_create(const sg_engine *engine, sg_session **session, sg_error *error) {
    unsigned threads = engine->options.threads;
    sg_session *made;
    sg_status status;
    if (!engine->has_model) {
        return sg_error_set(error, SG_STATUS_ARGUMENT,
                            "the engine was opened for its tokenizer only, expected a model");
    }
    made = sg_memory_alloc_zeroed(1, sizeof *made);
    if (made == NULL) {
        return sg_memory_error(error, "a session", sizeof *made);
    }
    made->engine = engine;
    status = sg_thread_pool_create(threads == 0 ? sg_thread_pool_default_count() : threads,
                                   &made->pool, error);
    if (status == SG_STATUS_OK) {
        status = sg_matmul_create(engine->options.matmul, engine->options.cpu, made->pool,
                                  &engine->options.log, &made->matmul, error);
    }
    if (status == SG_STATUS_OK) {
        status = init_touched(made, error);
    }
    if (status == SG_STATUS_OK) {
        sg_residency_announce_dense(&engine->model.weights);
    }
    if (status != SG_STATUS_OK) {
        sg_session_destroy(made);
        return status;
    }
    *session = made;
    return SG_STATUS_OK;
}

void sg_session_destroy(sg_session *session) {
    if (session != NULL) {
        sg_matmul_destroy(session->matmul);
        sg_thread_pool_destroy(session->pool);
        sg_memory_free(session->touched);
        sg_memory_free(session->rows[SG_STACK_ENCODER]);
        sg_memory_free(session->rows[SG_STACK_DECODER]);
        sg_memory_free(session);
    }
}

/* True for a failure of one text, after which the work goes on. */
static bool is_of_one_text(sg_status status) {
    switch (status) {
    case SG_STATUS_TOO_LONG:
    case SG_STATUS_BAD_UTF8:
    case SG_STATUS_NO_BLANK:
    case SG_STATUS_MIXED_BLANKS:
    case SG_STATUS_TOO_MANY_BLANKS:
    case SG_STATUS_NUMERIC:
    case SG_STATUS_ARGUMENT:
        return true;
    default:
        return false;
    }
}

/* A group of requests that is being filled. */
typedef struct group {
    sg_request *requests;     /* [size] */
    sg_request **running;     /* [size] those that run the model */
    sg_error *running_errors; /* [size] */
    size_t size;              /* prepared requests, failed ones included */
    size_t source_tokens;
    size_t rows;
} group;

static sg_status group_init(group *at, size_t count, sg_error *error) {
    size_t most = count < GROUP_ROWS ? count : GROUP_ROWS;
    *at = (group){0};
    at->requests = sg_memory_alloc_zeroed(most, sizeof *at->requests);
    at->running = sg_memory_alloc_zeroed(most, sizeof *at->running);
    at->running_errors = sg_memory_alloc_zeroed(most, sizeof *at->running_errors);
    if (at->requests == NULL || at->running == NULL || at->running_errors == NULL) {
        return sg_memory_error(error, "requests", most * sizeof *at->requests);
    }
    return SG_STATUS_OK;
}

static void group_reset(group *at) {
    for (size_t i = 0; i < at->size; i++) {
        sg_request_clear(&at->requests[i]);
    }
    at->size = 0;
    at->source_tokens = 0;
    at->rows = 0;
}

static void group_clear(group *at) {
    group_reset(at);
    sg_memory_free(at->requests);
    sg_memory_free(at->running);
    sg_memory_free(at->running_errors);
}

static bool group_is_full(const group *at) {
    return at->rows >= GROUP_ROWS || at->size >= GROUP_ROWS ||
           at->source_tokens >= GROUP_SOURCE_TOKENS;
}

/* Prepare the next text. Its own failure goes to `own`; another one is returned. */
static sg_status group_add(const sg_engine *engine, group *at, sg_text text,
                           const sg_infill_options *options, sg_error *own, sg_error *error) {
    sg_request *request = &at->requests[at->size++];
    sg_status status;
    *own = (sg_error){.code = SG_STATUS_OK};
    status = sg_request_prepare(engine, text, options, request, own);
    if (status == SG_STATUS_OK && request->runs_model) {
        at->source_tokens += request->input.count;
        at->rows += request->settings.num_beams;
    }
    if (status != SG_STATUS_OK && !is_of_one_text(status)) {
        if (error != NULL) {
            *error = *own;
        }
        return status;
    }
    return SG_STATUS_OK;
}

/* Run the group's requests and build the results of those that went well. */
static sg_status group_run(sg_session *session, group *at, sg_result **results, sg_error *errors,
                           sg_error *error) {
    size_t running = 0;
    size_t next = 0;
    for (size_t i = 0; i < at->size; i++) {
        if (errors[i].code == SG_STATUS_OK && at->requests[i].runs_model) {
            at->running_errors[running] = (sg_error){.code = SG_STATUS_OK};
            at->running[running++] = &at->requests[i];
        }
    }
    if (running > 0) {
        const sg_probe probe = sg_session_probe(session);
        SG_TRY(sg_infill_run(session, at->running, running, at->running_errors, &probe, error));
    }
    for (size_t i = 0; i < at->size; i++) {
        if (errors[i].code != SG_STATUS_OK) {
            continue;
        }
        if (at->requests[i].runs_model) {
            errors[i] = at->running_errors[next++];
        }
        if (errors[i].code == SG_STATUS_OK) {
            SG_TRY(sg_result_create(session->engine, &at->requests[i], &results[i], error));
        }
    }
    return SG_STATUS_OK;
}

static sg_status fill_groups(sg_session *session, group *at, const sg_text *texts, size_t count,
                             const sg_infill_options *const *options, sg_result **results,
                             sg_error *errors, sg_error *error) {
    size_t first = 0;
    while (first < count) {
        size_t next = first;
        while (next < count && !group_is_full(at)) {
            SG_TRY(group_add(session->engine, at, texts[next],
                             options == NULL ? NULL : options[next], &errors[next], error));
            next++;
        }
        SG_TRY(group_run(session, at, results + first, errors + first, error));
        group_reset(at);
        first = next;
    }
    return SG_STATUS_OK;
}

sg_status sg_session_fill_many(sg_session *session, const sg_text *texts, size_t count,
                               const sg_infill_options *const *options, sg_result **results,
                               sg_error *errors, sg_error *error) {
    group at;
    sg_status status = group_init(&at, count, error);
    for (size_t i = 0; i < count; i++) {
        results[i] = NULL;
    }
    if (status == SG_STATUS_OK) {
        status = fill_groups(session, &at, texts, count, options, results, errors, error);
    }
    group_clear(&at);
    for (size_t i = 0; status != SG_STATUS_OK && i < count; i++) {
        sg_result_destroy(results[i]);
        results[i] = NULL;
    }
    return status;
}

sg_status sg_session_fill(sg_session *session, sg_text text, const sg_infill_options *options,
                          sg_result **result, sg_error *error) {
    sg_error own = {.code = SG_STATUS_OK};
    sg_status status = sg_session_fill_many(session, &text, 1, &options, result, &own, error);
    if (status == SG_STATUS_OK && own.code != SG_STATUS_OK) {
        if (error != NULL) {
            *error = own;
        }
        return own.code;
    }
    return status;
}
