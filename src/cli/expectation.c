/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of JSON -> cases. Settings are by HF's names; one that is not known here could change
 * results, so it is refused, and one that is null counts as absent. Whatever is wrong with the file
 * is wrong usage. */
#include "cli/expectation.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "storage/digest.h"
#include "storage/mapped_file.h"

#define MAX_WHOLE 1000001

/* Failures of the readers below this one become wrong usage, unless memory ran out. */
static sg_status as_usage(sg_status status, sg_error *error) {
    if (status == SG_STATUS_OK || status == SG_STATUS_MEMORY) {
        return status;
    }
    if (error != NULL) {
        error->code = SG_STATUS_ARGUMENT;
    }
    return SG_STATUS_ARGUMENT;
}

static sg_status malformed(const sg_expectation_file *file, const char *what, sg_error *error) {
    return sg_error_set(error, SG_STATUS_ARGUMENT, "%s:%zu: %s", file->path, file->line, what);
}

/* --- lines --- */

/* The next line that is not only white space. */
static bool next_line(sg_expectation_file *file, const char **line, size_t *length) {
    while (file->offset < file->length) {
        const char *begin = file->bytes + file->offset;
        size_t rest = file->length - file->offset;
        const char *end = memchr(begin, '\n', rest);
        *line = begin;
        *length = end == NULL ? rest : (size_t)(end - begin);
        file->offset += *length + (end == NULL ? 0 : 1);
        file->line++;
        for (size_t i = 0; i < *length; i++) {
            if (strchr(" \t\r", begin[i]) == NULL || begin[i] == '\0') {
                return true;
            }
        }
    }
    return false;
}

static sg_status parse_line(const sg_expectation_file *file, const char *line, size_t length,
                            sg_json **document, sg_error *error) {
    char name[512];
    (void)snprintf(name, sizeof name, "%s:%zu", file->path, file->line);
    SG_TRY(as_usage(sg_json_parse(name, line, length, document, error), error));
    if (sg_json_kind(sg_json_root(*document)) != SG_JSON_EVENT_OBJECT_BEGIN) {
        sg_json_destroy(*document);
        *document = NULL;
        return malformed(file, "is no JSON object", error);
    }
    return SG_STATUS_OK;
}

static size_t count_lines(const sg_expectation_file *file) {
    sg_expectation_file rest = *file;
    const char *line;
    size_t length;
    size_t count = 0;
    while (next_line(&rest, &line, &length)) {
        count++;
    }
    return count;
}

sg_status sg_expectation_open(const char *path, sg_expectation_file *file, sg_error *error) {
    const char *line = NULL;
    size_t length = 0;
    int64_t version = -1;
    int64_t cases = -1;
    memset(file, 0, sizeof *file);
    file->path = path;
    SG_TRY(as_usage(
        sg_file_read_small(path, SG_EXPECTATION_MAX_FILE_BYTES, &file->bytes, &file->length, error),
        error));
    if (!next_line(file, &line, &length)) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "%s: is empty, expected an expectation file",
                            path);
    }
    SG_TRY(parse_line(file, line, length, &file->header, error));
    SG_TRY(as_usage(sg_json_get_i64(file->header, sg_json_root(file->header), "v", 1, 1, false,
                                    &version, error),
                    error));
    SG_TRY(as_usage(sg_json_get_i64(file->header, sg_json_root(file->header), "cases", 0, INT64_MAX,
                                    false, &cases, error),
                    error));
    if (version < 0 || cases < 0) {
        return malformed(file, "is no header of an expectation file: \"v\" or \"cases\" is missing",
                         error);
    }
    file->case_count = count_lines(file);
    if (file->case_count == 0 || (uint64_t)file->case_count != (uint64_t)cases) {
        return sg_error_set(error, SG_STATUS_ARGUMENT,
                            "%s: holds %zu cases, its header says %" PRId64, path, file->case_count,
                            cases);
    }
    return SG_STATUS_OK;
}

void sg_expectation_close(sg_expectation_file *file) {
    sg_json_destroy(file->header);
    sg_memory_free(file->bytes);
    memset(file, 0, sizeof *file);
}

/* --- values --- */

static bool read_id(const sg_json_value *value, int32_t *id) {
    const char *text = sg_json_number_text(value);
    int64_t number = 0;
    if (text == NULL || !sg_number_parse_i64(text, strlen(text), &number) || number < 0 ||
        number > INT32_MAX) {
        return false;
    }
    *id = (int32_t)number;
    return true;
}

