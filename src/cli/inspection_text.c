/* SPDX-License-Identifier: Apache-2.0 */
/* The report for people: one line a fact, problems last, long lists cut. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "cli/inspection_report.h"

#define SHOWN_UNUSED 10   /* names of tensors that are not used */
#define SHOWN_PROBLEMS 10 /* with one and the same hint */

static const char *yes_no(bool value) {
    return value ? "yes" : "no";
}

void sg_inspection_write_shape(const sg_tensor *tensor, const char *between, sg_buffer *out) {
    (void)sg_buffer_append_text(out, "[");
    for (size_t i = 0; i < tensor->rank; i++) {
        (void)sg_buffer_append_format(out, "%s%" PRIu64, i == 0 ? "" : between, tensor->shape[i]);
    }
    (void)sg_buffer_append_text(out, "]");
}

void sg_inspection_write_totals_text(const sg_type_totals *totals, sg_buffer *out) {
    sg_type_total sum = sg_type_totals_sum(totals);
    (void)sg_buffer_append_format(out, "tensors:     %zu, %" PRIu64 " bytes, %" PRIu64 " values\n",
                                  sum.tensors, sum.bytes, sum.elements);
    for (int dtype = 0; dtype < SG_DTYPE_COUNT; dtype++) {
        const sg_type_total *total = &totals->of[dtype];
        if (total->tensors > 0) {
            (void)sg_buffer_append_format(out, "  %-9s  %zu, %" PRIu64 " bytes\n",
                                          sg_dtype_name((sg_dtype)dtype), total->tensors,
                                          total->bytes);
        }
    }
}

/* --- configuration --- */

/* "12 blocks, sparse: 1 3 5 7 9 11". */
static void write_stack(const sg_model_config *config, sg_stack stack, sg_buffer *out) {
    size_t sparse = 0;
    (void)sg_buffer_append_format(out, "%s:     %zu blocks, sparse:", sg_stack_name(stack),
                                  config->stacks[stack].num_layers);
    for (size_t block = 0; block < config->stacks[stack].num_layers; block++) {
        if (sg_model_config_is_sparse(config, stack, block)) {
            (void)sg_buffer_append_format(out, " %zu", block);
            sparse++;
        }
    }
    (void)sg_buffer_append_text(out, sparse == 0 ? " none\n" : "\n");
}

static void write_keys(const char *label, const sg_key_list *keys, sg_buffer *out) {
    for (size_t i = 0; i < keys->count; i++) {
        (void)sg_buffer_append_format(out, "%s%s", i == 0 ? label : ", ", keys->items[i]);
    }
    (void)sg_buffer_append_text(out, keys->count > 0 ? "\n" : "");
}

static void write_experts(const sg_model_config *config, sg_buffer *out) {
    if (config->num_experts == 0) {
        return;
    }
    (void)sg_buffer_append_format(out, "experts:     %zu, one a token; capacity %" PRId64,
                                  config->num_experts, config->expert_capacity);
    (void)sg_buffer_append_format(out, "%s; router bias: %s\n",
                                  config->expert_capacity <= 0 ? " (drops every token)" : "",
                                  yes_no(config->router_bias));
}

static void write_config(const sg_inspection *from, sg_buffer *out) {
    const sg_model_config *config = &from->config;
    char epsilon[SG_NUMBER_F32_SIZE];
    (void)sg_number_format_f32(config->layer_norm_epsilon, epsilon);
    (void)sg_buffer_append_format(out, "type:        %s\n",
                                  config->type == SG_MODEL_TYPE_SWITCH ? "switch_transformers"
                                                                       : "t5");
    (void)sg_buffer_append_format(
        out, "sizes:       d_model %zu, heads %zu x %zu, d_ff %zu (%s%s), vocabulary %zu\n",
        config->d_model, config->num_heads, config->d_kv, config->d_ff,
        config->is_gated ? "gated " : "", sg_activation_name(config->activation),
        config->vocab_size);
    (void)sg_buffer_append_format(
        out,
        "attention:   %zu buckets, max distance %zu; layer_norm_epsilon %s; pad id %" PRId64 "\n",
        config->relative_attention_num_buckets, config->relative_attention_max_distance, epsilon,
        config->pad_token_id);
    write_stack(config, SG_STACK_ENCODER, out);
    write_stack(config, SG_STACK_DECODER, out);
    write_experts(config, out);
    (void)sg_buffer_append_format(out, "embeddings:  %s, logits %s\n",
                                  config->tie_word_embeddings ? "tied" : "untied",
                                  config->scale_output ? "times d_model^-0.5" : "not scaled");
    write_keys("defaults:    ", &from->defaults, out);
    write_keys("by tensors:  ", &from->from_tensors, out);
}

