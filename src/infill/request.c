/* SPDX-License-Identifier: Apache-2.0 */
/* A text and its options in, a search ready to run out. */
#include "infill/request.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"

/* The name, the value found and the range, for a setting outside it. */
static sg_status refuse(sg_error *error, const char *name, int64_t value, int64_t minimum,
                        int64_t maximum) {
    return sg_error_set(error, SG_STATUS_ARGUMENT, "%s is %lld, expected %lld to %lld", name,
                        (long long)value, (long long)minimum, (long long)maximum);
}

/* The caller's value, else the model's, else the default; checked against the range. */
static sg_status resolve_integer(const char *name, int64_t option, int64_t model, int64_t otherwise,
                                 int64_t minimum, int64_t maximum, size_t *out, sg_error *error) {
    int64_t value = option != SG_OPTION_UNSET  ? option
                    : model != SG_OPTION_UNSET ? model
                                               : otherwise;
    if (value < minimum || value > maximum) {
        return refuse(error, name, value, minimum, maximum);
    }
    *out = (size_t)value;
    return SG_STATUS_OK;
}

static sg_status resolve_real(const char *name, double option, double model, double minimum,
                              double *out, sg_error *error) {
    double value = !isnan(option) ? option : !isnan(model) ? model : 1.0;
    if (!(value >= minimum && value <= 1e6)) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "%s is %g, expected %g to 1000000", name,
                            value, minimum);
    }
    *out = value;
    return SG_STATUS_OK;
}

/* max_new_tokens wins over max_length, which counts the start token; the caller's either wins over
 * the model's; with neither, room for the blanks. */
static sg_status resolve_length(const sg_request *request, const sg_decoding_options *model,
                                size_t *out, sg_error *error) {
    const sg_decoding_options *option = &request->options.decoding;
    int64_t blanks = 16 + 8 * (int64_t)request->blanks.count;
    int64_t value = blanks > 64 ? blanks : 64;
    const char *name = "max_new_tokens";
    if (option->max_new_tokens != SG_OPTION_UNSET) {
        value = option->max_new_tokens;
    } else if (option->max_length != SG_OPTION_UNSET) {
        if (option->max_length < 2 || option->max_length > SG_MAX_NEW_TOKENS + 1) {
            return refuse(error, "max_length", option->max_length, 2, SG_MAX_NEW_TOKENS + 1);
        }
        value = option->max_length - 1;
    } else if (model->max_new_tokens != SG_OPTION_UNSET) {
        value = model->max_new_tokens;
    } else if (model->max_length != SG_OPTION_UNSET) {
        value = model->max_length - 1;
    }
    if (value < 1 || value > SG_MAX_NEW_TOKENS) {
        return refuse(error, name, value, 1, SG_MAX_NEW_TOKENS);
    }
    *out = (size_t)value;
    return SG_STATUS_OK;
}

static sg_status check_token(const sg_engine *engine, const char *name, int32_t id,
                             sg_error *error) {
    size_t vocabulary = engine->model.config.vocab_size;
    if (id < 0 || (size_t)id >= vocabulary) {
        return refuse(error, name, id, 0, (int64_t)vocabulary - 1);
    }
    return SG_STATUS_OK;
}

/* The end tokens: the caller's or the model's, and the sentinel after the highest blank of the
 * text. */
static sg_status resolve_end_tokens(const sg_engine *engine, sg_request *request, sg_error *error) {
    const sg_infill_options *options = &request->options;
    const sg_generation_config *generation = &engine->model.generation;
    const int32_t *ids =
        options->eos_token_ids != NULL ? options->eos_token_ids : generation->eos_token_ids;
    size_t count = options->eos_token_ids != NULL ? options->eos_token_id_count
                                                  : generation->eos_token_id_count;
    int32_t next = request->blanks.highest + 1;
    for (size_t i = 0; i < count; i++) {
        SG_TRY(check_token(engine, "eos_token_id", ids[i], error));
    }
    request->end_ids = sg_memory_alloc(count + 1, sizeof *request->end_ids);
    if (request->end_ids == NULL) {
        return sg_memory_error(error, "end tokens", count * sizeof *request->end_ids);
    }
    for (size_t i = 0; i < count; i++) {
        request->end_ids[i] = ids[i];
    }
    request->end_count = count;
    request->has_stop_sentinel = options->stop_at_last_blank && request->blanks.count > 0 &&
                                 next < sg_tokenizer_sentinel_count(engine->tokenizer);
    if (request->has_stop_sentinel) {
        request->end_ids[count] = sg_tokenizer_sentinel_id(engine->tokenizer, next);
    }
    return SG_STATUS_OK;
}