/* The ids under `key`; an absent key leaves *ids NULL. */
static sg_status read_ids(const sg_expectation_file *file, const sg_json_value *object,
                          const char *key, int32_t **ids, size_t *count, sg_error *error) {
    const sg_json_value *list = sg_json_member(object, key);
    char what[96];
    if (list == NULL || sg_json_kind(list) == SG_JSON_EVENT_NULL) {
        return SG_STATUS_OK;
    }
    (void)snprintf(what, sizeof what, "\"%s\" is no list of token ids", key);
    if (sg_json_kind(list) != SG_JSON_EVENT_ARRAY_BEGIN) {
        return malformed(file, what, error);
    }
    *count = sg_json_count(list);
    *ids = sg_memory_alloc(*count, sizeof **ids);
    if (*ids == NULL) {
        return sg_memory_error(error, key, *count * sizeof **ids);
    }
    for (size_t i = 0; i < *count; i++) {
        if (!read_id(sg_json_at(list, i, NULL), &(*ids)[i])) {
            return malformed(file, what, error);
        }
    }
    return SG_STATUS_OK;
}

static sg_status read_margins(const sg_expectation_file *file, sg_expectation_case *one_case,
                              sg_error *error) {
    const sg_json_value *list = sg_json_member(sg_json_root(one_case->document), "margins");
    if (list == NULL || sg_json_kind(list) == SG_JSON_EVENT_NULL) {
        return SG_STATUS_OK;
    }
    if (sg_json_kind(list) != SG_JSON_EVENT_ARRAY_BEGIN) {
        return malformed(file, "\"margins\" is no list of numbers", error);
    }
    one_case->margin_count = sg_json_count(list);
    one_case->margins = sg_memory_alloc(one_case->margin_count, sizeof *one_case->margins);
    if (one_case->margins == NULL) {
        return sg_memory_error(error, "margins",
                               one_case->margin_count * sizeof *one_case->margins);
    }
    for (size_t i = 0; i < one_case->margin_count; i++) {
        const sg_json_value *value = sg_json_at(list, i, NULL);
        const char *text = sg_json_number_text(value);
        one_case->margins[i] = (double)INFINITY; /* null: there was no second best */
        if (sg_json_kind(value) != SG_JSON_EVENT_NULL &&
            (text == NULL || !sg_number_parse_f64(text, strlen(text), &one_case->margins[i]))) {
            return malformed(file, "\"margins\" is no list of numbers", error);
        }
    }
    return SG_STATUS_OK;
}

static sg_status read_real(const sg_expectation_case *one_case, const sg_json_value *object,
                           const char *key, double *out, sg_error *error) {
    return as_usage(
        sg_json_get_f64(one_case->document, object, key, -1e300, 1e300, true, out, error), error);
}

/* --- settings --- */

/* The whole-number settings of sg_decoding_options. */
static int64_t *whole_setting(sg_decoding_options *decoding, const char *key) {
    const struct {
        const char *key;
        int64_t *field;
    } settings[] = {{"num_beams", &decoding->num_beams},
                    {"num_return_sequences", &decoding->num_return_sequences},
                    {"max_new_tokens", &decoding->max_new_tokens},
                    {"max_length", &decoding->max_length},
                    {"min_new_tokens", &decoding->min_new_tokens},
                    {"min_length", &decoding->min_length},
                    {"no_repeat_ngram_size", &decoding->no_repeat_ngram_size}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(settings[i].key, key) == 0) {
            return settings[i].field;
        }
    }
    return NULL;
}

static sg_status read_early_stopping(const sg_expectation_file *file, const sg_json_value *value,
                                     sg_early_stopping *out, sg_error *error) {
    const char *word = sg_json_string(value);
    if (sg_json_kind(value) == SG_JSON_EVENT_TRUE) {
        *out = SG_EARLY_STOPPING_TRUE;
    } else if (sg_json_kind(value) == SG_JSON_EVENT_FALSE) {
        *out = SG_EARLY_STOPPING_FALSE;
    } else if (word != NULL && strcmp(word, "never") == 0) {
        *out = SG_EARLY_STOPPING_NEVER;
    } else {
        return malformed(file, "\"early_stopping\" is not true, false or \"never\"", error);
    }
    return SG_STATUS_OK;
}

/* One id or a list of them. */
static sg_status read_eos_ids(const sg_expectation_file *file, sg_expectation_case *one_case,
                              const sg_json_value *value, sg_error *error) {
    bool is_list = sg_json_kind(value) == SG_JSON_EVENT_ARRAY_BEGIN;
    size_t count = is_list ? sg_json_count(value) : 1;
    if (count > SG_EXPECTATION_MAX_EOS_IDS) {
        return malformed(file, "\"eos_token_id\" has more than 64 ids", error);
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_id(is_list ? sg_json_at(value, i, NULL) : value, &one_case->eos_token_ids[i])) {
            return malformed(file, "\"eos_token_id\" is no token id and no list of them", error);
        }
    }
    one_case->options.eos_token_ids = one_case->eos_token_ids;
    one_case->options.eos_token_id_count = count;
    return SG_STATUS_OK;
}

