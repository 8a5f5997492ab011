/* SPDX-License-Identifier: Apache-2.0 */
/* What inspect finds out about checkpoints that no fixture can hold: of full size, and with planted
 * faults. */
#include "support/test.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "cli/inspection.h"
#include "cli/inspection_report.h"
#include "support/temp_dir.h"
#include "support/zero_checkpoint.h"

#define SMALL                                                                                  \
    "\"vocab_size\":231,\"d_model\":6,\"d_kv\":2,\"d_ff\":5,\"num_heads\":2,\"num_layers\":2," \
    "\"num_decoder_layers\":2,\"num_experts\":3,\"encoder_sparse_step\":2,"                    \
    "\"decoder_sparse_step\":2,\"decoder_start_token_id\":0}"
#define SWITCH "{\"model_type\":\"switch_transformers\"," SMALL
#define BASE                                                                                 \
    "{\"model_type\":\"switch_transformers\",\"d_ff\":3072,\"num_sparse_encoder_layers\":6," \
    "\"num_sparse_decoder_layers\":6,\"decoder_start_token_id\":0,\"num_experts\":"

/* Sanitizers take memory of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static const zero_fault no_fault = {0};

/* A model directory: zeros of the shapes of `config_text`, and the small tokenizer. */
static temp_dir make_model(const char *config_text, const zero_fault *fault) {
    sg_model_config config;
    sg_error error;
    temp_dir dir = temp_dir_create();
    (void)temp_dir_write_text(&dir, "config.json", config_text);
    CHECK_INT(sg_model_config_read(dir.path, &config, &error), SG_STATUS_OK);
    zero_checkpoint_write(&dir, &config, fault);
    CHECK_INT(symlink(SG_TEST_FIXTURES "/tiny/spiece.model", temp_dir_path(&dir, "spiece.model")),
              0);
    (void)temp_dir_write_text(&dir, "tokenizer_config.json", "{\"extra_ids\":20}");
    return dir;
}

static void check_opens(const temp_dir *dir, bool checksum, sg_inspection *inspection) {
    sg_error error = {.code = SG_STATUS_OK};
    CHECK_INT(sg_inspection_open(dir->path, checksum, inspection, &error), SG_STATUS_OK);
}

/* switch-base-64 with its real shapes, as holes in a file of 15 GB: the tensors sum up to what is
 * known of it (published: 3.8 billion), and so does the configuration alone. */
static void a_model_of_full_size_is_counted(void) {
    temp_dir dir = make_model(BASE "64}", &no_fault);
    sg_inspection found;
    check_opens(&dir, false, &found);
    CHECK_INT(found.problems.count, 0);
    CHECK_INT(sg_type_totals_sum(&found.totals).elements, 3790748928);
    CHECK_INT(sg_type_totals_sum(&found.totals).bytes, 4 * 3790748928);
    CHECK_INT(found.parameters.total, 3790748928);
    CHECK_INT(found.parameters.per_token, 3790748928 - 12LL * 63 * 4718592);
    CHECK_INT(found.unused_count, 0);
    CHECK_INT(found.table_count, 1);
    sg_inspection_clear(&found);
    temp_dir_remove(&dir);
}

/* Most bytes of memory that this program had so far. */
static long long peak_bytes(void) {
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * 1024LL;
}

/* 6,000 tensors and 100 GB: the report needs neither the weights nor much memory. */
static void a_hundred_gigabytes_cost_little(void) {
    temp_dir dir = make_model(BASE "256,\"vocab_size\":14000000}", &no_fault);
    sg_inspection found;
    sg_buffer out;
    sg_buffer_init(&out, 1 << 20);
    check_opens(&dir, false, &found);
    CHECK_INT(found.problems.count, 0);
    CHECK(sg_shard_index_count(found.index) > 3000);
    CHECK(sg_type_totals_sum(&found.totals).bytes > 100000000000ULL);
    sg_inspection_write_text(&found, &out);
    CHECK_INT(out.status, SG_STATUS_OK);
    CHECK(SANITIZED || peak_bytes() < 64LL << 20);
    sg_buffer_clear(&out);
    sg_inspection_clear(&found);
    temp_dir_remove(&dir);
}

