/* SPDX-License-Identifier: Apache-2.0 */
/* config.json in, sg_model_config out. A number that passes here may size an allocation only after
 * the tensors that justify it were seen (weights.c). */
#include "model/config.h"

#include <string.h>

#include "base/error.h"
#include "model/config_reader.h"

const char *sg_stack_name(sg_stack stack) {
    return stack == SG_STACK_ENCODER ? "encoder" : "decoder";
}

size_t sg_model_config_attention_width(const sg_model_config *config) {
    return config->num_heads * config->d_kv;
}

bool sg_model_config_is_sparse(const sg_model_config *config, sg_stack stack, size_t block) {
    int64_t step = config->stacks[stack].sparse_step;
    if (config->type != SG_MODEL_TYPE_SWITCH || step <= 0) {
        return false;
    }
    return step == 1 || block % (uint64_t)step == 1;
}

static sg_status read_type(const sg_config_reader *reader, sg_model_type *type) {
    const char *name = NULL;
    SG_TRY(sg_config_reader_string(reader, "model_type", &name));
    if (name == NULL) {
        return sg_error_set(
            reader->error, SG_STATUS_MODEL,
            "%s: \"model_type\" is missing, expected \"switch_transformers\" or \"t5\"",
            reader->path);
    }
    if (strcmp(name, "switch_transformers") == 0) {
        *type = SG_MODEL_TYPE_SWITCH;
    } else if (strcmp(name, "t5") == 0) {
        *type = SG_MODEL_TYPE_T5;
    } else {
        return sg_error_set(
            reader->error, SG_STATUS_UNSUPPORTED,
            "%s: \"model_type\" is \"%s\", expected \"switch_transformers\" or \"t5\"",
            reader->path, name);
    }
    return SG_STATUS_OK;
}

static sg_status parse_activation(const sg_config_reader *reader, const char *key, const char *name,
                                  sg_activation *out) {
    static const struct {
        const char *name;
        sg_activation activation;
    } known[] = {{"relu", SG_ACTIVATION_RELU},
                 {"gelu", SG_ACTIVATION_GELU},
                 {"gelu_new", SG_ACTIVATION_GELU_NEW},
                 {"silu", SG_ACTIVATION_SILU},
                 {"swish", SG_ACTIVATION_SILU}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) == 0) {
            *out = known[i].activation;
            return SG_STATUS_OK;
        }
    }
    return sg_config_reader_pass(
        reader, sg_error_set(reader->error, SG_STATUS_UNSUPPORTED,
                             "%s: \"%s\" is \"%s\", expected relu, gelu, gelu_new, silu or swish",
                             reader->path, key, name));
}

/* T5 names its feed-forward "relu" or "gated-gelu"; gated-gelu means gelu_new, as in the reference.
 */
static sg_status read_feed_forward_proj(const sg_config_reader *reader, sg_model_config *config) {
    static const char gated[] = "gated-";
    const char *name = NULL;
    SG_TRY(sg_config_reader_string(reader, "feed_forward_proj", &name));
    if (name == NULL) {
        return SG_STATUS_OK;
    }
    if (strcmp(name, "gated-gelu") == 0) {
        config->is_gated = true;
        config->activation = SG_ACTIVATION_GELU_NEW;
        return SG_STATUS_OK;
    }
    if (strncmp(name, gated, sizeof gated - 1) == 0) {
        config->is_gated = true;
        name += sizeof gated - 1;
    }
    return parse_activation(reader, "feed_forward_proj", name, &config->activation);
}

/* The activation, and whether there are two input matrices. */
static sg_status read_feed_forward(const sg_config_reader *reader, sg_model_config *config) {
    const char *name = NULL;
    config->activation = SG_ACTIVATION_RELU;
    config->is_gated = false;
    if (config->type == SG_MODEL_TYPE_T5) {
        SG_TRY(read_feed_forward_proj(reader, config));
        SG_TRY(sg_config_reader_bool(reader, "is_gated_act", &config->is_gated));
    }
    SG_TRY(sg_config_reader_string(reader, "dense_act_fn", &name));
    return name == NULL ? SG_STATUS_OK
                        : parse_activation(reader, "dense_act_fn", name, &config->activation);
}

/* A dimension by its own name, then by transformers' common one, which wins where both are there
 * (attribute_map of the two configuration classes). */
