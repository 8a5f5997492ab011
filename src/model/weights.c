/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoint names in, matrices out. First every tensor is checked against the configuration, then
 * the structs are allocated, so their size follows from tensors that exist; then the views are
 * placed. */
#include "model/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "model/tensor_table.h"

typedef struct binding {
    const sg_model_config *config;
    const sg_shard_index *index;
    sg_weights *weights;
    const sg_problem_sink *sink; /* NULL: the first flaw ends the check */
    bool partial;                /* not all files are there: what is missing is no flaw */
    sg_error *error;
} binding;

/* "[8, 768]" for messages. */
static void write_shape(char *out, size_t size, const sg_tensor *tensor) {
    size_t length = (size_t)snprintf(out, size, "[");
    for (size_t i = 0; i < tensor->rank && length + 24 < size; i++) {
        length += (size_t)snprintf(out + length, size - length, "%s%llu", i == 0 ? "" : ", ",
                                   (unsigned long long)tensor->shape[i]);
    }
    (void)snprintf(out + length, size - length, "]");
}

static bool weight_type(sg_dtype dtype, sg_weight_type *type) {
    switch (dtype) {
    case SG_DTYPE_F32:
        *type = SG_WEIGHT_TYPE_F32;
        return true;
    case SG_DTYPE_BF16:
        *type = SG_WEIGHT_TYPE_BF16;
        return true;
    case SG_DTYPE_F16:
        *type = SG_WEIGHT_TYPE_F16;
        return true;
    default:
        return false;
    }
}

/* Check `tensor` against rank and shape and view it as a matrix (a vector as one row). */
static sg_status view_tensor(const sg_tensor *tensor, size_t rank, const size_t shape[2],
                             sg_matrix *matrix, sg_error *error) {
    char found[128];
    bool fits = tensor->rank == rank && tensor->shape[0] == shape[0] &&
                (rank == 1 || tensor->shape[1] == shape[1]);
    if (!fits) {
        write_shape(found, sizeof found, tensor);
        if (rank == 1) {
            (void)sg_error_set(error, SG_STATUS_MODEL, "tensor %s has shape %s, expected [%zu]",
                               tensor->name, found, shape[0]);
        } else {
            (void)sg_error_set(error, SG_STATUS_MODEL,
                               "tensor %s has shape %s, expected [%zu, %zu]", tensor->name, found,
                               shape[0], shape[1]);
        }
        (void)sg_error_hint(error, "config.json and the weights must be of the same model");
        return SG_STATUS_MODEL;
    }
    if (!weight_type(tensor->dtype, &matrix->type)) {
        return sg_error_set(error, SG_STATUS_UNSUPPORTED,
                            "tensor %s has type %s, expected F32, BF16 or F16", tensor->name,
                            sg_dtype_name(tensor->dtype));
    }
    matrix->data = tensor->data;
    matrix->rows = rank == 1 ? 1 : shape[0];
    matrix->columns = rank == 1 ? shape[0] : shape[1];
    return SG_STATUS_OK;
}

static sg_status find_slot(const binding *to, const sg_tensor_slot *slot, sg_matrix *matrix) {
    const sg_tensor *tensor = sg_shard_index_find(to->index, slot->name);
    if (tensor == NULL) {
        (void)sg_error_set(to->error, SG_STATUS_MODEL, "tensor %s is missing", slot->name);
        (void)sg_error_hint(to->error, "config.json calls for it; are the two of the same model?");
        return SG_STATUS_MODEL;
    }
    return view_tensor(tensor, slot->rank, slot->shape, matrix, to->error);
}

static sg_status check_slot(void *context, const sg_tensor_slot *slot) {
    const binding *to = context;
    sg_matrix unused;
    if (to->partial && sg_shard_index_find(to->index, slot->name) == NULL) {
        return SG_STATUS_OK;
    }
    return sg_problem_pass(to->sink, find_slot(to, slot, &unused), to->error);
}

