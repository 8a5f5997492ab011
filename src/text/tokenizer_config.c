/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_config.json: a small document comes in, three settings go out.
 *
 * Transformers writes its "no limit" for model_max_length as 1000000000000000019884624838656
 * (int(1e30)), which no integer type holds: it is capped, not refused. Invariant: a number of the
 * file sizes nothing before it is checked against a limit of ours. */
#include "text/tokenizer_config.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "storage/json.h"

/* Published files have up to 30 kB (a list of all sentinels). */
#define MAX_BYTES ((size_t)16 << 20)

static bool is_digits(const char *text) {
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static sg_status read_max_length(const char *path, const sg_json_value *root, int64_t *out,
                                 sg_error *error) {
    const sg_json_value *value = sg_json_member(root, "model_max_length");
    if (value == NULL || sg_json_kind(value) == SG_JSON_EVENT_NULL) {
        return SG_STATUS_OK;
    }
    const char *text =
        sg_json_kind(value) == SG_JSON_EVENT_NUMBER ? sg_json_number_text(value) : NULL;
    if (text == NULL || !is_digits(text)) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: model_max_length is %s, expected a whole number", path,
                            text != NULL ? text : "no number");
    }
    if (!sg_number_parse_i64(text, strlen(text), out)) {
        *out = INT64_MAX;
    }
    return SG_STATUS_OK;
}

/* A token stands there as a string, or as an object with its "content". */
static sg_status check_token(const char *path, const sg_json_value *root, const char *key,
                             const char *expected, sg_error *error) {
    const sg_json_value *value = sg_json_member(root, key);
    if (value != NULL && sg_json_kind(value) == SG_JSON_EVENT_OBJECT_BEGIN) {
        value = sg_json_member(value, "content");
    }
    const char *text = value != NULL ? sg_json_string(value) : NULL;
    if (text != NULL && strcmp(text, expected) != 0) {
        return sg_error_set(error, SG_STATUS_UNSUPPORTED, "%s: %s is \"%s\", expected \"%s\"", path,
                            key, text, expected);
    }
    return SG_STATUS_OK;
}

static sg_status read_values(const char *path, const sg_json *document, sg_tokenizer_config *config,
                             sg_error *error) {
    const sg_json_value *root = sg_json_root(document);
    if (sg_json_kind(root) != SG_JSON_EVENT_OBJECT_BEGIN) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: expected a JSON object", path);
    }
    int64_t extra_ids = config->extra_ids;
    SG_TRY(sg_json_get_i64(document, root, "extra_ids", 0, SG_TOKENIZER_MAX_EXTRA_IDS, false,
                           &extra_ids, error));
    config->extra_ids = (int32_t)extra_ids;
    SG_TRY(sg_json_get_bool(document, root, "clean_up_tokenization_spaces", true, &config->clean_up,
                            error));
    SG_TRY(read_max_length(path, root, &config->model_max_length, error));
    SG_TRY(check_token(path, root, "pad_token", "<pad>", error));
    SG_TRY(check_token(path, root, "eos_token", "</s>", error));
    return check_token(path, root, "unk_token", "<unk>", error);
}

sg_status sg_tokenizer_config_read(const char *path, sg_tokenizer_config *config, sg_error *error) {
    sg_tokenizer_config found = {.extra_ids = SG_TOKENIZER_DEFAULT_EXTRA_IDS};
    sg_json *document = NULL;
    sg_status status = sg_json_parse_file(path, MAX_BYTES, &document, error);
    if (status == SG_STATUS_NOT_FOUND) {
        *config = found;
        return SG_STATUS_OK;
    }
    if (status == SG_STATUS_OK) {
        status = read_values(path, document, &found, error);
    }
    sg_json_destroy(document);
    if (status == SG_STATUS_OK) {
        *config = found;
    }
    return status;
}
