/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that a model brings: which file counts, what its values mean, what is refused. */
#include "support/test.h"

#include <math.h>

#include "model/generation_config.h"
#include "support/temp_dir.h"

static temp_dir dir;
static char last_warning[512];

static void keep_warning(void *context, sg_log_level level, const char *message) {
    (void)context;
    (void)level;
    (void)snprintf(last_warning, sizeof last_warning, "%s", message);
}

/* Read with the fields `config` in config.json and the document `generation` (NULL: no such file).
 */
static sg_status read_settings(const char *config_fields, const char *generation, const char *file,
                               sg_generation_config *settings, sg_error *error) {
    char text[512];
    sg_model_config config;
    sg_log log = {keep_warning, NULL};
    (void)snprintf(text, sizeof text, "{\"model_type\":\"t5\",\"vocab_size\":100%s}",
                   config_fields);
    (void)temp_dir_write(&dir, "config.json", text, strlen(text));
    (void)remove(temp_dir_path(&dir, "generation_config.json"));
    if (generation != NULL) {
        (void)temp_dir_write(&dir, "generation_config.json", generation, strlen(generation));
    }
    *error = (sg_error){0};
    last_warning[0] = '\0';
    CHECK_INT(sg_model_config_read(dir.path, &config, error), SG_STATUS_OK);
    return sg_generation_config_read(dir.path, file, &config, &log, settings, error);
}

/* Without the file every generation setting of config.json counts. */
static void config_stands_in_for_a_missing_file(void) {
    sg_generation_config settings;
    sg_error error;
    CHECK_INT(read_settings(",\"decoder_start_token_id\":5,\"num_beams\":3,\"max_length\":9,"
                            "\"early_stopping\":true,"
                            "\"length_penalty\":2.0,\"eos_token_id\":[7,8]",
                            NULL, NULL, &settings, &error),
              SG_STATUS_OK);
    CHECK_INT(settings.decoder_start_token_id, 5);
    CHECK_INT(settings.decoding.num_beams, 3);
    CHECK_INT(settings.decoding.max_length, 9);
    CHECK_INT(settings.decoding.early_stopping, SG_EARLY_STOPPING_TRUE);
    CHECK_NEAR(settings.decoding.length_penalty, 2, 0);
    CHECK(settings.decoding.max_new_tokens == SG_OPTION_UNSET);
    CHECK_INT(settings.eos_token_id_count, 2);
    CHECK_INT(settings.eos_token_ids[1], 8);
    CHECK_TEXT(last_warning, "");
}

/* A config.json that stands in and names no end token has none, as in the reference: its class'
 * default of 1 is the model's, not generate()'s. */
static void config_without_end_token(void) {
    sg_generation_config settings;
    sg_error error;
    CHECK_INT(read_settings(",\"decoder_start_token_id\":0", NULL, NULL, &settings, &error),
              SG_STATUS_OK);
    CHECK_INT(settings.eos_token_id_count, 0);
    CHECK_CONTAINS(last_warning, "eos_token_id");
    CHECK_INT(read_settings(",\"decoder_start_token_id\":0", NULL, "none", &settings, &error),
              SG_STATUS_OK);
    CHECK_INT(settings.eos_token_id_count, 1);
    CHECK_INT(settings.eos_token_ids[0], 1);
}

/* With the file, config.json's settings do not count, and a file without end token has none. */
static void the_file_replaces_config(void) {
    sg_generation_config settings;
    sg_error error;
    CHECK_INT(read_settings(",\"decoder_start_token_id\":5,\"num_beams\":3,\"eos_token_id\":7",
                            "{\"decoder_start_token_id\":4,\"early_stopping\":\"never\"}", NULL,
                            &settings, &error),
              SG_STATUS_OK);
    CHECK_INT(settings.decoder_start_token_id, 4);
    CHECK(settings.decoding.num_beams == SG_OPTION_UNSET);
    CHECK_INT(settings.decoding.early_stopping, SG_EARLY_STOPPING_NEVER);
    CHECK_INT(settings.eos_token_id_count, 0);
    CHECK_CONTAINS(last_warning, "eos_token_id");
}

/* --generation-config none keeps config.json's token ids only; a path replaces the model's own
 * file. */
static void the_caller_may_choose(void) {
    sg_generation_config settings;
    sg_error error;
    CHECK_INT(read_settings(",\"decoder_start_token_id\":5,\"num_beams\":3", "{\"do_sample\":true}",
                            "none", &settings, &error),
              SG_STATUS_OK);
    CHECK_INT(settings.decoder_start_token_id, 5);
    CHECK(settings.decoding.num_beams == SG_OPTION_UNSET);
    CHECK_INT(settings.eos_token_ids[0], 1);
    (void)temp_dir_write(&dir, "other.json", "{\"num_beams\":2,\"bos_token_id\":6}", 32);
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", temp_dir_path(&dir, "other.json"));
    CHECK_INT(read_settings("", "{\"num_beams\":4}", path, &settings, &error), SG_STATUS_OK);
    CHECK_INT(settings.decoding.num_beams, 2);
    CHECK_INT(settings.decoder_start_token_id, 6);
    CHECK_INT(read_settings("", NULL, "/nonexistent/file.json", &settings, &error),
              SG_STATUS_NOT_FOUND);
}

