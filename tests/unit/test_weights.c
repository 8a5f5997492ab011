/* SPDX-License-Identifier: Apache-2.0 */
/* Binding tensors: what a checkpoint lacks or holds too much of is refused by name, never guessed
 * around. */
#include "support/test.h"

#include "model/model.h"
#include "support/temp_dir.h"
#include "support/zero_checkpoint.h"

#define SMALL                                                                                 \
    "\"vocab_size\":40,\"d_model\":6,\"d_kv\":2,\"d_ff\":5,\"num_heads\":2,\"num_layers\":2," \
    "\"num_decoder_layers\":2,\"num_experts\":3,\"num_sparse_encoder_layers\":1,"             \
    "\"num_sparse_decoder_layers\":1,\"decoder_start_token_id\":0,\"eos_token_id\":1"
#define SWITCH "{\"model_type\":\"switch_transformers\"," SMALL "}"
#define UNTIED "{\"model_type\":\"switch_transformers\",\"tie_word_embeddings\":false," SMALL "}"
#define T5                                                                                 \
    "{\"model_type\":\"t5\",\"feed_forward_proj\":\"gated-gelu\",\"tie_word_embeddings\":" \
    "false," SMALL "}"
#define MANY                                                                                \
    "{\"model_type\":\"switch_transformers\",\"num_layers\":1048576,\"num_experts\":65536," \
    "\"vocab_size\":40,\"d_model\":6}"

static temp_dir dir;
static size_t warnings;

static void count_warning(void *context, sg_log_level level, const char *message) {
    (void)context;
    (void)message;
    warnings += level == SG_LOG_LEVEL_WARNING ? 1 : 0;
}

/* Write the configuration and zeros for it with `fault`, then open. The tensors are those of
 * `shape_of`, which may be another configuration. */
static sg_status open_with(const char *config_text, const char *shape_of, const zero_fault *fault,
                           sg_model *model, sg_error *error) {
    sg_model_config config;
    sg_engine_options options = sg_engine_options_default();
    (void)temp_dir_write(&dir, "config.json", shape_of, strlen(shape_of));
    CHECK_INT(sg_model_config_read(dir.path, &config, error), SG_STATUS_OK);
    zero_checkpoint_write(&dir, &config, fault);
    (void)temp_dir_write(&dir, "config.json", config_text, strlen(config_text));
    *error = (sg_error){0};
    options.log.write = count_warning;
    return sg_model_open(dir.path, &options, model, error);
}

/* Tied Switch and gated, untied T5: embeddings and head fall back to shared.weight; the scale is
 * config's. */
static void good_checkpoints_bind(void) {
    static const zero_fault none = {0};
    sg_model model;
    sg_error error;
    CHECK_INT(open_with(SWITCH, SWITCH, &none, &model, &error), SG_STATUS_OK);
    CHECK(model.weights.head.data == model.weights.stacks[SG_STACK_ENCODER].embedding.data);
    CHECK_NEAR(model.weights.head_scale, 0.408248290, 1e-7);
    CHECK(!model.weights.stacks[SG_STACK_ENCODER].blocks[0].is_sparse);
    CHECK(model.weights.stacks[SG_STACK_ENCODER].blocks[1].experts != NULL);
    CHECK(model.weights.stacks[SG_STACK_DECODER].blocks[1].experts[2].wo.rows == 6);
    sg_model_close(&model);
    sg_model_close(&model);
    CHECK_INT(open_with(T5, T5, &none, &model, &error), SG_STATUS_OK);
    CHECK_NEAR(model.weights.head_scale, 1, 0);
    CHECK(model.weights.stacks[SG_STACK_DECODER].blocks[0].ffn.wi_1.data != NULL);
    sg_model_close(&model);
}

/* Every tensor that is taken away is missed by its name. */
static sg_status check_without(void *context, const sg_tensor_slot *slot) {
    const char *config = context;
    const zero_fault fault = {.without = slot->name};
    sg_model model;
    sg_error error;
    char expected[200];
    (void)snprintf(expected, sizeof expected, "tensor %s is missing", slot->name);
    CHECK_INT(open_with(config, config, &fault, &model, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, expected);
    CHECK(model.index == NULL);
    return SG_STATUS_OK;
}

static void every_missing_tensor_is_named(void) {
    static const char *const configs[] = {SWITCH, T5};
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        sg_model_config config;
        char text[1024];
        (void)snprintf(text, sizeof text, "%s", configs[i]);
        (void)temp_dir_write(&dir, "config.json", text, strlen(text));
        CHECK_INT(sg_model_config_read(dir.path, &config, NULL), SG_STATUS_OK);
        CHECK_INT(sg_tensor_table_walk(&config, check_without, text), SG_STATUS_OK);
    }
}