static sg_status read_named_twice(const sg_config_reader *reader, const char *key,
                                  const char *common_key, size_t *out) {
    SG_TRY(sg_config_reader_size(reader, key, 1, SG_CONFIG_MAX_DIMENSION, out));
    return sg_config_reader_size(reader, common_key, 1, SG_CONFIG_MAX_DIMENSION, out);
}

/* The step that the reference computes, replaced by the one that the file holds. */
static sg_status read_sparse_step(const sg_config_reader *reader, const char *count_key,
                                  const char *step_key, sg_stack_config *stack) {
    int64_t count = 3;
    int64_t layers = (int64_t)stack->num_layers;
    SG_TRY(sg_config_reader_i64(reader, count_key, INT32_MIN, INT32_MAX, &count));
    stack->sparse_step = count > 0 ? layers / count : layers;
    return sg_config_reader_i64(reader, step_key, INT32_MIN, INT32_MAX, &stack->sparse_step);
}

static sg_status read_layers(const sg_config_reader *reader, sg_model_config *config) {
    sg_stack_config *encoder = &config->stacks[SG_STACK_ENCODER];
    sg_stack_config *decoder = &config->stacks[SG_STACK_DECODER];
    bool is_switch = config->type == SG_MODEL_TYPE_SWITCH;
    encoder->num_layers = is_switch ? 12 : 6;
    SG_TRY(sg_config_reader_size(reader, "num_layers", 1, SG_CONFIG_MAX_DIMENSION,
                                 &encoder->num_layers));
    /* An absent number of decoder layers is 12 in a Switch model; a null one is the encoder's. */
    decoder->num_layers = encoder->num_layers;
    if (is_switch && sg_json_member(reader->object, "num_decoder_layers") == NULL) {
        decoder->num_layers = 12;
    }
    SG_TRY(sg_config_reader_size(reader, "num_decoder_layers", 1, SG_CONFIG_MAX_DIMENSION,
                                 &decoder->num_layers));
    if (is_switch) {
        SG_TRY(
            read_sparse_step(reader, "num_sparse_encoder_layers", "encoder_sparse_step", encoder));
        SG_TRY(
            read_sparse_step(reader, "num_sparse_decoder_layers", "decoder_sparse_step", decoder));
    }
    /* The common name comes last in the reference: the decoder's depth and the steps, computed
     * before, do not see it. */
    return sg_config_reader_size(reader, "num_hidden_layers", 1, SG_CONFIG_MAX_DIMENSION,
                                 &encoder->num_layers);
}

static sg_status read_dimensions(const sg_config_reader *reader, sg_model_config *config) {
    bool is_switch = config->type == SG_MODEL_TYPE_SWITCH;
    const int64_t most = SG_CONFIG_MAX_DIMENSION;
    config->vocab_size = 32128;
    config->d_model = is_switch ? 768 : 512;
    config->d_kv = 64;
    config->d_ff = 2048;
    config->num_heads = is_switch ? 12 : 8;
    SG_TRY(sg_config_reader_size(reader, "vocab_size", 1, SG_CONFIG_MAX_VOCABULARY,
                                 &config->vocab_size));
    SG_TRY(read_named_twice(reader, "d_model", "hidden_size", &config->d_model));
    SG_TRY(read_named_twice(reader, "d_kv", is_switch ? "d_kv" : "head_dim", &config->d_kv));
    SG_TRY(sg_config_reader_size(reader, "d_ff", 1, most, &config->d_ff));
    SG_TRY(read_named_twice(reader, "num_heads", "num_attention_heads", &config->num_heads));
    /* Both factors are at most 2^20, so their product fits. */
    if (config->num_heads * config->d_kv > SG_CONFIG_MAX_DIMENSION) {
        return sg_config_reader_pass(
            reader,
            sg_error_set(reader->error, SG_STATUS_MODEL,
                         "%s: \"num_heads\" * \"d_kv\" is %zu * %zu, expected at most %d",
                         reader->path, config->num_heads, config->d_kv, SG_CONFIG_MAX_DIMENSION));
    }
    return SG_STATUS_OK;
}