/* Where the tensor of `slot` belongs. */
static sg_matrix *place_of(sg_weights *weights, const sg_tensor_slot *slot) {
    sg_stack_weights *stack = &weights->stacks[slot->stack];
    sg_block_weights *block = &stack->blocks[slot->block];
    sg_ffn *ffn = block->is_sparse ? &block->experts[slot->expert] : &block->ffn;
    switch (slot->role) {
    case SG_TENSOR_ROLE_RELATIVE_BIAS:
        return &stack->relative_bias;
    case SG_TENSOR_ROLE_SELF_Q:
        return &block->self.q;
    case SG_TENSOR_ROLE_SELF_K:
        return &block->self.k;
    case SG_TENSOR_ROLE_SELF_V:
        return &block->self.v;
    case SG_TENSOR_ROLE_SELF_O:
        return &block->self.o;
    case SG_TENSOR_ROLE_SELF_NORM:
        return &block->self.norm;
    case SG_TENSOR_ROLE_CROSS_Q:
        return &block->cross.q;
    case SG_TENSOR_ROLE_CROSS_K:
        return &block->cross.k;
    case SG_TENSOR_ROLE_CROSS_V:
        return &block->cross.v;
    case SG_TENSOR_ROLE_CROSS_O:
        return &block->cross.o;
    case SG_TENSOR_ROLE_CROSS_NORM:
        return &block->cross.norm;
    case SG_TENSOR_ROLE_FFN_NORM:
        return &block->ffn_norm;
    case SG_TENSOR_ROLE_FFN_WI:
        return &ffn->wi;
    case SG_TENSOR_ROLE_FFN_WI_1:
        return &ffn->wi_1;
    case SG_TENSOR_ROLE_FFN_WO:
        return &ffn->wo;
    case SG_TENSOR_ROLE_ROUTER:
        return &block->router.classifier;
    case SG_TENSOR_ROLE_ROUTER_BIAS:
        return &block->router.bias;
    case SG_TENSOR_ROLE_FINAL_NORM:
        break;
    }
    return &stack->final_norm;
}

static sg_status bind_slot(void *context, const sg_tensor_slot *slot) {
    const binding *to = context;
    return find_slot(to, slot, place_of(to->weights, slot));
}

/* Read a number at the start of `text`; *rest is what follows it. False if there is none. */
static bool leading_number(const char *text, size_t *number, const char **rest) {
    size_t value = 0;
    const char *digit = text;
    while (*digit >= '0' && *digit <= '9' && value < 100000000) {
        value = value * 10 + (size_t)(*digit - '0');
        digit++;
    }
    *number = value;
    *rest = digit;
    return digit != text;
}

/* Refuse a tensor that shows that the checkpoint is of another shape than config.json says. Names
 * outside the family are none of our business, as in the reference. */
static sg_status check_surplus(const sg_model_config *config, const char *name, sg_error *error) {
    static const char expert_prefix[] = ".mlp.experts.expert_";
    for (int stack = SG_STACK_ENCODER; stack <= SG_STACK_DECODER; stack++) {
        char prefix[24];
        size_t block;
        size_t expert;
        const char *rest;
        const char *found;
        size_t length =
            (size_t)snprintf(prefix, sizeof prefix, "%s.block.", sg_stack_name((sg_stack)stack));
        if (strncmp(name, prefix, length) != 0 || !leading_number(name + length, &block, &rest)) {
            continue;
        }
        if (block >= config->stacks[stack].num_layers) {
            return sg_error_set(error, SG_STATUS_MODEL,
                                "tensor %s is there, but config.json says %zu %s layers", name,
                                config->stacks[stack].num_layers, sg_stack_name((sg_stack)stack));
        }
        found = strstr(rest, expert_prefix);
        if (found != NULL && leading_number(found + sizeof expert_prefix - 1, &expert, &rest)) {
            if (!sg_model_config_is_sparse(config, (sg_stack)stack, block)) {
                return sg_error_set(
                    error, SG_STATUS_MODEL,
                    "tensor %s is there, but by config.json that block has no experts", name);
            }
            if (expert >= config->num_experts) {
                return sg_error_set(error, SG_STATUS_MODEL,
                                    "tensor %s is there, but config.json says num_experts %zu",
                                    name, config->num_experts);
            }
        }
        if (strstr(rest, ".mlp.router.classifier.bias") != NULL && !config->router_bias) {
            return sg_error_set(error, SG_STATUS_MODEL,
                                "tensor %s is there, but config.json says router_bias false", name);
        }
    }
    return SG_STATUS_OK;
}