/* google/switch-c-2048's head: decoder.lm_head.weight in a model that calls itself tied. */
static void a_head_in_the_decoder_is_untied(void) {
    const zero_fault fault = {
        .extra = "decoder.lm_head.weight", .extra_shape = "[231,6]", .extra_bytes = 231 * 6 * 4};
    temp_dir dir = make_model(SWITCH, &fault);
    sg_inspection found;
    check_opens(&dir, true, &found);
    CHECK_INT(found.table_count, 2);
    CHECK(found.tables[0].encoder && found.tables[0].decoder && !found.tables[0].head);
    CHECK(found.tables[1].head);
    CHECK_INT(found.tables[1].equality, SG_TABLE_EQUALITY_EQUAL);
    CHECK_INT(found.parameters.tables, 2 * 231 * 6);
    CHECK_INT(found.from_tensors.count, 1);
    CHECK_TEXT(found.from_tensors.items[0], "tie_word_embeddings");
    sg_inspection_clear(&found);
    temp_dir_remove(&dir);
}

static const char *first_problem(const sg_inspection *found) {
    return found->problems.count == 0 ? "none" : found->problems.items[0].message;
}

/* One tensor too few, of another type, of another shape, too many: one problem each, with a mend.
 */
static void a_fault_is_one_problem(void) {
    static const char name[] = "decoder.block.1.layer.2.mlp.experts.expert_1.wo.weight";
    static const char surplus[] = "decoder.block.1.layer.2.mlp.experts.expert_3.wo.weight";
    static const struct {
        zero_fault fault;
        const char *message;
    } cases[] = {
        {{.without = name}, "is missing"},
        {{.altered = name, .dtype = "F64", .shape = "[6,5]", .bytes = 240}, "has type F64"},
        {{.altered = name, .dtype = "F32", .shape = "[5,6]", .bytes = 120}, "has shape [5, 6]"},
        {{.extra = surplus}, "is there, but config.json says num_experts 3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        temp_dir dir = make_model(SWITCH, &cases[i].fault);
        sg_inspection found;
        check_opens(&dir, false, &found);
        CHECK_INT(found.problems.count, 1);
        CHECK_CONTAINS(first_problem(&found), cases[i].message);
        CHECK(found.problems.count == 0 || found.problems.items[0].hint[0] != '\0');
        sg_inspection_clear(&found);
        temp_dir_remove(&dir);
    }
}

/* A tensor that no model of the family has is let pass, and said. */
static void what_is_not_used_is_listed(void) {
    const zero_fault fault = {.extra = "encoder.something.weight"};
    temp_dir dir = make_model(SWITCH, &fault);
    sg_inspection found;
    check_opens(&dir, false, &found);
    CHECK_INT(found.problems.count, 0);
    CHECK_INT(found.unused_count, 1);
    CHECK_TEXT(found.unused_count == 1 ? found.unused[0]->name : "", "encoder.something.weight");
    sg_inspection_clear(&found);
    temp_dir_remove(&dir);
}

/* A configuration that claims a million layers of 65,536 experts is told its one wrong number each,
 * in no time. */
static void a_huge_claim_costs_nothing(void) {
    temp_dir dir = make_model(SWITCH, &no_fault);
    sg_inspection found;
    (void)temp_dir_write_text(
        &dir, "config.json",
        "{\"model_type\":\"switch_transformers\",\"vocab_size\":231,\"d_model\":6,\"d_kv\":2,"
        "\"d_ff\":5,\"num_heads\":2,\"num_layers\":1048576,\"num_decoder_layers\":2,"
        "\"num_experts\":65536,\"encoder_sparse_step\":2,\"decoder_sparse_step\":2}");
    check_opens(&dir, false, &found);
    CHECK_INT(found.problems.count, 2);
    CHECK_CONTAINS(first_problem(&found), "num_layers 1048576, the tensors say 2");
    sg_inspection_clear(&found);
    temp_dir_remove(&dir);
}

/* Nothing at all: every part is told, nothing crashes, and clearing twice is allowed. */
static void an_empty_directory_has_three_problems(void) {
    temp_dir dir = temp_dir_create();
    sg_inspection found;
    check_opens(&dir, true, &found);
    CHECK_INT(found.problems.count, 3);
    sg_inspection_clear(&found);
    sg_inspection_clear(&found);
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(a_model_of_full_size_is_counted);
    TEST(a_hundred_gigabytes_cost_little);
    TEST(a_head_in_the_decoder_is_untied);
    TEST(a_fault_is_one_problem);
    TEST(what_is_not_used_is_listed);
    TEST(a_huge_claim_costs_nothing);
    TEST(an_empty_directory_has_three_problems);
    return test_end();
}
