/* SPDX-License-Identifier: Apache-2.0 */
/* The shapes of tensor_table.c as sums. A hostile configuration makes numbers that fit nowhere:
 * they stay at the largest value, instead of wrapping around to one that looks right. */
#include "model/parameter_count.h"

static uint64_t times(uint64_t a, uint64_t b) {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t plus(uint64_t a, uint64_t b) {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* q, k, v, o and the norm before them. */
static uint64_t attention(const sg_model_config *config) {
    uint64_t width = sg_model_config_attention_width(config);
    return plus(times(4, times(width, config->d_model)), config->d_model);
}

/* wi (two where gated) and wo. */
static uint64_t feed_forward(const sg_model_config *config) {
    return times(config->is_gated ? 3 : 2, times(config->d_ff, config->d_model));
}

static uint64_t router(const sg_model_config *config) {
    return times(config->num_experts, plus(config->d_model, config->router_bias ? 1 : 0));
}

static void add_block(const sg_model_config *config, sg_stack stack, size_t block,
                      sg_parameter_count *count) {
    uint64_t matrices = feed_forward(config);
    uint64_t dense = plus(attention(config), config->d_model); /* with the feed-forward's norm */
    if (stack == SG_STACK_DECODER) {
        dense = plus(dense, attention(config));
    }
    count->per_token = plus(count->per_token, plus(dense, matrices));
    if (sg_model_config_is_sparse(config, stack, block)) {
        uint64_t experts = times(config->num_experts, matrices);
        count->per_token = plus(count->per_token, router(config));
        count->experts = plus(count->experts, experts);
        count->expert = matrices;
        dense = plus(dense, plus(router(config), experts));
    } else {
        dense = plus(dense, matrices);
    }
    count->stacks[stack] = plus(count->stacks[stack], dense);
}

void sg_parameter_count_of(const sg_model_config *config, size_t tables,
                           sg_parameter_count *count) {
    uint64_t rest = plus(times(config->relative_attention_num_buckets, config->num_heads),
                         config->d_model); /* the bias table and the last norm of a stack */
    *count = (sg_parameter_count){0};
    count->tables = times(tables, times(config->vocab_size, config->d_model));
    count->per_token = count->tables;
    for (int stack = SG_STACK_ENCODER; stack <= SG_STACK_DECODER; stack++) {
        count->stacks[stack] = rest;
        count->per_token = plus(count->per_token, rest);
        for (size_t block = 0; block < config->stacks[stack].num_layers; block++) {
            add_block(config, (sg_stack)stack, block, count);
        }
    }
    count->total =
        plus(count->tables, plus(count->stacks[SG_STACK_ENCODER], count->stacks[SG_STACK_DECODER]));
}