static sg_status check_all_surplus(const binding *to) {
    for (size_t i = 0; i < sg_shard_index_count(to->index); i++) {
        sg_status status =
            check_surplus(to->config, sg_shard_index_at(to->index, i)->name, to->error);
        SG_TRY(sg_problem_pass(to->sink, status, to->error));
    }
    return SG_STATUS_OK;
}

static sg_status allocate_blocks(const sg_model_config *config, sg_weights *weights,
                                 sg_error *error) {
    for (int stack = SG_STACK_ENCODER; stack <= SG_STACK_DECODER; stack++) {
        sg_stack_weights *to = &weights->stacks[stack];
        size_t num_layers = config->stacks[stack].num_layers;
        to->blocks = sg_memory_alloc_zeroed(num_layers, sizeof *to->blocks);
        if (to->blocks == NULL) {
            return sg_memory_error(error, "layers", num_layers * sizeof *to->blocks);
        }
        to->num_blocks = num_layers;
        for (size_t i = 0; i < num_layers; i++) {
            sg_block_weights *block = &to->blocks[i];
            block->is_sparse = sg_model_config_is_sparse(config, (sg_stack)stack, i);
            if (block->is_sparse) {
                block->experts =
                    sg_memory_alloc_zeroed(config->num_experts, sizeof *block->experts);
                if (block->experts == NULL) {
                    return sg_memory_error(error, "experts",
                                           config->num_experts * sizeof *block->experts);
                }
            }
        }
    }
    return SG_STATUS_OK;
}

static sg_status view_table(const binding *to, const sg_tensor *tensor, sg_matrix *matrix) {
    const size_t shape[2] = {to->config->vocab_size, to->config->d_model};
    return sg_problem_pass(to->sink, view_tensor(tensor, 2, shape, matrix, to->error), to->error);
}

/* The tensor called `name`, or `otherwise` where the checkpoint lacks it. */
static const sg_tensor *find_or(const sg_shard_index *index, const char *name,
                                const sg_tensor *otherwise) {
    const sg_tensor *tensor = sg_shard_index_find(index, name);
    return tensor != NULL ? tensor : otherwise;
}

/* The head's own tensor, or NULL. Some untied Switch checkpoints put it in the decoder. */
static const sg_tensor *find_head(const sg_model_config *config, const sg_shard_index *index) {
    const sg_tensor *head = sg_shard_index_find(index, "lm_head.weight");
    if (head == NULL && !config->tie_word_embeddings && config->type == SG_MODEL_TYPE_SWITCH) {
        head = sg_shard_index_find(index, "decoder.lm_head.weight");
    }
    return head;
}

/* shared.weight, or the first of the other three that is there to stand in for it; NULL if none is.
 */
static const sg_tensor *find_shared(const sg_shard_index *index) {
    static const char *const names[] = {"shared.weight", "encoder.embed_tokens.weight",
                                        "decoder.embed_tokens.weight", "lm_head.weight"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const sg_tensor *tensor = sg_shard_index_find(index, names[i]);
        if (tensor != NULL) {
            return tensor;
        }
    }
    return NULL;
}

void sg_weights_find_tables(const sg_model_config *config, const sg_shard_index *index,
                            sg_weight_tables *tables) {
    const sg_tensor *shared = find_shared(index);
    const sg_tensor *head = find_head(config, index);
    tables->encoder = find_or(index, "encoder.embed_tokens.weight", shared);
    tables->decoder = find_or(index, "decoder.embed_tokens.weight", shared);
    tables->head = head != NULL ? head : shared;
}

