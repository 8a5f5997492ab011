/* SPDX-License-Identifier: Apache-2.0 */
/* Parameter counts against numbers worked out by hand from the published shapes. */
#include "support/test.h"

#include "model/parameter_count.h"

/* google/switch-base-E: 12 + 12 blocks, every second one sparse. */
static sg_model_config switch_base(size_t experts) {
    return (sg_model_config){.type = SG_MODEL_TYPE_SWITCH,
                             .vocab_size = 32128,
                             .d_model = 768,
                             .d_kv = 64,
                             .d_ff = 3072,
                             .num_heads = 12,
                             .stacks = {{12, 2}, {12, 2}},
                             .num_experts = experts,
                             .relative_attention_num_buckets = 32,
                             .tie_word_embeddings = true};
}

/* switch-base-64. By hand: table 32128*768 = 24,674,304; attention 4*768*768 + 768 = 2,360,064, 36
 * of them 84,962,304; feed-forward norms 24*768 = 18,432; an expert 2*768*3072 = 4,718,592, 12*64
 * of them 3,623,878,656, the 12 dense ones 56,623,104; routers 12*64*768 = 589,824; bias tables
 * 2*32*12 = 768; last norms 1,536. */
static void base_64_has_3790748928_parameters(void) {
    sg_model_config config = switch_base(64);
    sg_parameter_count count;
    sg_parameter_count_of(&config, 1, &count);
    CHECK_INT(count.total, 3790748928);
    CHECK_INT(count.tables, 24674304);
    CHECK_INT(count.experts, 3623878656);
    CHECK_INT(count.expert, 4718592);
    CHECK_INT(count.per_token, 3790748928 - 3623878656 + 12 * 4718592);
    CHECK_INT(count.total, count.tables + count.stacks[0] + count.stacks[1]);
    CHECK_INT(count.stacks[1] - count.stacks[0], 12 * 2360064);
}

/* Every part by itself, with sizes that are all different: D 2, H*K 3*5, F 7, E 11, V 13, buckets
 * 4; a gate, router biases, and the sparse blocks 1 of 2 and 1 of 3. */
static void each_part_counts(void) {
    sg_model_config config = {.type = SG_MODEL_TYPE_SWITCH,
                              .vocab_size = 13,
                              .d_model = 2,
                              .d_kv = 5,
                              .d_ff = 7,
                              .num_heads = 3,
                              .stacks = {{2, 2}, {3, 2}},
                              .num_experts = 11,
                              .router_bias = true,
                              .is_gated = true,
                              .relative_attention_num_buckets = 4};
    sg_parameter_count count;
    sg_parameter_count_of(&config, 3, &count);
    CHECK_INT(count.tables, 3 * 26);
    CHECK_INT(count.expert, 42);
    CHECK_INT(count.experts, 2 * 11 * 42);
    /* 2 attentions of 122, 2 norms, a dense and 11 expert feed-forwards, a router, 12 + 2 */
    CHECK_INT(count.stacks[0], 2 * 122 + 2 * 2 + 42 + 11 * 42 + 11 * 3 + 14);
    CHECK_INT(count.stacks[1], 6 * 122 + 3 * 2 + 2 * 42 + 11 * 42 + 11 * 3 + 14);
    CHECK_INT(count.per_token, count.total - 2 * 10 * 42);
}

/* A dense T5 has no experts: every parameter counts for every token. t5-small has 60,506,624. */
static void a_t5_has_no_experts(void) {
    sg_model_config config = {.type = SG_MODEL_TYPE_T5,
                              .vocab_size = 32128,
                              .d_model = 512,
                              .d_kv = 64,
                              .d_ff = 2048,
                              .num_heads = 8,
                              .stacks = {{6, 0}, {6, 0}},
                              .relative_attention_num_buckets = 32};
    sg_parameter_count count;
    sg_parameter_count_of(&config, 1, &count);
    CHECK_INT(count.total, 60506624);
    CHECK_INT(count.per_token, 60506624);
    CHECK_INT(count.experts, 0);
    CHECK_INT(count.expert, 0);
}

/* The largest configuration that is let in does not wrap around to a small number. */
static void what_does_not_fit_stays_at_the_end(void) {
    sg_model_config config = {.type = SG_MODEL_TYPE_SWITCH,
                              .vocab_size = SG_CONFIG_MAX_VOCABULARY,
                              .d_model = SG_CONFIG_MAX_DIMENSION,
                              .d_kv = SG_CONFIG_MAX_DIMENSION,
                              .d_ff = SG_CONFIG_MAX_DIMENSION,
                              .num_heads = 1,
                              .stacks = {{SG_CONFIG_MAX_DIMENSION, 1}, {1, 1}},
                              .num_experts = SG_CONFIG_MAX_EXPERTS,
                              .relative_attention_num_buckets = 32};
    sg_parameter_count count;
    sg_parameter_count_of(&config, 1, &count);
    CHECK(count.total == UINT64_MAX);
    CHECK(count.experts == UINT64_MAX);
    CHECK(count.per_token < UINT64_MAX);
}

int main(void) {
    TEST(base_64_has_3790748928_parameters);
    TEST(each_part_counts);
    TEST(a_t5_has_no_experts);
    TEST(what_does_not_fit_stays_at_the_end);
    return test_end();
}