/* No file names a start token, or it is null: the pad id, with a warning. */
static void a_missing_start_token_is_the_pad_id(void) {
    sg_generation_config settings;
    sg_error error;
    CHECK_INT(
        read_settings(",\"pad_token_id\":9,\"eos_token_id\":1,\"decoder_start_token_id\":null",
                      NULL, NULL, &settings, &error),
        SG_STATUS_OK);
    CHECK_INT(settings.decoder_start_token_id, 9);
    CHECK_CONTAINS(last_warning, "decoder_start_token_id");
    CHECK_INT(read_settings("", "{\"eos_token_id\":1}", NULL, &settings, &error), SG_STATUS_OK);
    CHECK_INT(settings.decoder_start_token_id, 0);
    CHECK_CONTAINS(last_warning, "decoder_start_token_id");
}

/* A setting that changes results and is not supported is refused by name; one that changes nothing
 * is not. */
static void unsupported_settings_are_refused(void) {
    static const char *const refused[] = {"\"do_sample\":true",
                                          "\"bad_words_ids\":[[3]]",
                                          "\"force_words_ids\":[[3]]",
                                          "\"forced_bos_token_id\":0",
                                          "\"forced_eos_token_id\":1",
                                          "\"suppress_tokens\":[5]",
                                          "\"sequence_bias\":[[[1],2.0]]",
                                          "\"guidance_scale\":1.5",
                                          "\"diversity_penalty\":0.5",
                                          "\"num_beam_groups\":2",
                                          "\"penalty_alpha\":0.6",
                                          "\"encoder_repetition_penalty\":1.2",
                                          "\"encoder_no_repeat_ngram_size\":3",
                                          "\"renormalize_logits\":true",
                                          "\"stop_strings\":[\"x\"]",
                                          "\"max_time\":3.5",
                                          "\"begin_suppress_tokens\":[1]",
                                          "\"exponential_decay_length_penalty\":[3,1.1]"};
    sg_generation_config settings;
    sg_error error;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char text[128];
        char key[64];
        (void)snprintf(text, sizeof text, "{\"decoder_start_token_id\":0,%s}", refused[i]);
        (void)sscanf(refused[i], "\"%63[a-z_]", key);
        CHECK_INT(read_settings("", text, NULL, &settings, &error), SG_STATUS_UNSUPPORTED);
        CHECK_CONTAINS(error.message, key);
        CHECK_CONTAINS(error.hint, "--generation-config none");
    }
    CHECK_INT(
        read_settings(
            "",
            "{\"decoder_start_token_id\":0,\"eos_token_id\":1,\"do_sample\":false,\"temperature\":"
            "0.7,"
            "\"top_k\":50,\"guidance_scale\":1.0,\"num_beam_groups\":1,\"bad_words_ids\":null,"
            "\"diversity_penalty\":0.0,\"suppress_tokens\":[],\"use_cache\":true}",
            NULL, &settings, &error),
        SG_STATUS_OK);
}

/* A cache that is switched off, as trainers leave it behind, changes what experts have room for; a
 * T5 has none. */
static void a_cache_switched_off_matters_to_experts_only(void) {
    sg_generation_config settings;
    sg_error error = {0};
    sg_log log = {keep_warning, NULL};
    sg_model_config config;
    const char *text = "{\"model_type\":\"switch_transformers\",\"use_cache\":false}";
    CHECK_INT(read_settings("", "{\"use_cache\":false}", NULL, &settings, &error), SG_STATUS_OK);
    CHECK_INT(read_settings(",\"use_cache\":false", NULL, NULL, &settings, &error), SG_STATUS_OK);
    (void)temp_dir_write(&dir, "config.json", text, strlen(text));
    CHECK_INT(sg_model_config_read(dir.path, &config, &error), SG_STATUS_OK);
    CHECK_INT(sg_generation_config_read(dir.path, NULL, &config, &log, &settings, &error),
              SG_STATUS_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "use_cache");
}

/* Values out of range or of the wrong kind name their key. */
static void values_are_checked(void) {
    static const char *const refused[] = {"\"num_beams\":0",
                                          "\"num_beams\":65",
                                          "\"num_beams\":2.0",
                                          "\"max_new_tokens\":0",
                                          "\"max_length\":1",
                                          "\"min_length\":-1",
                                          "\"length_penalty\":\"1\"",
                                          "\"repetition_penalty\":0",
                                          "\"early_stopping\":\"maybe\"",
                                          "\"early_stopping\":1",
                                          "\"eos_token_id\":100",
                                          "\"eos_token_id\":[1,100]",
                                          "\"eos_token_id\":[1,-1]",
                                          "\"eos_token_id\":[1.5]",
                                          "\"eos_token_id\":[\"1\"]",
                                          "\"eos_token_id\":\"1\"",
                                          "\"decoder_start_token_id\":100",
                                          "\"no_repeat_ngram_size\":true",
                                          "\"num_return_sequences\":0"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        sg_generation_config settings;
        sg_error error;
        char text[128];
        char key[64];
        (void)snprintf(text, sizeof text, "{%s}", refused[i]);
        (void)sscanf(refused[i], "\"%63[a-z_]", key);
        CHECK_INT(read_settings("", text, NULL, &settings, &error), SG_STATUS_MODEL);
        CHECK_CONTAINS(error.message, key);
        CHECK_CONTAINS(error.message, "generation_config.json");
    }
}

int main(void) {
    dir = temp_dir_create();
    TEST(config_stands_in_for_a_missing_file);
    TEST(config_without_end_token);
    TEST(the_file_replaces_config);
    TEST(the_caller_may_choose);
    TEST(a_missing_start_token_is_the_pad_id);
    TEST(unsupported_settings_are_refused);
    TEST(a_cache_switched_off_matters_to_experts_only);
    TEST(values_are_checked);
    temp_dir_remove(&dir);
    return test_end();
}