static void write_parameters(const sg_parameter_count *count, sg_buffer *out) {
    (void)sg_buffer_append_format(out,
                                  "parameters:  %" PRIu64 " in all, %" PRIu64 " for one token\n",
                                  count->total, count->per_token);
    (void)sg_buffer_append_format(
        out, "  tables     %" PRIu64 "\n  encoder    %" PRIu64 "\n  decoder    %" PRIu64 "\n",
        count->tables, count->stacks[SG_STACK_ENCODER], count->stacks[SG_STACK_DECODER]);
    if (count->expert > 0) {
        (void)sg_buffer_append_format(out, "  experts    %" PRIu64 " of them, %" PRIu64 " each\n",
                                      count->experts, count->expert);
    }
}

/* --- tensors --- */

static const char *equality_text(sg_table_equality equality) {
    switch (equality) {
    case SG_TABLE_EQUALITY_UNKNOWN:
        return "; whether it equals the first is known with --checksum";
    case SG_TABLE_EQUALITY_EQUAL:
        return "; equals the first";
    case SG_TABLE_EQUALITY_DIFFERENT:
        return "; differs from the first";
    case SG_TABLE_EQUALITY_FIRST:
        break;
    }
    return "";
}

/* A head of its own is meant to be another table: nothing is said of that. */
static void write_table(const sg_inspection *from, const sg_inspected_table *table,
                        sg_buffer *out) {
    bool is_own_head = table->head && sg_inspection_has_own_head(from);
    const char *between = "";
    (void)sg_buffer_append_format(out, "table:       %s: ", table->tensor->name);
    if (table->encoder) {
        (void)sg_buffer_append_text(out, "encoder");
        between = ", ";
    }
    if (table->decoder) {
        (void)sg_buffer_append_format(out, "%sdecoder", between);
        between = ", ";
    }
    if (table->head) {
        (void)sg_buffer_append_format(out, "%shead", between);
        between = ", ";
    }
    (void)sg_buffer_append_format(out, "%s%s\n", between[0] == '\0' ? "not used" : "",
                                  is_own_head ? "" : equality_text(table->equality));
}

static void write_unused(const sg_inspection *from, sg_buffer *out) {
    if (from->unused_count > 0) {
        (void)sg_buffer_append_format(out, "not used:    %zu of %zu tensors\n", from->unused_count,
                                      sg_shard_index_count(from->index));
    }
    for (size_t i = 0; i < from->unused_count && i < SHOWN_UNUSED; i++) {
        const sg_tensor *tensor = from->unused[i];
        (void)sg_buffer_append_format(out, "  %s, %s ", tensor->name, sg_dtype_name(tensor->dtype));
        sg_inspection_write_shape(tensor, ", ", out);
        (void)sg_buffer_append_text(out, "\n");
    }
    if (from->unused_count > SHOWN_UNUSED) {
        (void)sg_buffer_append_format(out, "  and %zu more\n", from->unused_count - SHOWN_UNUSED);
    }
}

static void write_tensors(const sg_inspection *from, sg_buffer *out) {
    sg_inspection_write_totals_text(&from->totals, out);
    for (size_t i = 0; i < from->table_count; i++) {
        write_table(from, &from->tables[i], out);
    }
    write_unused(from, out);
}

/* --- tokenizer and generation --- */

static void write_tokenizer(const sg_inspection *from, sg_buffer *out) {
    int64_t size = sg_tokenizer_size(from->tokenizer);
    int32_t sentinels = sg_tokenizer_sentinel_count(from->tokenizer);
    int64_t length = sg_tokenizer_model_max_length(from->tokenizer);
    (void)sg_buffer_append_format(out, "tokenizer:   %" PRId64 " pieces, %" PRId32 " sentinels; ",
                                  size - sentinels, sentinels);
    if (length > 0) {
        (void)sg_buffer_append_format(out, "model_max_length %" PRId64, length);
    } else {
        (void)sg_buffer_append_text(out, "no model_max_length");
    }
    if (from->has_config && (int64_t)from->config.vocab_size >= size) {
        (void)sg_buffer_append_format(out, "; %" PRId64 " rows of the vocabulary to spare",
                                      (int64_t)from->config.vocab_size - size);
    }
    (void)sg_buffer_append_text(out, "\n");
}

static void write_setting(const char *name, int64_t value, sg_buffer *out) {
    if (value != SG_OPTION_UNSET) {
        (void)sg_buffer_append_format(out, ", %s %" PRId64, name, value);
    }
}

static void write_real_setting(const char *name, double value, sg_buffer *out) {
    char text[SG_NUMBER_F32_SIZE];
    if (!isnan(value)) {
        (void)sg_number_format_f32((float)value, text);
        (void)sg_buffer_append_format(out, ", %s %s", name, text);
    }
}

