/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_config.json: what is read, what is left alone, what is refused. */
#include "text/tokenizer_config.h"

#include "support/temp_dir.h"
#include "support/test.h"

static sg_tokenizer_config config;
static sg_error error;

static sg_status read_text(const char *json) {
    temp_dir dir = temp_dir_create();
    const char *path = temp_dir_write_text(&dir, "tokenizer_config.json", json);
    error = (sg_error){0};
    sg_status status = sg_tokenizer_config_read(path, &config, &error);
    temp_dir_remove(&dir);
    return status;
}

static void check_refused(const char *json, sg_status status, const char *message) {
    CHECK_INT(read_text(json), status);
    CHECK_CONTAINS(error.message, message);
    CHECK_CONTAINS(error.message, "tokenizer_config.json");
}

/* Without a file, and for absent keys: T5's 100 sentinels, no length, no clean-up. */
static void has_defaults(void) {
    CHECK_INT(sg_tokenizer_config_read("/nonexistent/tokenizer_config.json", &config, &error),
              SG_STATUS_OK);
    CHECK_INT(config.extra_ids, 100);
    CHECK_INT(config.model_max_length, 0);
    CHECK(!config.clean_up);
    CHECK_INT(read_text("{}"), SG_STATUS_OK);
    CHECK_INT(config.extra_ids, 100);
    CHECK_INT(config.model_max_length, 0);
    CHECK(!config.clean_up);
}

/* The three settings, among others that decide nothing here. */
static void reads_settings(void) {
    CHECK_INT(
        read_text("{\"extra_ids\": 7, \"model_max_length\": 512, \"clean_up_tokenization_spaces\": "
                  "true, \"extra_special_tokens\": {\"a\": \"b\"}, \"added_tokens_decoder\": "
                  "{\"0\": {\"content\": \"x\"}}, \"eos_token\": \"</s>\", \"pad_token\": "
                  "{\"content\": \"<pad>\", \"lstrip\": false}, \"unk_token\": null}"),
        SG_STATUS_OK);
    CHECK_INT(config.extra_ids, 7);
    CHECK_INT(config.model_max_length, 512);
    CHECK(config.clean_up);
    CHECK_INT(read_text("{\"extra_ids\": 0}"), SG_STATUS_OK);
    CHECK_INT(config.extra_ids, 0);
    CHECK_INT(read_text("{\"extra_ids\": 65536}"), SG_STATUS_OK);
}

/* int(1e30), which transformers writes for "no limit", fits no integer type. */
static void reads_enormous_lengths(void) {
    CHECK_INT(read_text("{\"model_max_length\": 1000000000000000019884624838656}"), SG_STATUS_OK);
    CHECK(config.model_max_length == INT64_MAX);
    CHECK_INT(read_text("{\"model_max_length\": null}"), SG_STATUS_OK);
    CHECK_INT(config.model_max_length, 0);
}

/* Wrong values name the key. */
static void refuses_wrong_values(void) {
    check_refused("{\"extra_ids\": -1}", SG_STATUS_MODEL, "extra_ids");
    check_refused("{\"extra_ids\": 65537}", SG_STATUS_MODEL, "extra_ids");
    check_refused("{\"extra_ids\": 1e9}", SG_STATUS_MODEL, "extra_ids");
    check_refused("{\"extra_ids\": 100.0}", SG_STATUS_MODEL, "extra_ids");
    check_refused("{\"extra_ids\": \"100\"}", SG_STATUS_MODEL, "extra_ids");
    check_refused("{\"extra_ids\": null}", SG_STATUS_MODEL, "extra_ids");
    check_refused("{\"model_max_length\": -5}", SG_STATUS_MODEL, "model_max_length is -5");
    check_refused("{\"model_max_length\": 512.0}", SG_STATUS_MODEL, "model_max_length is 512.0");
    check_refused("{\"model_max_length\": \"512\"}", SG_STATUS_MODEL, "model_max_length");
    check_refused("{\"clean_up_tokenization_spaces\": 1}", SG_STATUS_MODEL,
                  "clean_up_tokenization_spaces");
    check_refused("{\"eos_token\": \"<eos>\"}", SG_STATUS_UNSUPPORTED,
                  "eos_token is \"<eos>\", expected \"</s>\"");
    check_refused("{\"unk_token\": {\"content\": \"?\"}}", SG_STATUS_UNSUPPORTED, "unk_token");
}

/* What is no JSON object is a damaged model, not a bad record. */
static void refuses_broken_json(void) {
    check_refused("", SG_STATUS_MODEL, "");
    check_refused("{\"extra_ids\": 01}", SG_STATUS_MODEL, "");
    check_refused("{\"extra_ids\": 1, \"extra_ids\": 2}", SG_STATUS_MODEL, "extra_ids");
    check_refused("[]", SG_STATUS_MODEL, "expected a JSON object");
}

int main(void) {
    TEST(has_defaults);
    TEST(reads_settings);
    TEST(reads_enormous_lengths);
    TEST(refuses_wrong_values);
    TEST(refuses_broken_json);
    return test_end();
}
