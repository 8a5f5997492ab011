/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes in, edits out. One tensor of a kind speaks for its kind: if others differ from it, the
 * check against the mended configuration names them. */
#include "model/config_evidence.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

typedef struct evidence {
    sg_model_config *config;
    const sg_shard_index *index;
    const char *directory;
    const sg_problem_sink *sink;
    sg_error *error;
} evidence;

/* The first tensor whose name ends so; of a checkpoint that is not whole, too. */
static const sg_tensor *find_ending(const sg_shard_index *index, const char *end) {
    for (size_t i = 0; i < sg_shard_index_count(index); i++) {
        const sg_tensor *tensor = sg_shard_index_at(index, i);
        size_t length = strlen(tensor->name);
        if (length >= strlen(end) && strcmp(tensor->name + length - strlen(end), end) == 0) {
            return tensor;
        }
    }
    return NULL;
}

/* Side `side` of a matrix; 0 where there is no such tensor. */
static uint64_t side_of(const sg_tensor *tensor, size_t side) {
    return tensor != NULL && tensor->rank == 2 ? tensor->shape[side] : 0;
}

/* Tell that `key` is `stated` in config.json and `shown` by the tensors, and take the latter. 0
 * shows nothing, and a number that config.json may not hold is left to the check of tensors. */
static sg_status compare(const evidence *of, const char *key, size_t *stated, uint64_t shown,
                         uint64_t most) {
    sg_status status;
    if (shown == 0 || shown > most || shown == *stated) {
        return SG_STATUS_OK;
    }
    status = sg_error_set(of->error, SG_STATUS_MODEL,
                          "%s/config.json: it leads to %s %zu, the tensors say %llu", of->directory,
                          key, *stated, (unsigned long long)shown);
    (void)sg_error_hint(of->error, "set \"%s\": %llu in %s/config.json", key,
                        (unsigned long long)shown, of->directory);
    *stated = (size_t)shown;
    return sg_problem_pass(of->sink, status, of->error);
}

static sg_status compare_bool(const evidence *of, const char *key, const char *edit, bool *stated,
                              bool shown) {
    sg_status status;
    if (shown == *stated) {
        return SG_STATUS_OK;
    }
    status =
        sg_error_set(of->error, SG_STATUS_MODEL, "%s/config.json: %s is %s, the tensors say %s",
                     of->directory, key, *stated ? "true" : "false", shown ? "true" : "false");
    (void)sg_error_hint(of->error, "set %s in %s/config.json", edit, of->directory);
    *stated = shown;
    return sg_problem_pass(of->sink, status, of->error);
}

/* The first table that is there. */
static const sg_tensor *any_table(const sg_shard_index *index) {
    static const char *const names[] = {"shared.weight", "encoder.embed_tokens.weight",
                                        "decoder.embed_tokens.weight", "lm_head.weight"};
    const sg_tensor *table = NULL;
    for (size_t i = 0; table == NULL && i < sizeof names / sizeof names[0]; i++) {
        table = sg_shard_index_find(index, names[i]);
    }
    return table;
}

static sg_status check_table(const evidence *of) {
    const sg_tensor *table = any_table(of->index);
    SG_TRY(compare(of, "vocab_size", &of->config->vocab_size, side_of(table, 0),
                   SG_CONFIG_MAX_VOCABULARY));
    return compare(of, "d_model", &of->config->d_model, side_of(table, 1), SG_CONFIG_MAX_DIMENSION);
}

/* Heads are the columns of the bias table; d_kv is what q's rows leave for each. */
static sg_status check_attention(const evidence *of) {
    sg_model_config *config = of->config;
    const sg_tensor *q = find_ending(of->index, ".SelfAttention.q.weight");
    const sg_tensor *bias = find_ending(of->index, ".SelfAttention.relative_attention_bias.weight");
    uint64_t width = side_of(q, 0);
    SG_TRY(compare(of, "num_heads", &config->num_heads, side_of(bias, 1), SG_CONFIG_MAX_DIMENSION));
    SG_TRY(compare(of, "relative_attention_num_buckets", &config->relative_attention_num_buckets,
                   side_of(bias, 0), SG_CONFIG_MAX_DIMENSION));
    if (width % config->num_heads != 0 || width > SG_CONFIG_MAX_DIMENSION) {
        return SG_STATUS_OK; /* no d_kv explains it */
    }
    return compare(of, "d_kv", &config->d_kv, width / config->num_heads, SG_CONFIG_MAX_DIMENSION);
}

/* Blocks from 0 on that have their first norm. */
static uint64_t count_layers(const evidence *of, sg_stack stack) {
    uint64_t count = 0;
    char name[96];
    do {
        (void)snprintf(name, sizeof name, "%s.block.%llu.layer.0.layer_norm.weight",
                       sg_stack_name(stack), (unsigned long long)count);
        count++;
    } while (sg_shard_index_find(of->index, name) != NULL);
    return count - 1;
}

static sg_status check_layers(const evidence *of) {
    sg_stack_config *stacks = of->config->stacks;
    SG_TRY(compare(of, "num_layers", &stacks[SG_STACK_ENCODER].num_layers,
                   count_layers(of, SG_STACK_ENCODER), SG_CONFIG_MAX_DIMENSION));
    return compare(of, "num_decoder_layers", &stacks[SG_STACK_DECODER].num_layers,
                   count_layers(of, SG_STACK_DECODER), SG_CONFIG_MAX_DIMENSION);
}

static sg_status check_feed_forward(const evidence *of) {
    const sg_tensor *wi_0 = find_ending(of->index, ".wi_0.weight");
    const sg_tensor *wi = wi_0 != NULL ? wi_0 : find_ending(of->index, ".wi.weight");
    if (wi != NULL && of->config->type == SG_MODEL_TYPE_T5) {
        SG_TRY(compare_bool(of, "a gated \"feed_forward_proj\"",
                            wi_0 != NULL ? "\"feed_forward_proj\": \"gated-gelu\""
                                         : "\"feed_forward_proj\": \"relu\"",
                            &of->config->is_gated, wi_0 != NULL));
    }
    return compare(of, "d_ff", &of->config->d_ff, side_of(wi, 0), SG_CONFIG_MAX_DIMENSION);
}

static sg_status check_experts(const evidence *of) {
    const sg_tensor *router = find_ending(of->index, ".mlp.router.classifier.weight");
    if (of->config->type != SG_MODEL_TYPE_SWITCH || router == NULL) {
        return SG_STATUS_OK;
    }
    SG_TRY(compare(of, "num_experts", &of->config->num_experts, side_of(router, 0),
                   SG_CONFIG_MAX_EXPERTS));
    return compare_bool(
        of, "\"router_bias\"",
        of->config->router_bias ? "\"router_bias\": false" : "\"router_bias\": true",
        &of->config->router_bias, find_ending(of->index, ".mlp.router.classifier.bias") != NULL);
}

sg_status sg_config_evidence_check(sg_model_config *config, const sg_shard_index *index,
                                   bool partial, const char *directory, const sg_problem_sink *sink,
                                   sg_error *error) {
    const evidence of = {config, index, directory, sink, error};
    SG_TRY(check_table(&of));
    SG_TRY(check_attention(&of));
    if (!partial) {
        SG_TRY(check_layers(&of));
    }
    SG_TRY(check_feed_forward(&of));
    return partial ? SG_STATUS_OK : check_experts(&of);
}
