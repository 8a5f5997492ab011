/* SPDX-License-Identifier: Apache-2.0 */
/* A folder in, an engine out; and the parts of the public API that need the tokenizer only. */
#include "infill/engine.h"

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

/* Rows of the embedding that may lie beyond the tokenizer before it looks like the wrong one: T5
 * has 28. */
#define SPARE_ROWS 128

/* A tokenizer and a model from different checkpoints must not meet. */
static sg_status check_vocabularies(const char *directory, const sg_engine *engine,
                                    sg_error *error) {
    size_t tokens = (size_t)sg_tokenizer_size(engine->tokenizer);
    size_t rows = engine->model.config.vocab_size;
    if (tokens > rows) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: the tokenizer has %zu tokens, expected at most vocab_size, %zu",
                            directory, tokens, rows);
    }
    if (rows - tokens > SPARE_ROWS) {
        sg_log_write(&engine->options.log, SG_LOG_LEVEL_WARNING,
                     "%s: the tokenizer has %zu tokens, far fewer than vocab_size, %zu", directory,
                     tokens, rows);
    }
    return SG_STATUS_OK;
}

static sg_status open_parts(const char *directory, sg_engine *engine, sg_error *error) {
    SG_TRY(sg_tokenizer_open(directory, &engine->tokenizer, error));
    if (engine->options.tokenizer_only) {
        return SG_STATUS_OK;
    }
    SG_TRY(sg_model_open(directory, &engine->options, &engine->model, error));
    engine->has_model = true;
    return check_vocabularies(directory, engine, error);
}

sg_status sg_engine_open(const char *directory, const sg_engine_options *options,
                         sg_engine **engine, sg_error *error) {
    sg_status status;
    sg_engine *made = sg_memory_alloc_zeroed(1, sizeof *made);
    if (made == NULL) {
        return sg_memory_error(error, "the engine", sizeof *made);
    }
    made->options = options != NULL ? *options : sg_engine_options_default();
    status = open_parts(directory, made, error);
    if (status != SG_STATUS_OK) {
        sg_engine_close(made);
        return status;
    }
    made->options.generation_config = NULL;
    *engine = made;
    return SG_STATUS_OK;
}

void sg_engine_close(sg_engine *engine) {
    if (engine != NULL) {
        sg_tokenizer_close(engine->tokenizer);
        sg_model_close(&engine->model);
        sg_memory_free(engine);
    }
}

sg_status sg_engine_tokenize(const sg_engine *engine, sg_text text, int32_t **ids, size_t *count,
                             sg_error *error) {
    sg_token_ids tokens = {0};
    SG_TRY(sg_tokenizer_encode(engine->tokenizer, text.bytes, text.length, &tokens, error));
    *ids = tokens.ids;
    *count = tokens.count;
    return SG_STATUS_OK;
}

/* The start token, which only an open model knows; without one T5's, the pad id 0. */
static int32_t start_token(const sg_engine *engine) {
    return engine->has_model ? engine->model.generation.decoder_start_token_id : 0;
}

static sg_status decode_card(const sg_engine *engine, const int32_t *ids, size_t count,
                             sg_buffer *buffer, sg_error *error) {
    sg_status status;
    int32_t *with_start = sg_memory_alloc(count + 1, sizeof *with_start);
    if (with_start == NULL) {
        return sg_memory_error(error, "token ids", count * sizeof *with_start);
    }
    with_start[0] = start_token(engine);
    for (size_t i = 0; i < count; i++) {
        with_start[i + 1] = ids[i];
    }
    status = sg_tokenizer_decode(engine->tokenizer, with_start, count + 1, SG_DECODE_FORM_CARD,
                                 buffer, error);
    sg_memory_free(with_start);
    return status;
}

sg_status sg_engine_detokenize(const sg_engine *engine, const int32_t *ids, size_t count,
                               sg_decode_form form, char **text, size_t *length, sg_error *error) {
    sg_buffer buffer;
    sg_status status;
    sg_buffer_init(&buffer, SIZE_MAX - 1);
    status = form == SG_DECODE_FORM_CARD
                 ? decode_card(engine, ids, count, &buffer, error)
                 : sg_tokenizer_decode(engine->tokenizer, ids, count, form, &buffer, error);
    if (status == SG_STATUS_OK) {
        status = sg_buffer_take(&buffer, text, length);
        if (status != SG_STATUS_OK) {
            (void)sg_memory_error(error, "decoded text", count);
        }
    }
    sg_buffer_clear(&buffer);
    return status;
}

const char *sg_engine_piece(const sg_engine *engine, int32_t id) {
    return sg_tokenizer_piece(engine->tokenizer, id);
}

void sg_free(void *block) {
    sg_memory_free(block);
}