static sg_status resolve_settings(const sg_engine *engine, sg_request *request, sg_error *error) {
    const sg_decoding_options *option = &request->options.decoding;
    const sg_decoding_options *model = &engine->model.generation.decoding;
    sg_search_options *to = &request->settings;
    const int64_t most = INT32_MAX;
    to->vocab_size = engine->model.config.vocab_size;
    SG_TRY(resolve_integer("num_beams", option->num_beams, model->num_beams, 1, 1, SG_MAX_BEAMS,
                           &to->num_beams, error));
    SG_TRY(resolve_integer("num_return_sequences", option->num_return_sequences,
                           model->num_return_sequences, 1, 1, SG_MAX_BEAMS,
                           &to->num_return_sequences, error));
    if (to->num_return_sequences > to->num_beams) {
        return sg_error_set(error, SG_STATUS_ARGUMENT,
                            "num_return_sequences is %zu, expected at most num_beams, which is %zu",
                            to->num_return_sequences, to->num_beams);
    }
    SG_TRY(resolve_length(request, model, &to->max_new_tokens, error));
    SG_TRY(resolve_integer("min_new_tokens", option->min_new_tokens, model->min_new_tokens, 0, 0,
                           most, &to->min_new_tokens, error));
    SG_TRY(resolve_integer("min_length", option->min_length, model->min_length, 0, 0, most,
                           &to->min_length, error));
    if (option->min_new_tokens == SG_OPTION_UNSET && model->min_new_tokens != SG_OPTION_UNSET) {
        /* A model's min_new_tokens, even 0, takes the place of any min_length: generate() does so.
         */
        to->min_length = 0;
    }
    SG_TRY(resolve_integer("no_repeat_ngram_size", option->no_repeat_ngram_size,
                           model->no_repeat_ngram_size, 0, 0, most, &to->no_repeat_ngram_size,
                           error));
    SG_TRY(resolve_real("length_penalty", option->length_penalty, model->length_penalty, -1e6,
                        &to->length_penalty, error));
    SG_TRY(resolve_real("repetition_penalty", option->repetition_penalty, model->repetition_penalty,
                        1e-6, &to->repetition_penalty, error));
    to->early_stopping = option->early_stopping;
    if (to->early_stopping == SG_EARLY_STOPPING_UNSET) {
        to->early_stopping = model->early_stopping;
    }
    if (to->early_stopping == SG_EARLY_STOPPING_UNSET) {
        to->early_stopping = SG_EARLY_STOPPING_FALSE;
    }
    to->start_token = request->options.decoder_start_token_id;
    if (to->start_token < 0) {
        to->start_token = engine->model.generation.decoder_start_token_id;
    }
    SG_TRY(check_token(engine, "decoder_start_token_id", to->start_token, error));
    SG_TRY(resolve_end_tokens(engine, request, error));
    to->eos_ids = request->end_ids;
    to->eos_count = request->end_count + (request->has_stop_sentinel ? 1 : 0);
    return SG_STATUS_OK;
}

