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

/* Count the sparse blocks of a stack. False if some block does not show what it is. */
static bool count_sparse(const sg_model_config *config, const sg_shard_index *index, sg_stack stack,
                         size_t *count) {
    *count = 0;
    for (size_t block = 0; block < config->stacks[stack].num_layers; block++) {
        block_kind kind = kind_of(index, stack, block);
        if (kind == BLOCK_KIND_UNKNOWN) {
            return false;
        }
        *count += kind == BLOCK_KIND_SPARSE ? 1 : 0;
    }
    return true;
}

/* The one step that can have made the pattern of the tensors: 0 for no sparse block, 1 where block
 * 0 is one, else the distance from block 1 to the next. */
static int64_t step_of(const sg_shard_index *index, sg_stack stack, size_t num_layers,
                       size_t sparse) {
    size_t next = 2;
    if (sparse == 0) {
        return 0;
    }
    if (kind_of(index, stack, 0) == BLOCK_KIND_SPARSE) {
        return 1;
    }
    while (next < num_layers && kind_of(index, stack, next) != BLOCK_KIND_SPARSE) {
        next++;
    }
    return (int64_t)(next == num_layers ? num_layers : next - 1);
}

/* True if the configuration makes exactly the blocks sparse that the tensors show to be. */
static bool pattern_fits(const sg_model_config *config, const sg_shard_index *index,
                         sg_stack stack) {
    for (size_t block = 0; block < config->stacks[stack].num_layers; block++) {
        bool is_sparse = kind_of(index, stack, block) == BLOCK_KIND_SPARSE;
        if (sg_model_config_is_sparse(config, stack, block) != is_sparse) {
            return false;
        }
    }
    return true;
}

/* Only if every block shows what it is, and one step explains them all. */
static void reconcile_steps(sg_model_config *config, const sg_shard_index *index, sg_stack stack,
                            const sg_log *log) {
    sg_stack_config *at = &config->stacks[stack];
    int64_t said = at->sparse_step;
    size_t sparse;
    if (!count_sparse(config, index, stack, &sparse) || pattern_fits(config, index, stack)) {
        return;
    }
    at->sparse_step = step_of(index, stack, at->num_layers, sparse);
    if (!pattern_fits(config, index, stack)) {
        at->sparse_step = said; /* binding refuses it by name */
        return;
    }
    sg_log_write(log, SG_LOG_LEVEL_WARNING,
                 "config.json makes %s layers sparse by a step of %lld, the tensors by a step of "
                 "%lld (%zu of %zu layers sparse): the tensors win",
                 sg_stack_name(stack), (long long)said, (long long)at->sparse_step, sparse,
                 at->num_layers);
}

static void reconcile_gate(sg_model_config *config, const sg_shard_index *index,
                           const sg_log *log) {
    if (has_tensor(index, "encoder.block.0.layer.1.mlp.wi_0.weight") ||
        has_tensor(index, "encoder.block.0.layer.1.mlp.experts.expert_0.wi_0.weight")) {
        sg_log_write(log, SG_LOG_LEVEL_WARNING,
                     "config.json says plain %s feed-forwards, the tensors hold wi_0 and wi_1: "
                     "gated gelu_new is used",
                     sg_activation_name(config->activation));
        config->is_gated = true;
        config->activation = SG_ACTIVATION_GELU_NEW;
    }
}

static void reconcile_head(sg_model_config *config, const sg_shard_index *index,
                           const sg_log *log) {
    if (config->tie_word_embeddings && has_tensor(index, "decoder.lm_head.weight") &&
        !has_tensor(index, "lm_head.weight")) {
        sg_log_write(log, SG_LOG_LEVEL_WARNING,
                     "by config.json the embeddings are tied, but the tensors hold "
                     "decoder.lm_head.weight: it "
                     "is the head, and logits are not scaled");
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
