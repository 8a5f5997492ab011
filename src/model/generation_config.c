/* SPDX-License-Identifier: Apache-2.0 */
/* generation_config.json (or config.json in its stead) in, decoding settings out. A setting that
 * would change results and that this program lacks is refused by name, never passed over. */
#include "model/generation_config.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "model/config_reader.h"

/* Settings that change what generate() returns and have no counterpart here, each with the value
 * that leaves results alone besides null ("" where only null does). Sampling's own settings
 * (temperature, top_k, ...) are not among them: without do_sample they have no effect in the
 * reference either. */
static const struct {
    const char *key;
    const char *harmless;
} unsupported[] = {
    {"do_sample", "false"},
    {"bad_words_ids", ""},
    {"force_words_ids", ""},
    {"constraints", ""},
    {"forced_bos_token_id", ""},
    {"forced_eos_token_id", ""},
    {"suppress_tokens", "[]"},
    {"begin_suppress_tokens", "[]"},
    {"sequence_bias", ""},
    {"exponential_decay_length_penalty", ""},
    {"encoder_repetition_penalty", "1"},
    {"encoder_no_repeat_ngram_size", "0"},
    {"guidance_scale", "1"},
    {"penalty_alpha", "0"},
    {"diversity_penalty", "0"},
    {"num_beam_groups", "1"},
    {"dola_layers", ""},
    {"renormalize_logits", "false"},
    {"remove_invalid_values", "false"},
    {"watermarking_config", ""},
    {"stop_strings", ""},
    {"token_healing", "false"},
    {"prompt_lookup_num_tokens", ""},
    {"max_time", ""},
    {"use_cache", "true"},
    {"use_mtp", "false"},
};

/* True if `value` is null or the harmless value ("1" matches 1 and 1.0). */
static bool is_harmless(const sg_json_value *value, const char *harmless) {
    double number = 0.0;
    double expected = 0.0;
    const char *text;
    switch (sg_json_kind(value)) {
    case SG_JSON_EVENT_NULL:
        return true;
    case SG_JSON_EVENT_TRUE:
        return strcmp(harmless, "true") == 0;
    case SG_JSON_EVENT_FALSE:
        return strcmp(harmless, "false") == 0;
    case SG_JSON_EVENT_ARRAY_BEGIN:
        return strcmp(harmless, "[]") == 0 && sg_json_count(value) == 0;
    case SG_JSON_EVENT_NUMBER:
        text = sg_json_number_text(value);
        return sg_number_parse_f64(harmless, strlen(harmless), &expected) &&
               sg_number_parse_f64(text, strlen(text), &number) && !(number < expected) &&
               !(number > expected);
    default:
        return false;
    }
}

/* True if a T5 model may have the setting with any value: without a cache the reference computes
 * the same, more slowly. Where there are experts, it counts their capacity over the whole output.
 */
static bool is_harmless_to(const sg_model_config *config, const char *key) {
    return config->type == SG_MODEL_TYPE_T5 && strcmp(key, "use_cache") == 0;
}

static sg_status refuse_unsupported(const sg_config_reader *reader, const sg_model_config *config) {
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        const sg_json_value *value = sg_json_member(reader->object, unsupported[i].key);
        if (value != NULL && !is_harmless(value, unsupported[i].harmless) &&
            !is_harmless_to(config, unsupported[i].key)) {
            (void)sg_error_set(reader->error, SG_STATUS_UNSUPPORTED,
                               "%s: \"%s\" changes results and is not supported", reader->path,
                               unsupported[i].key);
            (void)sg_error_hint(
                reader->error,
                "--generation-config none runs the model without its file's settings");
            SG_TRY(sg_config_reader_pass(reader, SG_STATUS_UNSUPPORTED));
        }
    }
    return SG_STATUS_OK;
}

static sg_status read_early_stopping(const sg_config_reader *reader, sg_early_stopping *out) {
    const sg_json_value *value = sg_json_member(reader->object, "early_stopping");
    const char *text;
    if (value == NULL || sg_json_kind(value) == SG_JSON_EVENT_NULL) {
        return SG_STATUS_OK;
    }
    text = sg_json_string(value);
    if (sg_json_kind(value) == SG_JSON_EVENT_TRUE) {
        *out = SG_EARLY_STOPPING_TRUE;
    } else if (sg_json_kind(value) == SG_JSON_EVENT_FALSE) {
        *out = SG_EARLY_STOPPING_FALSE;
    } else if (text != NULL && strcmp(text, "never") == 0) {
        *out = SG_EARLY_STOPPING_NEVER;
    } else {
        return sg_config_reader_pass(
            reader,
            sg_error_set(
                reader->error, SG_STATUS_MODEL,
                "%s: \"early_stopping\" is something else, expected true, false or \"never\"",
                reader->path));
    }
    return SG_STATUS_OK;
}

