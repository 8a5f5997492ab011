/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: defaults, the sparse pattern, and every claim that is refused. */
#include "support/test.h"

#include <stdlib.h>

#include "model/config.h"
#include "support/temp_dir.h"

static temp_dir dir;

/* Write `text` as config.json and read it. */
static sg_status read_text(const char *text, sg_model_config *config, sg_error *error) {
    (void)temp_dir_write(&dir, "config.json", text, strlen(text));
    *error = (sg_error){0};
    return sg_model_config_read(dir.path, config, error);
}

/* What the reference's classes use where a file is silent. */
static void defaults_are_the_references(void) {
    sg_model_config config;
    sg_error error;
    CHECK_INT(read_text("{\"model_type\":\"switch_transformers\"}", &config, &error), SG_STATUS_OK);
    CHECK_INT(config.vocab_size, 32128);
    CHECK_INT(config.d_model, 768);
    CHECK_INT(config.d_ff, 2048);
    CHECK_INT(config.num_heads, 12);
    CHECK_INT(config.stacks[SG_STACK_ENCODER].num_layers, 12);
    CHECK_INT(config.stacks[SG_STACK_DECODER].num_layers, 12);
    CHECK_INT(config.stacks[SG_STACK_ENCODER].sparse_step, 4);
    CHECK_INT(config.num_experts, 8);
    CHECK_INT(config.expert_capacity, 64);
    CHECK_INT(config.relative_attention_num_buckets, 32);
    CHECK_INT(config.relative_attention_max_distance, 128);
    CHECK(config.tie_word_embeddings);
    CHECK_INT(read_text("{\"model_type\":\"t5\"}", &config, &error), SG_STATUS_OK);
    CHECK_INT(config.d_model, 512);
    CHECK_INT(config.num_heads, 8);
    CHECK_INT(config.stacks[SG_STACK_DECODER].num_layers, 6);
    CHECK_INT(config.activation, SG_ACTIVATION_RELU);
    CHECK(!config.is_gated);
}

/* transformers 5 saves every T5 as tied, with the scaling of the output under a name of its own,
 * which a Switch model does not know. */