/* An untied Switch checkpoint must hold its head, and should hold both embedding tables: the
 * reference fills in random values for what is missing, so there is nothing to be equal to. */
static sg_status check_untied_switch(const binding *to, const sg_tensor *head, const sg_log *log) {
    if (to->config->type != SG_MODEL_TYPE_SWITCH || to->config->tie_word_embeddings) {
        return SG_STATUS_OK;
    }
    if (head == NULL) {
        return sg_error_set(
            to->error, SG_STATUS_MODEL,
            "tensor lm_head.weight is missing; config.json says tie_word_embeddings false");
    }
    if (sg_shard_index_find(to->index, "shared.weight") == NULL) {
        return sg_error_set(to->error, SG_STATUS_MODEL, "tensor shared.weight is missing");
    }
    if (sg_shard_index_find(to->index, "encoder.embed_tokens.weight") == NULL ||
        sg_shard_index_find(to->index, "decoder.embed_tokens.weight") == NULL) {
        sg_log_write(
            log, SG_LOG_LEVEL_WARNING,
            "the checkpoint is untied but lacks embed_tokens tensors: shared.weight is used");
    }
    return SG_STATUS_OK;
}

static sg_status bind_tables(const binding *to, const sg_log *log) {
    sg_weight_tables tables;
    sg_weights *weights = to->weights;
    if (find_shared(to->index) == NULL) {
        return sg_error_set(to->error, SG_STATUS_MODEL, "tensor shared.weight is missing");
    }
    SG_TRY(sg_problem_pass(to->sink, check_untied_switch(to, find_head(to->config, to->index), log),
                           to->error));
    sg_weights_find_tables(to->config, to->index, &tables);
    SG_TRY(view_table(to, tables.encoder, &weights->stacks[SG_STACK_ENCODER].embedding));
    SG_TRY(view_table(to, tables.decoder, &weights->stacks[SG_STACK_DECODER].embedding));
    SG_TRY(view_table(to, tables.head, &weights->head));
    weights->head_scale = 1.0F;
    if (to->config->scale_output) {
        weights->head_scale = (float)(1.0 / sqrt((double)to->config->d_model));
    }
    return SG_STATUS_OK;
}

/* Every tensor against the configuration; the tables are placed, which allocates nothing. */
static sg_status check_all(binding *to, const sg_log *log) {
    SG_TRY(sg_tensor_table_walk(to->config, check_slot, to));
    SG_TRY(check_all_surplus(to));
    if (to->partial) {
        return SG_STATUS_OK;
    }
    return sg_problem_pass(to->sink, bind_tables(to, log), to->error);
}

sg_status sg_weights_examine(const sg_model_config *config, const sg_shard_index *index,
                             bool partial, const sg_log *log, const sg_problem_sink *sink,
                             sg_error *error) {
    sg_weights unused = {0};
    binding to = {config, index, &unused, sink, partial, error};
    return check_all(&to, log);
}

sg_status sg_weights_bind(const sg_model_config *config, const sg_shard_index *index,
                          const sg_log *log, sg_weights *weights, sg_error *error) {
    sg_weights result = {0};
    binding to = {config, index, &result, NULL, false, error};
    sg_status status = check_all(&to, log);
    if (status == SG_STATUS_OK) {
        status = allocate_blocks(config, &result, error);
    }
    if (status == SG_STATUS_OK) {
        status = sg_tensor_table_walk(config, bind_slot, &to);
    }
    if (status != SG_STATUS_OK) {
        sg_weights_clear(&result);
        return status;
    }
    *weights = result;
    return SG_STATUS_OK;
}

void sg_weights_clear(sg_weights *weights) {
    for (int stack = SG_STACK_ENCODER; stack <= SG_STACK_DECODER; stack++) {
        sg_stack_weights *from = &weights->stacks[stack];
        for (size_t i = 0; from->blocks != NULL && i < from->num_blocks; i++) {
            sg_memory_free(from->blocks[i].experts);
        }
        sg_memory_free(from->blocks);
    }
    *weights = (sg_weights){0};
}