static sg_status read_setting(const sg_expectation_file *file, sg_expectation_case *one_case,
                              const sg_json_value *settings, const char *key,
                              const sg_json_value *value, sg_error *error) {
    sg_decoding_options *decoding = &one_case->options.decoding;
    int64_t *whole = whole_setting(decoding, key);
    if (whole != NULL) {
        return as_usage(
            sg_json_get_i64(one_case->document, settings, key, 0, MAX_WHOLE, true, whole, error),
            error);
    }
    if (strcmp(key, "length_penalty") == 0) {
        return read_real(one_case, settings, key, &decoding->length_penalty, error);
    }
    if (strcmp(key, "repetition_penalty") == 0) {
        return read_real(one_case, settings, key, &decoding->repetition_penalty, error);
    }
    if (strcmp(key, "early_stopping") == 0) {
        return read_early_stopping(file, value, &decoding->early_stopping, error);
    }
    if (strcmp(key, "stop_at_last_blank") == 0) {
        return as_usage(sg_json_get_bool(one_case->document, settings, key, false,
                                         &one_case->options.stop_at_last_blank, error),
                        error);
    }
    if (strcmp(key, "eos_token_id") == 0) {
        return read_eos_ids(file, one_case, value, error);
    }
    if (strcmp(key, "decoder_start_token_id") == 0) {
        return read_id(value, &one_case->options.decoder_start_token_id)
                   ? SG_STATUS_OK
                   : malformed(file, "\"decoder_start_token_id\" is no token id", error);
    }
    if (strcmp(key, "pad_token_id") == 0 ||
        (strcmp(key, "do_sample") == 0 && sg_json_kind(value) == SG_JSON_EVENT_FALSE)) {
        return SG_STATUS_OK; /* neither changes the result of one text by search */
    }
    return sg_error_set(error, SG_STATUS_ARGUMENT,
                        "%s:%zu: option \"%s\" is not known, or not with this value", file->path,
                        file->line, key);
}

static sg_status read_settings(const sg_expectation_file *file, sg_expectation_case *one_case,
                               sg_error *error) {
    const sg_json_value *settings = sg_json_member(sg_json_root(one_case->document), "options");
    if (settings == NULL) {
        return SG_STATUS_OK;
    }
    if (sg_json_kind(settings) != SG_JSON_EVENT_OBJECT_BEGIN) {
        return malformed(file, "\"options\" is no object", error);
    }
    for (size_t i = 0; i < sg_json_count(settings); i++) {
        const char *key = NULL;
        const sg_json_value *value = sg_json_at(settings, i, &key);
        if (sg_json_kind(value) != SG_JSON_EVENT_NULL) {
            SG_TRY(read_setting(file, one_case, settings, key, value, error));
        }
    }
    return SG_STATUS_OK;
}

/* --- cases --- */

static sg_status read_output(const sg_expectation_file *file, const sg_expectation_case *one_case,
                             const sg_json_value *object, sg_expected_output *output,
                             sg_error *error) {
    output->logprob = (double)NAN;
    output->score = (double)NAN;
    SG_TRY(read_ids(file, object, "ids", &output->ids, &output->id_count, error));
    if (output->ids == NULL) {
        return malformed(file, "\"ids\" is missing", error);
    }
    SG_TRY(as_usage(
        sg_json_get_string(one_case->document, object, "raw", true, &output->raw, error), error));
    SG_TRY(read_real(one_case, object, "logprob", &output->logprob, error));
    return read_real(one_case, object, "score", &output->score, error);
}

static sg_status read_candidates(const sg_expectation_file *file, sg_expectation_case *one_case,
                                 sg_error *error) {
    const sg_json_value *list = sg_json_member(sg_json_root(one_case->document), "candidates");
    size_t count = list == NULL ? 0 : sg_json_count(list);
    if (list == NULL || sg_json_kind(list) == SG_JSON_EVENT_NULL) {
        return SG_STATUS_OK;
    }
    if (sg_json_kind(list) != SG_JSON_EVENT_ARRAY_BEGIN) {
        return malformed(file, "\"candidates\" is no list of outputs", error);
    }
    one_case->candidates = sg_memory_alloc_zeroed(count, sizeof *one_case->candidates);
    if (one_case->candidates == NULL) {
        return sg_memory_error(error, "candidates", count * sizeof *one_case->candidates);
    }
    one_case->candidate_count = count;
    for (size_t i = 0; i < count; i++) {
        const sg_json_value *candidate = sg_json_at(list, i, NULL);
        if (sg_json_kind(candidate) != SG_JSON_EVENT_OBJECT_BEGIN) {
            return malformed(file, "\"candidates\" is no list of outputs", error);
        }
        SG_TRY(read_output(file, one_case, candidate, &one_case->candidates[i], error));
    }
    return SG_STATUS_OK;
}