static void output_scale_has_a_name_of_its_own(void) {
    static const struct {
        const char *text;
        bool scaled;
    } rows[] = {
        {"{\"model_type\":\"t5\"}", true},
        {"{\"model_type\":\"t5\",\"tie_word_embeddings\":false}", false},
        {"{\"model_type\":\"t5\",\"tie_word_embeddings\":true,\"scale_decoder_outputs\":false}",
         false},
        {"{\"model_type\":\"t5\",\"tie_word_embeddings\":false,\"scale_decoder_outputs\":true}",
         true},
        {"{\"model_type\":\"switch_transformers\",\"tie_word_embeddings\":false}", false},
        {"{\"model_type\":\"switch_transformers\",\"scale_decoder_outputs\":false}", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sg_model_config config;
        sg_error error;
        CHECK_INT(read_text(rows[i].text, &config, &error), SG_STATUS_OK);
        CHECK_INT(config.scale_output, rows[i].scaled);
    }
}

/* transformers' common names of dimensions win over the family's own, and come too late for what
 * is computed from the number of layers. */
static void common_names_of_dimensions(void) {
    sg_model_config config;
    sg_error error;
    CHECK_INT(read_text("{\"model_type\":\"t5\",\"d_model\":9,\"hidden_size\":17,"
                        "\"num_attention_heads\":3,\"head_dim\":5,\"num_hidden_layers\":7}",
                        &config, &error),
              SG_STATUS_OK);
    CHECK_INT(config.d_model, 17);
    CHECK_INT(config.num_heads, 3);
    CHECK_INT(config.d_kv, 5);
    CHECK_INT(config.stacks[SG_STACK_ENCODER].num_layers, 7);
    CHECK_INT(config.stacks[SG_STACK_DECODER].num_layers, 6);
    CHECK_INT(read_text("{\"model_type\":\"switch_transformers\",\"head_dim\":5,"
                        "\"num_hidden_layers\":13}",
                        &config, &error),
              SG_STATUS_OK);
    CHECK_INT(config.d_kv, 64);
    CHECK_INT(config.stacks[SG_STACK_ENCODER].num_layers, 13);
    CHECK_INT(config.stacks[SG_STACK_ENCODER].sparse_step, 4);
}

/* An absent number of decoder layers is 12 for a Switch model, a null one is the encoder's. */
static void decoder_layers_follow_the_reference(void) {
    sg_model_config config;
    sg_error error;
    CHECK_INT(
        read_text("{\"model_type\":\"switch_transformers\",\"num_layers\":5}", &config, &error),
        SG_STATUS_OK);
    CHECK_INT(config.stacks[SG_STACK_DECODER].num_layers, 12);
    CHECK_INT(
        read_text(
            "{\"model_type\":\"switch_transformers\",\"num_layers\":5,\"num_decoder_layers\":null}",
            &config, &error),
        SG_STATUS_OK);
    CHECK_INT(config.stacks[SG_STACK_DECODER].num_layers, 5);
    CHECK_INT(read_text("{\"model_type\":\"t5\",\"num_layers\":5}", &config, &error), SG_STATUS_OK);
    CHECK_INT(config.stacks[SG_STACK_DECODER].num_layers, 5);
}

/* The table of semantics: N layers, n sparse ones asked for, the pattern that results. */
static void sparse_pattern_follows_the_reference(void) {
    static const struct {
        int layers, sparse;
        const char *pattern;
    } rows[] = {{12, 6, "010101010101"},
                {12, 3, "010001000100"},
                {12, 5, "010101010101"},
                {4, 0, "0100"},
                {1, 0, "1"},
                {4, 1, "0100"},
                {4, 3, "1111"},
                {4, 4, "1111"},
                {5, 2, "01010"},
                {6, 2, "010010"},
                {4, 5, "0000"},
                {3, 2, "111"},
                {4, -3, "0100"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sg_model_config config;
        sg_error error;
        char text[200];
        char pattern[16] = {0};
        (void)snprintf(text, sizeof text,
                       "{\"model_type\":\"switch_transformers\",\"num_layers\":%d,\"num_sparse_"
                       "encoder_layers\":%d}",
                       rows[i].layers, rows[i].sparse);
        CHECK_INT(read_text(text, &config, &error), SG_STATUS_OK);
        for (int block = 0; block < rows[i].layers; block++) {
            pattern[block] =
                sg_model_config_is_sparse(&config, SG_STACK_ENCODER, (size_t)block) ? '1' : '0';
        }
        CHECK_TEXT(pattern, rows[i].pattern);
    }
}

/* A step in the file replaces the computed one; 0 and less mean no sparse block. */
static void sparse_step_overrides(void) {
    sg_model_config config;
    sg_error error;
    CHECK_INT(read_text("{\"model_type\":\"switch_transformers\",\"num_layers\":4,\"num_sparse_"
                        "encoder_layers\":2,"
                        "\"encoder_sparse_step\":1,\"decoder_sparse_step\":0}",
                        &config, &error),
              SG_STATUS_OK);
    CHECK(sg_model_config_is_sparse(&config, SG_STACK_ENCODER, 0));
    CHECK(!sg_model_config_is_sparse(&config, SG_STACK_DECODER, 1));
}

/* T5's feed_forward_proj, and the two keys that override it. */
static void feed_forward_forms(void) {
    static const struct {
        const char *fields;
        sg_activation activation;
        bool gated;
    } rows[] = {{"\"feed_forward_proj\":\"relu\"", SG_ACTIVATION_RELU, false},
                {"\"feed_forward_proj\":\"gated-gelu\"", SG_ACTIVATION_GELU_NEW, true},
                {"\"feed_forward_proj\":\"gelu\"", SG_ACTIVATION_GELU, false},
                {"\"feed_forward_proj\":\"gated-silu\"", SG_ACTIVATION_SILU, true},
                {"\"feed_forward_proj\":\"gated-gelu\",\"dense_act_fn\":\"gelu\"",
                 SG_ACTIVATION_GELU, true},
                {"\"feed_forward_proj\":\"relu\",\"is_gated_act\":true", SG_ACTIVATION_RELU, true},
                {"\"dense_act_fn\":\"swish\"", SG_ACTIVATION_SILU, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sg_model_config config;
        sg_error error;
        char text[200];
        (void)snprintf(text, sizeof text, "{\"model_type\":\"t5\",%s}", rows[i].fields);
        CHECK_INT(read_text(text, &config, &error), SG_STATUS_OK);
        CHECK_INT(config.activation, rows[i].activation);
        CHECK_INT(config.is_gated, rows[i].gated);
    }
    sg_model_config config;
    sg_error error;
    CHECK_INT(read_text("{\"model_type\":\"switch_transformers\",\"feed_forward_proj\":\"gated-"
                        "gelu\",\"is_gated_act\":true}",
                        &config, &error),
              SG_STATUS_OK);
    CHECK(!config.is_gated && config.activation == SG_ACTIVATION_RELU);
}

/* Every whole-number key refuses every value that is no whole number in its range, naming the key.
 */
static void whole_numbers_are_checked(void) {
    static const char *const keys[] = {"d_model",
                                       "d_kv",
                                       "d_ff",
                                       "num_heads",
                                       "num_layers",
                                       "num_decoder_layers",
                                       "vocab_size",
                                       "num_experts",
                                       "relative_attention_num_buckets",
                                       "relative_attention_max_distance"};
    static const char *const values[] = {"true",
                                         "\"768\"",
                                         "[768]",
                                         "{}",
                                         "0",
                                         "-1",
                                         "0.5",
                                         "768.0",
                                         "1e3",
                                         "2147483648",
                                         "4294967296",
                                         "9007199254740993",
                                         "9223372036854775808",
                                         "18446744073709551616",
                                         "1e308"};
    for (size_t key = 0; key < sizeof keys / sizeof keys[0]; key++) {
        for (size_t value = 0; value < sizeof values / sizeof values[0]; value++) {
            sg_model_config config;
            sg_error error;
            char text[200];
            (void)snprintf(text, sizeof text, "{\"model_type\":\"switch_transformers\",\"%s\":%s}",
                           keys[key], values[value]);
            CHECK_INT(read_text(text, &config, &error), SG_STATUS_MODEL);
            CHECK_CONTAINS(error.message, keys[key]);
        }
    }
}

/* Documents and relations that no model can have. */
static void other_claims_are_refused(void) {
    static const struct {
        const char *text;
        sg_status status;
        const char *part;
    } rows[] = {
        {"", SG_STATUS_MODEL, "config.json"},
        {"[]", SG_STATUS_MODEL, "not an object"},
        {"{}", SG_STATUS_MODEL, "model_type"},
        {"{\"model_type\":null}", SG_STATUS_MODEL, "model_type"},
        {"{\"model_type\":5}", SG_STATUS_MODEL, "model_type"},
        {"{\"model_type\":\"mt5\"}", SG_STATUS_UNSUPPORTED, "mt5"},
        {"{\"model_type\":\"umt5\"}", SG_STATUS_UNSUPPORTED, "umt5"},
        {"{\"model_type\":\"longt5\"}", SG_STATUS_UNSUPPORTED, "longt5"},
        {"{\"model_type\":\"t5\",\"d_model\":NaN}", SG_STATUS_MODEL, "config.json"},
        {"{\"model_type\":\"t5\",\"d_model\":1e999}", SG_STATUS_MODEL, "config.json"},
        {"{\"model_type\":\"t5\",\"d_model\":5,\"d_model\":6}", SG_STATUS_MODEL, "d_model"},
        {"\xef\xbb\xbf{\"model_type\":\"t5\"}", SG_STATUS_MODEL, "config.json"},
        {"{\"model_type\":\"t5\"} x", SG_STATUS_MODEL, "config.json"},
        {"{\"model_type\":\"t5\",\"num_heads\":1048576,\"d_kv\":1048576}", SG_STATUS_MODEL,
         "num_heads"},
        {"{\"model_type\":\"t5\",\"relative_attention_num_buckets\":3}", SG_STATUS_MODEL,
         "buckets"},
        {"{\"model_type\":\"t5\",\"relative_attention_max_distance\":16}", SG_STATUS_MODEL,
         "max_distance"},
        {"{\"model_type\":\"t5\",\"layer_norm_epsilon\":0}", SG_STATUS_MODEL, "layer_norm_epsilon"},
        {"{\"model_type\":\"t5\",\"layer_norm_epsilon\":1e7}", SG_STATUS_MODEL,
         "layer_norm_epsilon"},
        {"{\"model_type\":\"t5\",\"layer_norm_epsilon\":-1e-6}", SG_STATUS_MODEL,
         "layer_norm_epsilon"},
        {"{\"model_type\":\"t5\",\"layer_norm_epsilon\":\"1e-6\"}", SG_STATUS_MODEL,
         "layer_norm_epsilon"},
        {"{\"model_type\":\"t5\",\"tie_word_embeddings\":1}", SG_STATUS_MODEL,
         "tie_word_embeddings"},
        {"{\"model_type\":\"t5\",\"feed_forward_proj\":\"gated-gelu-new\"}", SG_STATUS_UNSUPPORTED,
         "feed_forward_proj"},
        {"{\"model_type\":\"t5\",\"feed_forward_proj\":\"\"}", SG_STATUS_UNSUPPORTED,
         "feed_forward_proj"},
        {"{\"model_type\":\"t5\",\"feed_forward_proj\":7}", SG_STATUS_MODEL, "feed_forward_proj"},
        {"{\"model_type\":\"t5\",\"is_gated_act\":\"yes\"}", SG_STATUS_MODEL, "is_gated_act"},
        {"{\"model_type\":\"t5\",\"pad_token_id\":32128}", SG_STATUS_MODEL, "pad_token_id"},
        {"{\"model_type\":\"t5\",\"pad_token_id\":-1}", SG_STATUS_MODEL, "pad_token_id"},
        {"{\"model_type\":\"switch_transformers\",\"dense_act_fn\":\"gated-gelu\"}",
         SG_STATUS_UNSUPPORTED, "dense_act_fn"},
        {"{\"model_type\":\"switch_transformers\",\"router_dtype\":\"bfloat16\"}",
         SG_STATUS_UNSUPPORTED, "router_dtype"},
        {"{\"model_type\":\"switch_transformers\",\"router_bias\":\"true\"}", SG_STATUS_MODEL,
         "router_bias"},
        {"{\"model_type\":\"switch_transformers\",\"num_experts\":1000000000}", SG_STATUS_MODEL,
         "num_experts"},
        {"{\"model_type\":\"switch_transformers\",\"expert_capacity\":64.0}", SG_STATUS_MODEL,
         "expert_capacity"},
        {"{\"model_type\":\"switch_transformers\",\"encoder_sparse_step\":1.5}", SG_STATUS_MODEL,
         "encoder_sparse_step"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sg_model_config config;
        sg_error error;
        sg_status status = read_text(rows[i].text, &config, &error);
        CHECK(status != SG_STATUS_OK);
        CHECK_INT(status, rows[i].status);
        CHECK_CONTAINS(error.message, rows[i].part);
    }
}

/* No file, a folder in its place, a file that is too large. */
static void files_that_cannot_be_read(void) {
    sg_model_config config;
    sg_error error;
    size_t size = SG_CONFIG_MAX_FILE_BYTES + 1;
    char *large = malloc(size);
    (void)remove(temp_dir_path(&dir, "config.json"));
    CHECK_INT(sg_model_config_read(dir.path, &config, &error), SG_STATUS_NOT_FOUND);
    memset(large, ' ', size);
    (void)temp_dir_write(&dir, "config.json", large, size);
    CHECK_INT(sg_model_config_read(dir.path, &config, &error), SG_STATUS_MODEL);
    free(large);
}

/* The reference runs with large epsilons. None at all it would run, too, but then a row of zeros is
 * 0/0. */
static void epsilon_may_be_large(void) {
    sg_model_config config;
    sg_error error;
    CHECK_INT(read_text("{\"model_type\":\"t5\",\"layer_norm_epsilon\":1.5}", &config, &error),
              SG_STATUS_OK);
    CHECK_NEAR(config.layer_norm_epsilon, 1.5, 0);
}

/* A capacity of 0 or less is valid: it drops every token. */
static void capacity_may_be_anything(void) {
    sg_model_config config;
    sg_error error;
    CHECK_INT(read_text("{\"model_type\":\"switch_transformers\",\"expert_capacity\":-5}", &config,
                        &error),
              SG_STATUS_OK);
    CHECK_INT(config.expert_capacity, -5);
}

int main(void) {
    dir = temp_dir_create();
    TEST(defaults_are_the_references);
    TEST(output_scale_has_a_name_of_its_own);
    TEST(common_names_of_dimensions);
    TEST(decoder_layers_follow_the_reference);
    TEST(sparse_pattern_follows_the_reference);
    TEST(sparse_step_overrides);
    TEST(feed_forward_forms);
    TEST(whole_numbers_are_checked);
    TEST(other_claims_are_refused);
    TEST(files_that_cannot_be_read);
    TEST(epsilon_may_be_large);
    TEST(capacity_may_be_anything);
    temp_dir_remove(&dir);
    return test_end();
}