static void write_early_stopping(sg_early_stopping value, sg_buffer *out) {
    static const char *const names[] = {[SG_EARLY_STOPPING_FALSE] = "false",
                                        [SG_EARLY_STOPPING_TRUE] = "true",
                                        [SG_EARLY_STOPPING_NEVER] = "never"};
    if (value != SG_EARLY_STOPPING_UNSET) {
        (void)sg_buffer_append_format(out, ", early_stopping %s", names[value]);
    }
}

static void write_generation(const sg_inspection *from, sg_buffer *out) {
    const sg_generation_config *generation = &from->generation;
    const sg_decoding_options *decoding = &generation->decoding;
    (void)sg_buffer_append_format(
        out, "generation:  from %s: start token %" PRId32 ", end tokens [",
        from->has_generation_file ? "generation_config.json" : "config.json",
        generation->decoder_start_token_id);
    for (size_t i = 0; i < generation->eos_token_id_count; i++) {
        (void)sg_buffer_append_format(out, "%s%" PRId32, i == 0 ? "" : ", ",
                                      generation->eos_token_ids[i]);
    }
    (void)sg_buffer_append_text(out, "]");
    write_setting("num_beams", decoding->num_beams, out);
    write_setting("num_return_sequences", decoding->num_return_sequences, out);
    write_setting("max_new_tokens", decoding->max_new_tokens, out);
    write_setting("max_length", decoding->max_length, out);
    write_setting("min_new_tokens", decoding->min_new_tokens, out);
    write_setting("min_length", decoding->min_length, out);
    write_setting("no_repeat_ngram_size", decoding->no_repeat_ngram_size, out);
    write_real_setting("length_penalty", decoding->length_penalty, out);
    write_real_setting("repetition_penalty", decoding->repetition_penalty, out);
    write_early_stopping(decoding->early_stopping, out);
    (void)sg_buffer_append_text(out, "\n");
}

/* --- files, warnings, problems --- */

static void write_files(const sg_inspection *from, sg_buffer *out) {
    for (size_t i = 0; i < from->files.count; i++) {
        (void)sg_buffer_append_format(out, "file:        %s, %" PRIu64 " bytes%s%s\n",
                                      from->files.items[i].name, from->files.items[i].bytes,
                                      from->sums == NULL ? "" : ", sha256 ",
                                      from->sums == NULL ? "" : from->sums[i]);
    }
}

/* Problems first..end that share a hint, and the hint. */
static void write_group(const sg_problem_list *problems, size_t first, size_t end, sg_buffer *out) {
    for (size_t i = first; i < end && i < first + SHOWN_PROBLEMS; i++) {
        (void)sg_buffer_append_format(out, "problem: %s\n", problems->items[i].message);
    }
    if (end - first > SHOWN_PROBLEMS) {
        (void)sg_buffer_append_format(out, "and %zu more like that\n",
                                      end - first - SHOWN_PROBLEMS);
    }
    if (problems->items[first].hint[0] != '\0') {
        (void)sg_buffer_append_format(out, "hint: %s\n", problems->items[first].hint);
    }
}

void sg_inspection_write_problems_text(const sg_problem_list *problems, sg_buffer *out) {
    size_t first = 0;
    if (problems->count == 0) {
        (void)sg_buffer_append_text(out, "problems:    none\n");
    }
    while (first < problems->count) {
        size_t end = first + 1;
        while (end < problems->count &&
               strcmp(problems->items[end].hint, problems->items[first].hint) == 0) {
            end++;
        }
        write_group(problems, first, end, out);
        first = end;
    }
    if (problems->count == SG_PROBLEM_LIST_MAX) {
        (void)sg_buffer_append_text(out, "the search ended here: there may be more\n");
    }
}

void sg_inspection_write_text(const sg_inspection *from, sg_buffer *out) {
    (void)sg_buffer_append_format(out, "model:       %s\n", from->directory);
    if (from->family.purpose != NULL) {
        (void)sg_buffer_append_format(out, "purpose:     %s\n", from->family.purpose);
    }
    if (from->has_config) {
        write_config(from, out);
        write_parameters(&from->parameters, out);
    }
    if (from->index != NULL) {
        write_tensors(from, out);
    }
    if (from->tokenizer != NULL) {
        write_tokenizer(from, out);
    }
    if (from->has_generation) {
        write_generation(from, out);
    }
    write_files(from, out);
    for (size_t i = 0; i < from->warnings.count; i++) {
        (void)sg_buffer_append_format(out, "warning: %s\n", from->warnings.items[i].message);
    }
    sg_inspection_write_problems_text(&from->problems, out);
}