static sg_status read_router(const sg_config_reader *reader, sg_model_config *config) {
    const char *dtype = NULL;
    config->num_experts = 8;
    config->expert_capacity = 64;
    config->router_bias = false;
    SG_TRY(sg_config_reader_size(reader, "num_experts", 1, SG_CONFIG_MAX_EXPERTS,
                                 &config->num_experts));
    SG_TRY(sg_config_reader_i64(reader, "expert_capacity", INT64_MIN, INT64_MAX,
                                &config->expert_capacity));
    SG_TRY(sg_config_reader_bool(reader, "router_bias", &config->router_bias));
    SG_TRY(sg_config_reader_string(reader, "router_dtype", &dtype));
    if (dtype != NULL && strcmp(dtype, "float32") != 0) {
        return sg_config_reader_pass(
            reader, sg_error_set(reader->error, SG_STATUS_UNSUPPORTED,
                                 "%s: \"router_dtype\" is \"%s\", expected \"float32\"",
                                 reader->path, dtype));
    }
    return SG_STATUS_OK;
}

/* Both stacks must have at least one exact bucket, and a logarithmic range that is not empty. */
static sg_status read_relative_attention(const sg_config_reader *reader, sg_model_config *config) {
    config->relative_attention_num_buckets = 32;
    config->relative_attention_max_distance = 128;
    SG_TRY(sg_config_reader_size(reader, "relative_attention_num_buckets", 4,
                                 SG_CONFIG_MAX_DIMENSION, &config->relative_attention_num_buckets));
    SG_TRY(sg_config_reader_size(reader, "relative_attention_max_distance", 1,
                                 SG_CONFIG_MAX_DIMENSION,
                                 &config->relative_attention_max_distance));
    if (config->relative_attention_max_distance <= config->relative_attention_num_buckets / 2) {
        return sg_config_reader_pass(
            reader,
            sg_error_set(
                reader->error, SG_STATUS_MODEL,
                "%s: \"relative_attention_max_distance\" is %zu, expected more than half of "
                "the %zu buckets",
                reader->path, config->relative_attention_max_distance,
                config->relative_attention_num_buckets));
    }
    return SG_STATUS_OK;
}

/* Tied models scale their output. transformers 5 calls every T5 model tied and saves whether it
 * scales under a name of its own (T5Config, transformers 5.23.0). */
static sg_status read_tying(const sg_config_reader *reader, sg_model_config *config) {
    config->tie_word_embeddings = true;
    SG_TRY(sg_config_reader_bool(reader, "tie_word_embeddings", &config->tie_word_embeddings));
    config->scale_output = config->tie_word_embeddings;
    if (config->type != SG_MODEL_TYPE_T5) {
        return SG_STATUS_OK;
    }
    return sg_config_reader_bool(reader, "scale_decoder_outputs", &config->scale_output);
}

static sg_status read_rest(const sg_config_reader *reader, sg_model_config *config) {
    double epsilon = 1e-6;
    config->pad_token_id = 0;
    SG_TRY(sg_config_reader_f64(reader, "layer_norm_epsilon", 1e-30, 1e6, &epsilon));
    config->layer_norm_epsilon = (float)epsilon;
    SG_TRY(read_tying(reader, config));
    return sg_config_reader_i64(reader, "pad_token_id", 0, (int64_t)config->vocab_size - 1,
                                &config->pad_token_id);
}

static sg_status read_config(const sg_config_reader *reader, sg_model_config *config) {
    SG_TRY(read_type(reader, &config->type));
    SG_TRY(read_dimensions(reader, config));
    SG_TRY(read_layers(reader, config));
    if (config->type == SG_MODEL_TYPE_SWITCH) {
        SG_TRY(read_router(reader, config));
    }
    SG_TRY(read_feed_forward(reader, config));
    SG_TRY(read_relative_attention(reader, config));
    return read_rest(reader, config);
}

sg_status sg_model_config_examine(const char *directory, const sg_problem_sink *sink,
                                  sg_model_config *config, sg_error *error) {
    sg_config_reader reader;
    sg_model_config result = {0};
    sg_status status = sg_config_reader_open(&reader, directory, "config.json", error);
    reader.sink = sink;
    if (status == SG_STATUS_OK) {
        status = read_config(&reader, &result);
    }
    if (status == SG_STATUS_OK) {
        *config = result;
    }
    sg_config_reader_close(&reader);
    return status;
}

sg_status sg_model_config_read(const char *directory, sg_model_config *config, sg_error *error) {
    return sg_model_config_examine(directory, NULL, config, error);
}
