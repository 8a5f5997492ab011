/* SPDX-License-Identifier: Apache-2.0 */
/* Tensor names in, a corrected configuration out. */
#include "model/reconcile.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

/* What the tensors of a block's feed-forward show it to be. */
typedef enum block_kind { BLOCK_KIND_UNKNOWN = 0, BLOCK_KIND_DENSE, BLOCK_KIND_SPARSE } block_kind;

static bool has_tensor(const sg_shard_index *index, const char *format, ...) SG_PRINTF(2, 3);

static bool has_tensor(const sg_shard_index *index, const char *format, ...) {
    char name[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return sg_shard_index_find(index, name) != NULL;
}

static block_kind kind_of(const sg_shard_index *index, sg_stack stack, size_t block) {
    char prefix[64];
    (void)snprintf(prefix, sizeof prefix, "%s.block.%zu.layer.%d.mlp", sg_stack_name(stack), block,
                   stack == SG_STACK_ENCODER ? 1 : 2);
    if (has_tensor(index, "%s.router.classifier.weight", prefix) ||
        has_tensor(index, "%s.experts.expert_0.wo.weight", prefix)) {
        return BLOCK_KIND_SPARSE;
    }
    return has_tensor(index, "%s.wo.weight", prefix) ? BLOCK_KIND_DENSE : BLOCK_KIND_UNKNOWN;
}

static void reconcile_depth(sg_model_config *config, const sg_shard_index *index,
                            const sg_log *log) {
    sg_stack_config *decoder = &config->stacks[SG_STACK_DECODER];
    size_t count = decoder->num_layers;
    while (has_tensor(index, "decoder.block.%zu.layer.0.layer_norm.weight", count)) {
        count++;
    }
    if (count > decoder->num_layers) {
        sg_log_write(log, SG_LOG_LEVEL_WARNING,
                     "config.json says %zu decoder layers, the tensors say %zu: the tensors win",
                     decoder->num_layers, count);
        decoder->num_layers = count;
    }
}

/* True if `step` makes exactly the blocks sparse that the tensors show to be. */
static bool step_fits(const sg_model_config *config, const sg_shard_index *index, sg_stack stack,
                      int64_t step) {
    sg_model_config tried = *config;
    tried.stacks[stack].sparse_step = step;
    for (size_t block = 0; block < tried.stacks[stack].num_layers; block++) {
        block_kind expected =
            sg_model_config_is_sparse(&tried, stack, block) ? BLOCK_KIND_SPARSE : BLOCK_KIND_DENSE;
        if (kind_of(index, stack, block) != expected) {
            return false;
        }
    }
    return true;
}

/* Only if every block shows what it is, and one step explains them all. */
static void reconcile_steps(sg_model_config *config, const sg_shard_index *index, sg_stack stack,
                            const sg_log *log) {
    sg_stack_config *at = &config->stacks[stack];
    /* A block that is missing altogether ends the search before it costs anything. */
    if (kind_of(index, stack, at->num_layers - 1) == BLOCK_KIND_UNKNOWN ||
        step_fits(config, index, stack, at->sparse_step)) {
        return;
    }
    for (int64_t step = 0; step <= (int64_t)at->num_layers; step++) {
        if (step_fits(config, index, stack, step)) {
            sg_log_write(
                log, SG_LOG_LEVEL_WARNING,
                "config.json says %s_sparse_step %lld, the tensors say %lld: the tensors win",
                sg_stack_name(stack), (long long)at->sparse_step, (long long)step);
            at->sparse_step = step;
            return;
        }
    }
}

static void reconcile_gate(sg_model_config *config, const sg_shard_index *index,
                           const sg_log *log) {
    if (has_tensor(index, "encoder.block.0.layer.1.mlp.wi_0.weight") ||
        has_tensor(index, "encoder.block.0.layer.1.mlp.experts.expert_0.wi_0.weight")) {
        sg_log_write(log, SG_LOG_LEVEL_WARNING,
                     "the tensors are of gated feed-forwards (wi_0, wi_1): gelu_new is used");
        config->is_gated = true;
        config->activation = SG_ACTIVATION_GELU_NEW;
    }
}

static void reconcile_head(sg_model_config *config, const sg_shard_index *index,
                           const sg_log *log) {
    if (config->tie_word_embeddings && has_tensor(index, "decoder.lm_head.weight") &&
        !has_tensor(index, "lm_head.weight")) {
        sg_log_write(
            log, SG_LOG_LEVEL_WARNING,
            "config.json says tie_word_embeddings true, but decoder.lm_head.weight is there: it is "
            "the head, and logits are not scaled");
        config->tie_word_embeddings = false;
        config->scale_output = false;
    }
}

void sg_model_reconcile(sg_model_config *config, const sg_shard_index *index, const sg_log *log) {
    if (config->type == SG_MODEL_TYPE_SWITCH) {
        reconcile_depth(config, index, log);
        reconcile_steps(config, index, SG_STACK_ENCODER, log);
        reconcile_steps(config, index, SG_STACK_DECODER, log);
        reconcile_gate(config, index, log);
        reconcile_head(config, index, log);
    }
    if (config->stacks[SG_STACK_DECODER].num_layers > config->stacks[SG_STACK_ENCODER].num_layers) {
        sg_log_write(
            log, SG_LOG_LEVEL_WARNING,
            "the decoder has %zu layers, the encoder %zu: the reference cannot run this model "
            "with its cache",
            config->stacks[SG_STACK_DECODER].num_layers,
            config->stacks[SG_STACK_ENCODER].num_layers);
    }
}