static sg_status read_decoding(const sg_config_reader *reader, sg_decoding_options *decoding) {
    const int64_t most = INT32_MAX;
    SG_TRY(sg_config_reader_i64(reader, "num_beams", 1, SG_MAX_BEAMS, &decoding->num_beams));
    SG_TRY(sg_config_reader_i64(reader, "num_return_sequences", 1, SG_MAX_BEAMS,
                                &decoding->num_return_sequences));
    SG_TRY(sg_config_reader_i64(reader, "max_new_tokens", 1, SG_MAX_NEW_TOKENS,
                                &decoding->max_new_tokens));
    SG_TRY(sg_config_reader_i64(reader, "max_length", 2, SG_MAX_NEW_TOKENS + 1,
                                &decoding->max_length));
    SG_TRY(sg_config_reader_i64(reader, "min_new_tokens", 0, most, &decoding->min_new_tokens));
    SG_TRY(sg_config_reader_i64(reader, "min_length", 0, most, &decoding->min_length));
    SG_TRY(sg_config_reader_i64(reader, "no_repeat_ngram_size", 0, most,
                                &decoding->no_repeat_ngram_size));
    SG_TRY(sg_config_reader_f64(reader, "length_penalty", -1e6, 1e6, &decoding->length_penalty));
    SG_TRY(sg_config_reader_f64(reader, "repetition_penalty", 1e-6, 1e6,
                                &decoding->repetition_penalty));
    return read_early_stopping(reader, &decoding->early_stopping);
}

/* A token id of the file, or what *out holds where it is absent or null. */
static sg_status read_token(const sg_config_reader *reader, const char *key,
                            const sg_model_config *config, int64_t *out) {
    return sg_config_reader_i64(reader, key, 0, (int64_t)config->vocab_size - 1, out);
}

/* One entry of a list of end tokens. */
static sg_status read_listed_token(const sg_config_reader *reader, const sg_json_value *value,
                                   const sg_model_config *config, int32_t *out) {
    const char *text = sg_json_number_text(value);
    int64_t id = -1;
    if (text == NULL || !sg_number_parse_i64(text, strlen(text), &id) || id < 0 ||
        id >= (int64_t)config->vocab_size) {
        return sg_config_reader_pass(
            reader,
            sg_error_set(reader->error, SG_STATUS_MODEL,
                         "%s: \"eos_token_id\" lists %s, expected whole numbers from 0 to %zu",
                         reader->path, text == NULL ? "something that is no number" : text,
                         config->vocab_size - 1));
    }
    *out = (int32_t)id;
    return SG_STATUS_OK;
}

/* eos_token_id: a number, a list of numbers, or null for none. Absent leaves the settings alone. */
static sg_status read_eos(const sg_config_reader *reader, const sg_model_config *config,
                          sg_generation_config *settings) {
    const sg_json_value *value = sg_json_member(reader->object, "eos_token_id");
    int64_t id = 0;
    if (value == NULL) {
        return SG_STATUS_OK;
    }
    settings->eos_token_id_count = 0;
    if (sg_json_kind(value) == SG_JSON_EVENT_NULL) {
        return SG_STATUS_OK;
    }
    if (sg_json_kind(value) != SG_JSON_EVENT_ARRAY_BEGIN) {
        SG_TRY(read_token(reader, "eos_token_id", config, &id));
        settings->eos_token_ids[0] = (int32_t)id;
        settings->eos_token_id_count = 1;
        return SG_STATUS_OK;
    }
    if (sg_json_count(value) > SG_GENERATION_MAX_EOS_IDS) {
        return sg_config_reader_pass(
            reader, sg_error_set(reader->error, SG_STATUS_MODEL,
                                 "%s: \"eos_token_id\" lists %zu tokens, expected at most %d",
                                 reader->path, sg_json_count(value), SG_GENERATION_MAX_EOS_IDS));
    }
    for (size_t i = 0; i < sg_json_count(value); i++) {
        SG_TRY(read_listed_token(reader, sg_json_at(value, i, NULL), config,
                                 &settings->eos_token_ids[i]));
        settings->eos_token_id_count = i + 1;
    }
    return SG_STATUS_OK;
}

/* The decoder's start: decoder_start_token_id, else bos_token_id, as the reference; else *start
 * stays. */
static sg_status read_start(const sg_config_reader *reader, const sg_model_config *config,
                            int64_t *start) {
    int64_t id = -1;
    SG_TRY(read_token(reader, "bos_token_id", config, &id));
    SG_TRY(read_token(reader, "decoder_start_token_id", config, &id));
    if (id >= 0) {
        *start = id;
    }
    return SG_STATUS_OK;
}