static sg_status read_case(const sg_expectation_file *file, sg_expectation_case *one_case,
                           sg_error *error) {
    const sg_json_value *root = sg_json_root(one_case->document);
    SG_TRY(as_usage(
        sg_json_get_string(one_case->document, root, "text", false, &one_case->text, error),
        error));
    if (one_case->text == NULL) {
        return malformed(file, "\"text\" is missing", error);
    }
    SG_TRY(read_settings(file, one_case, error));
    SG_TRY(
        read_ids(file, root, "input_ids", &one_case->input_ids, &one_case->input_id_count, error));
    SG_TRY(read_margins(file, one_case, error));
    SG_TRY(read_output(file, one_case, root, &one_case->own, error));
    return read_candidates(file, one_case, error);
}

sg_status sg_expectation_next(sg_expectation_file *file, sg_expectation_case *one_case, bool *found,
                              sg_error *error) {
    const char *line = NULL;
    size_t length = 0;
    sg_status status;
    memset(one_case, 0, sizeof *one_case);
    one_case->options = sg_infill_options_default();
    *found = next_line(file, &line, &length);
    if (!*found) {
        return SG_STATUS_OK;
    }
    one_case->line = file->line;
    status = parse_line(file, line, length, &one_case->document, error);
    if (status == SG_STATUS_OK) {
        status = read_case(file, one_case, error);
    }
    if (status != SG_STATUS_OK) {
        sg_expectation_case_clear(one_case);
    }
    return status;
}

void sg_expectation_case_clear(sg_expectation_case *one_case) {
    for (size_t i = 0; i < one_case->candidate_count; i++) {
        sg_memory_free(one_case->candidates[i].ids);
    }
    sg_memory_free(one_case->candidates);
    sg_memory_free(one_case->own.ids);
    sg_memory_free(one_case->input_ids);
    sg_memory_free(one_case->margins);
    sg_json_destroy(one_case->document);
    memset(one_case, 0, sizeof *one_case);
}

/* --- the model --- */

static sg_status check_sum(const char *path, const char *expected, sg_error *error) {
    char found[SG_DIGEST_HEX_SIZE];
    SG_TRY(sg_digest_sha256_file(path, found, error));
    if (strcmp(found, expected) != 0) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: has SHA-256 %s, the expectation file says %s", path, found,
                            expected);
    }
    return SG_STATUS_OK;
}

static sg_status check_file(const sg_expectation_file *file, const sg_json_value *entry,
                            const char *directory, bool checksum, sg_error *error) {
    const char *name = NULL;
    const char *sum = NULL;
    int64_t bytes = -1;
    char path[4096];
    struct stat found;
    SG_TRY(as_usage(sg_json_get_string(file->header, entry, "name", false, &name, error), error));
    SG_TRY(as_usage(sg_json_get_string(file->header, entry, "sha256", true, &sum, error), error));
    SG_TRY(as_usage(
        sg_json_get_i64(file->header, entry, "bytes", 0, INT64_MAX, false, &bytes, error), error));
    if (name == NULL || bytes < 0 || strchr(name, '/') != NULL) {
        return sg_error_set(error, SG_STATUS_ARGUMENT,
                            "%s:1: a file of the model has no name or size", file->path);
    }
    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "%s: the path is too long", directory);
    }
    if (stat(path, &found) != 0) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: is missing, the expectation file names it",
                            path);
    }
    if ((int64_t)found.st_size != bytes) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: has %lld bytes, the expectation file says %" PRId64, path,
                            (long long)found.st_size, bytes);
    }
    return checksum && sum != NULL ? check_sum(path, sum, error) : SG_STATUS_OK;
}

sg_status sg_expectation_check_model(const sg_expectation_file *file, const char *directory,
                                     bool checksum, sg_error *error) {
    const sg_json_value *model = sg_json_member(sg_json_root(file->header), "model");
    const sg_json_value *files = model == NULL ? NULL : sg_json_member(model, "files");
    if (files != NULL && sg_json_kind(files) != SG_JSON_EVENT_ARRAY_BEGIN) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "%s:1: \"files\" is no list", file->path);
    }
    for (size_t i = 0; files != NULL && i < sg_json_count(files); i++) {
        sg_status status = check_file(file, sg_json_at(files, i, NULL), directory, checksum, error);
        if (status == SG_STATUS_MODEL) {
            return sg_error_hint(
                error, "these expectations are another model's; --any-model compares anyway");
        }
        SG_TRY(status);
    }
    return SG_STATUS_OK;
}