/* The prompt's ids, cut or refused where there are too many. </s> stays the last. */
static sg_status tokenize(const sg_engine *engine, sg_request *request, sg_error *error) {
    size_t most = request->options.max_input_tokens;
    int64_t model_most = sg_tokenizer_model_max_length(engine->tokenizer);
    sg_buffer prompt;
    sg_status status;
    sg_buffer_init(&prompt, SIZE_MAX - 1);
    status =
        sg_sentinels_prompt(&request->blanks, request->text.bytes, request->text.length, &prompt);
    if (status != SG_STATUS_OK) {
        status = sg_memory_error(error, "the prompt", request->text.length);
    } else {
        status = sg_tokenizer_encode(engine->tokenizer, prompt.data == NULL ? "" : prompt.data,
                                     prompt.length, &request->input, error);
    }
    sg_buffer_clear(&prompt);
    SG_TRY(status);
    if (model_most > 0 && request->input.count > (uint64_t)model_most) {
        sg_log_write(&engine->options.log, SG_LOG_LEVEL_WARNING,
                     "a text has more tokens than the tokenizer's model_max_length, %lld",
                     (long long)model_most);
    }
    if (request->input.count <= most) {
        return SG_STATUS_OK;
    }
    if (!request->options.truncate) {
        return sg_error_set(error, SG_STATUS_TOO_LONG,
                            "the text has %zu tokens, expected at most %zu", request->input.count,
                            most);
    }
    request->input.count = most;
    request->input.ids[most - 1] = sg_tokenizer_eos_id(engine->tokenizer);
    request->truncated = true;
    return SG_STATUS_OK;
}

static sg_status check_text(sg_text text, const sg_infill_options *options, sg_error *error) {
    size_t bad = 0;
    if (text.length > SG_TOKENIZER_MAX_TEXT_BYTES) {
        return sg_error_set(error, SG_STATUS_TOO_LONG,
                            "the text has %zu bytes, expected at most %d", text.length,
                            SG_TOKENIZER_MAX_TEXT_BYTES);
    }
    if (!sg_utf8_is_valid(text.bytes, text.length, &bad)) {
        return sg_error_set(error, SG_STATUS_BAD_UTF8, "the text is not UTF-8 at byte %zu", bad);
    }
    if (options->max_input_tokens < 1) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "max_input_tokens is 0, expected 1 or more");
    }
    return SG_STATUS_OK;
}

sg_status sg_request_prepare(const sg_engine *engine, sg_text text,
                             const sg_infill_options *options, sg_request *request,
                             sg_error *error) {
    *request = (sg_request){.text = text, .runs_model = true};
    request->options = options != NULL ? *options : sg_infill_options_default();
    SG_TRY(check_text(text, &request->options, error));
    SG_TRY(sg_sentinels_find(engine->tokenizer, text.bytes, text.length, request->options.blank,
                             &request->blanks, error));
    if (request->blanks.count == 0 && request->options.no_blank == SG_NO_BLANK_ERROR) {
        return sg_error_set(error, SG_STATUS_NO_BLANK, "the text has no blank");
    }
    request->runs_model =
        request->blanks.count > 0 || request->options.no_blank != SG_NO_BLANK_COPY;
    SG_TRY(resolve_settings(engine, request, error));
    return tokenize(engine, request, error);
}

sg_status sg_request_begin(const sg_engine *engine, sg_request *request, sg_error *error) {
    size_t beams = request->settings.num_beams;
    SG_TRY(sg_search_create(&request->settings, &request->search, error));
    request->rows = sg_memory_alloc_zeroed(beams, sizeof *request->rows);
    request->parents = sg_memory_alloc_zeroed(beams, sizeof *request->parents);
    if (request->rows == NULL || request->parents == NULL) {
        return sg_memory_error(error, "rows", beams * sizeof *request->rows);
    }
    request->rows[0] = (sg_search_row){.parent = 0, .token = request->settings.start_token};
    request->row_count = 1;
    return sg_kv_cache_init(&request->cache,
                            engine->model.weights.stacks[SG_STACK_DECODER].num_blocks,
                            sg_model_config_attention_width(&engine->model.config), beams,
                            request->settings.max_new_tokens, request->input.count, error);
}

void sg_request_clear(sg_request *request) {
    sg_memory_free(request->end_ids);
    sg_memory_free(request->rows);
    sg_memory_free(request->parents);
    sg_blank_list_clear(&request->blanks);
    sg_token_ids_clear(&request->input);
    sg_search_destroy(request->search);
    sg_kv_cache_clear(&request->cache);
    *request = (sg_request){0};
}