/* config.json: its token ids always; its other settings only where it stands in for a missing file.
 * There an absent end token is none: the reference reads the file as settings, without the defaults
 * of the model's class. */
static sg_status read_config_json(const char *directory, bool stands_in,
                                  const sg_model_config *config, const sg_problem_sink *sink,
                                  sg_generation_config *settings, int64_t *start, sg_error *error) {
    sg_config_reader reader;
    sg_status status = sg_config_reader_open(&reader, directory, "config.json", error);
    reader.sink = sink;
    settings->eos_token_ids[0] = 1; /* the default of both config classes */
    settings->eos_token_id_count = stands_in ? 0 : 1;
    if (status == SG_STATUS_OK) {
        status = read_eos(&reader, config, settings);
    }
    if (status == SG_STATUS_OK) {
        status = read_start(&reader, config, start);
    }
    if (status == SG_STATUS_OK && stands_in) {
        status = refuse_unsupported(&reader, config);
    }
    if (status == SG_STATUS_OK && stands_in) {
        status = read_decoding(&reader, &settings->decoding);
    }
    sg_config_reader_close(&reader);
    return status;
}

/* A generation_config.json. Without eos_token_id there is no end token, as in the reference. */
static sg_status read_generation_json(const char *directory, const char *name,
                                      const sg_model_config *config, const sg_problem_sink *sink,
                                      sg_generation_config *settings, int64_t *start,
                                      sg_error *error) {
    sg_config_reader reader;
    sg_status status = sg_config_reader_open(&reader, directory, name, error);
    reader.sink = sink;
    settings->eos_token_id_count = 0;
    if (status == SG_STATUS_OK) {
        status = refuse_unsupported(&reader, config);
    }
    if (status == SG_STATUS_OK) {
        status = read_eos(&reader, config, settings);
    }
    if (status == SG_STATUS_OK) {
        status = read_decoding(&reader, &settings->decoding);
    }
    if (status == SG_STATUS_OK) {
        status = read_start(&reader, config, start);
    }
    sg_config_reader_close(&reader);
    return status;
}

/* True if the model has a generation_config.json, be it a dangling link (which then fails by name).
 */
static sg_status has_own_file(const char *directory, bool *has, sg_error *error) {
    struct stat status;
    sg_buffer path;
    sg_buffer_init(&path, SIZE_MAX - 1);
    if (sg_buffer_append_format(&path, "%s/generation_config.json", directory) != SG_STATUS_OK) {
        return sg_memory_error(error, "a path", strlen(directory));
    }
    *has = lstat(path.data, &status) == 0;
    sg_buffer_clear(&path);
    return SG_STATUS_OK;
}

static void warn_of_gaps(const sg_log *log, const char *directory, const sg_model_config *config,
                         const sg_generation_config *settings, int64_t start) {
    if (start < 0) {
        sg_log_write(
            log, SG_LOG_LEVEL_WARNING,
            "%s: no file names a decoder_start_token_id: the pad id %lld starts the output",
            directory, (long long)config->pad_token_id);
    }
    if (settings->eos_token_id_count == 0) {
        sg_log_write(
            log, SG_LOG_LEVEL_WARNING,
            "%s: no eos_token_id: outputs end at the last blank or at the length limit only",
            directory);
    }
}

sg_status sg_generation_config_examine(const char *directory, const char *file,
                                       const sg_model_config *config, const sg_log *log,
                                       const sg_problem_sink *sink, sg_generation_config *settings,
                                       sg_error *error) {
    sg_generation_config result = {.decoding = sg_decoding_options_default()};
    bool ignore_all = file != NULL && strcmp(file, "none") == 0;
    bool has_file = file != NULL && !ignore_all;
    int64_t start = -1;
    if (file == NULL) {
        SG_TRY(has_own_file(directory, &has_file, error));
    }
    SG_TRY(read_config_json(directory, !has_file && !ignore_all, config, sink, &result, &start,
                            error));
    if (has_file) {
        SG_TRY(read_generation_json(file == NULL ? directory : NULL,
                                    file == NULL ? "generation_config.json" : file, config, sink,
                                    &result, &start, error));
    }
    warn_of_gaps(log, directory, config, &result, start);
    result.decoder_start_token_id = (int32_t)(start < 0 ? config->pad_token_id : start);
    *settings = result;
    return SG_STATUS_OK;
}

sg_status sg_generation_config_read(const char *directory, const char *file,
                                    const sg_model_config *config, const sg_log *log,
                                    sg_generation_config *settings, sg_error *error) {
    return sg_generation_config_examine(directory, file, config, log, NULL, settings, error);
}
