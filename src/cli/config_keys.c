/* SPDX-License-Identifier: Apache-2.0 */
/* config.json in, names of keys out. */
#include "cli/config_keys.h"

#include "base/error.h"
#include "storage/json.h"

#define PATH_SIZE 4096 /* Linux's PATH_MAX */

/* A key, or another that decides the same; and which models have it. */
static const struct {
    const char *key;
    const char *or_key;
    bool switch_only;
} keys_that_matter[] = {
    {"vocab_size", NULL, false},
    {"d_model", "hidden_size", false},
    {"d_kv", "head_dim", false},
    {"d_ff", NULL, false},
    {"num_heads", "num_attention_heads", false},
    {"num_layers", "num_hidden_layers", false},
    {"num_decoder_layers", NULL, false},
    {"relative_attention_num_buckets", NULL, false},
    {"relative_attention_max_distance", NULL, false},
    {"layer_norm_epsilon", NULL, false},
    {"dense_act_fn", "feed_forward_proj", false},
    {"tie_word_embeddings", NULL, false},
    {"pad_token_id", NULL, false},
    {"num_experts", NULL, true},
    {"expert_capacity", NULL, true},
    {"router_bias", NULL, true},
    {"encoder_sparse_step", "num_sparse_encoder_layers", true},
    {"decoder_sparse_step", "num_sparse_decoder_layers", true},
};

static void add_key(sg_key_list *keys, const char *key) {
    if (keys->count < SG_INSPECTION_MAX_KEYS) {
        keys->items[keys->count++] = key;
    }
}

static bool is_given(const sg_json *document, const char *key) {
    const sg_json_value *value = key == NULL ? NULL : sg_json_member(sg_json_root(document), key);
    return value != NULL && sg_json_kind(value) != SG_JSON_EVENT_NULL;
}

sg_status sg_config_keys_find_defaults(const char *directory, const sg_model_config *config,
                                       sg_key_list *keys, sg_error *error) {
    char path[PATH_SIZE];
    sg_json *document = NULL;
    SG_TRY(sg_model_files_path(directory, "config.json", path, sizeof path, error));
    SG_TRY(sg_json_parse_file(path, SG_CONFIG_MAX_FILE_BYTES, &document, error));
    for (size_t i = 0; i < sizeof keys_that_matter / sizeof keys_that_matter[0]; i++) {
        if ((config->type == SG_MODEL_TYPE_SWITCH || !keys_that_matter[i].switch_only) &&
            !is_given(document, keys_that_matter[i].key) &&
            !is_given(document, keys_that_matter[i].or_key)) {
            add_key(keys, keys_that_matter[i].key);
        }
    }
    sg_json_destroy(document);
    return SG_STATUS_OK;
}

void sg_config_keys_find_corrected(const sg_model_config *stated, const sg_model_config *corrected,
                                   sg_key_list *keys) {
    const sg_stack_config *before = stated->stacks;
    const sg_stack_config *after = corrected->stacks;
    if (before[SG_STACK_DECODER].num_layers != after[SG_STACK_DECODER].num_layers) {
        add_key(keys, "num_decoder_layers");
    }
    if (before[SG_STACK_ENCODER].sparse_step != after[SG_STACK_ENCODER].sparse_step) {
        add_key(keys, "encoder_sparse_step");
    }
    if (before[SG_STACK_DECODER].sparse_step != after[SG_STACK_DECODER].sparse_step) {
        add_key(keys, "decoder_sparse_step");
    }
    if (stated->is_gated != corrected->is_gated || stated->activation != corrected->activation) {
        add_key(keys, "dense_act_fn");
    }
    if (stated->tie_word_embeddings != corrected->tie_word_embeddings) {
        add_key(keys, "tie_word_embeddings");
    }
}