/* Wrong shapes and types, and tensors that contradict config.json. */
static void disagreements_are_named(void) {
    static const struct {
        const char *config;
        zero_fault fault;
        sg_status status;
        const char *part;
    } rows[] = {
        {SWITCH, {.without = "shared.weight"}, SG_STATUS_MODEL, "shared.weight is missing"},
        {SWITCH,
         {.altered = "shared.weight", .dtype = "F32", .shape = "[41,6]", .bytes = 984},
         SG_STATUS_MODEL,
         "tensor shared.weight has shape [41, 6], expected [40, 6]"},
        {SWITCH,
         {.altered = "encoder.block.0.layer.0.layer_norm.weight",
          .dtype = "F32",
          .shape = "[1,6]",
          .bytes = 24},
         SG_STATUS_MODEL,
         "has shape [1, 6], expected [6]"},
        {SWITCH,
         {.altered = "encoder.block.1.layer.1.mlp.router.classifier.weight",
          .dtype = "BF16",
          .shape = "[6,3]",
          .bytes = 36},
         SG_STATUS_MODEL,
         "has shape [6, 3], expected [3, 6]"},
        {SWITCH,
         {.altered = "decoder.final_layer_norm.weight",
          .dtype = "F64",
          .shape = "[6]",
          .bytes = 48},
         SG_STATUS_UNSUPPORTED,
         "has type F64, expected F32, BF16 or F16"},
        {SWITCH,
         {.altered = "decoder.final_layer_norm.weight", .dtype = "F32", .shape = "[]", .bytes = 4},
         SG_STATUS_MODEL,
         "has shape [], expected [6]"},
        {SWITCH,
         {.extra = "encoder.block.2.layer.0.layer_norm.weight"},
         SG_STATUS_MODEL,
         "says 2 encoder layers"},
        {SWITCH,
         {.extra = "decoder.block.1.layer.2.mlp.experts.expert_3.wi.weight"},
         SG_STATUS_MODEL,
         "num_experts 3"},
        {SWITCH,
         {.extra = "decoder.block.0.layer.2.mlp.experts.expert_0.wi.weight"},
         SG_STATUS_MODEL,
         "that block has no experts"},
        {SWITCH,
         {.extra = "decoder.block.1.layer.2.mlp.router.classifier.bias"},
         SG_STATUS_MODEL,
         "router_bias false"},
        {UNTIED, {0}, SG_STATUS_MODEL, "lm_head.weight is missing"},
        {SWITCH,
         {.extra = "lm_head.weight"},
         SG_STATUS_MODEL,
         "lm_head.weight has shape [1], expected [40, 6]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sg_model model;
        sg_error error;
        CHECK_INT(open_with(rows[i].config, SWITCH, &rows[i].fault, &model, &error),
                  rows[i].status);
        CHECK_CONTAINS(error.message, rows[i].part);
        CHECK_CONTAINS(error.message, dir.path);
    }
}

/* Names outside the family are none of our business. */
static void strange_tensors_are_ignored(void) {
    static const zero_fault fault = {.extra = "a.stranger"};
    sg_model model;
    sg_error error;
    warnings = 0;
    CHECK_INT(open_with(SWITCH, SWITCH, &fault, &model, &error), SG_STATUS_OK);
    CHECK_INT(warnings, 0);
    sg_model_close(&model);
}

/* Write zeros shaped as `shape` with `fault`, and open them under the configuration SWITCH. */
static sg_status open_shaped(const sg_model_config *shape, const zero_fault *fault, sg_model *model,
                             sg_error *error) {
    sg_engine_options options = sg_engine_options_default();
    zero_checkpoint_write(&dir, shape, fault);
    (void)temp_dir_write(&dir, "config.json", SWITCH, strlen(SWITCH));
    options.log.write = count_warning;
    warnings = 0;
    *error = (sg_error){0};
    return sg_model_open(dir.path, &options, model, error);
}

static sg_model_config switch_config(void) {
    sg_model_config config;
    (void)temp_dir_write(&dir, "config.json", SWITCH, strlen(SWITCH));
    CHECK_INT(sg_model_config_read(dir.path, &config, NULL), SG_STATUS_OK);
    return config;
}

/* switch-c-2048's file says 12 decoder layers and a step of 0 where the tensors say 15 and all. */
static void deeper_and_sparser_tensors_win(void) {
    static const zero_fault none = {0};
    sg_model_config shape = switch_config();
    sg_model model;
    sg_error error;
    shape.stacks[SG_STACK_DECODER] = (sg_stack_config){.num_layers = 3, .sparse_step = 1};
    CHECK_INT(open_shaped(&shape, &none, &model, &error), SG_STATUS_OK);
    CHECK_TEXT(error.message, "");
    CHECK_INT(warnings, 3); /* depth, step, and a decoder deeper than the encoder */
    CHECK_INT(model.weights.stacks[SG_STACK_DECODER].num_blocks, 3);
    CHECK(model.weights.stacks[SG_STACK_DECODER].blocks[0].is_sparse);
    sg_model_close(&model);
}

/* switch-xxl-128's experts are gated, and its head stands in the decoder: untied, not scaled. */
static void gates_and_the_decoders_head_win(void) {
    static const zero_fault none = {0};
    sg_model_config shape = switch_config();
    sg_model model;
    sg_error error;
    shape.is_gated = true;
    CHECK_INT(open_shaped(&shape, &none, &model, &error), SG_STATUS_OK);
    CHECK_INT(warnings, 1);
    CHECK_INT(model.config.activation, SG_ACTIVATION_GELU_NEW);
    CHECK(model.weights.stacks[SG_STACK_ENCODER].blocks[1].experts[0].wi_1.data != NULL);
    sg_model_close(&model);
    shape.is_gated = false;
    const zero_fault head = {
        .extra = "decoder.lm_head.weight", .extra_shape = "[40,6]", .extra_bytes = 960};
    CHECK_INT(open_shaped(&shape, &head, &model, &error), SG_STATUS_OK);
    CHECK_NEAR(model.weights.head_scale, 1, 0);
    CHECK(model.weights.head.data != model.weights.stacks[SG_STACK_DECODER].embedding.data);
    sg_model_close(&model);
}

/* Whatever step made the tensors is found, whatever config.json says; a pattern that no step makes
 * is refused. */
static void every_step_is_found(void) {
    static const zero_fault none = {0};
    for (size_t num_layers = 2; num_layers <= 5; num_layers++) {
        for (int64_t step = 0; step <= (int64_t)num_layers; step++) {
            sg_model_config shape = switch_config();
            sg_model model;
            sg_error error;
            shape.stacks[SG_STACK_DECODER] =
                (sg_stack_config){.num_layers = num_layers, .sparse_step = step};
            CHECK_INT(open_shaped(&shape, &none, &model, &error), SG_STATUS_OK);
            for (size_t block = 0; block < num_layers; block++) {
                CHECK_INT(sg_model_config_is_sparse(&model.config, SG_STACK_DECODER, block),
                          sg_model_config_is_sparse(&shape, SG_STACK_DECODER, block));
            }
            sg_model_close(&model);
        }
    }
}

/* A pattern that no step explains, or a shallower decoder, is no known way to be wrong. */
static void other_disagreements_stay_errors(void) {
    static const zero_fault none = {0};
    sg_model_config shape = switch_config();
    sg_model model;
    sg_error error;
    shape.stacks[SG_STACK_DECODER].num_layers = 1;
    CHECK_INT(open_shaped(&shape, &none, &model, &error), SG_STATUS_MODEL);
    shape = switch_config();
    shape.stacks[SG_STACK_ENCODER].num_layers = 3;
    CHECK_INT(open_shaped(&shape, &none, &model, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "2 encoder layers");
}

/* A configuration that claims a million layers fails on the first missing tensor, not on an
 * allocation. */
static void claims_size_no_allocation(void) {
    static const zero_fault none = {0};
    sg_model model;
    sg_error error;
    CHECK_INT(open_with(MANY, SWITCH, &none, &model, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "tensor ");
}

int main(void) {
    dir = temp_dir_create();
    TEST(good_checkpoints_bind);
    TEST(every_missing_tensor_is_named);
    TEST(disagreements_are_named);
    TEST(strange_tensors_are_ignored);
    TEST(deeper_and_sparser_tensors_win);
    TEST(every_step_is_found);
    TEST(gates_and_the_decoders_head_win);
    TEST(other_disagreements_stay_errors);
    TEST(claims_size_no_allocation);
    temp_dir_remove(&dir);
    return test_end();
}
