/* SPDX-License-Identifier: Apache-2.0 */
/* The report for programs: one object, nothing cut. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/inspection_report.h"
#include "storage/json_writer.h"

static const char *truth(bool value) {
    return value ? "true" : "false";
}

static void write_text(const char *key, const char *text, sg_buffer *out) {
    (void)sg_buffer_append_format(out, ",\"%s\":", key);
    if (text == NULL) {
        (void)sg_buffer_append_text(out, "null");
    } else {
        sg_json_write_string(out, text, strlen(text));
    }
}

void sg_inspection_write_totals_json(const sg_type_totals *totals, sg_buffer *out) {
    sg_type_total sum = sg_type_totals_sum(totals);
    const char *comma = "";
    (void)sg_buffer_append_format(
        out, ",\"tensors\":%zu,\"bytes\":%" PRIu64 ",\"values\":%" PRIu64 ",\"types\":{",
        sum.tensors, sum.bytes, sum.elements);
    for (int dtype = 0; dtype < SG_DTYPE_COUNT; dtype++) {
        const sg_type_total *total = &totals->of[dtype];
        if (total->tensors > 0) {
            (void)sg_buffer_append_format(out, "%s\"%s\":{\"tensors\":%zu,\"bytes\":%" PRIu64 "}",
                                          comma, sg_dtype_name((sg_dtype)dtype), total->tensors,
                                          total->bytes);
            comma = ",";
        }
    }
    (void)sg_buffer_append_text(out, "}");
}

/* --- configuration --- */

static void write_keys(const char *name, const sg_key_list *keys, sg_buffer *out) {
    (void)sg_buffer_append_format(out, ",\"%s\":[", name);
    for (size_t i = 0; i < keys->count; i++) {
        (void)sg_buffer_append_format(out, "%s\"%s\"", i == 0 ? "" : ",", keys->items[i]);
    }
    (void)sg_buffer_append_text(out, "]");
}

static void write_stack(const sg_model_config *config, sg_stack stack, sg_buffer *out) {
    const char *comma = "";
    (void)sg_buffer_append_format(out, ",\"%s\":{\"blocks\":%zu,\"sparse\":[", sg_stack_name(stack),
                                  config->stacks[stack].num_layers);
    for (size_t block = 0; block < config->stacks[stack].num_layers; block++) {
        if (sg_model_config_is_sparse(config, stack, block)) {
            (void)sg_buffer_append_format(out, "%s%zu", comma, block);
            comma = ",";
        }
    }
    (void)sg_buffer_append_text(out, "]}");
}

static void write_config(const sg_inspection *from, sg_buffer *out) {
    const sg_model_config *config = &from->config;
    (void)sg_buffer_append_format(
        out,
        ",\"config\":{\"model_type\":\"%s\",\"d_model\":%zu,\"num_heads\":%zu,\"d_kv\":%zu,"
        "\"d_ff\":%zu,\"is_gated\":%s,\"activation\":\"%s\",\"vocab_size\":%zu,",
        config->type == SG_MODEL_TYPE_SWITCH ? "switch_transformers" : "t5", config->d_model,
        config->num_heads, config->d_kv, config->d_ff, truth(config->is_gated),
        sg_activation_name(config->activation), config->vocab_size);
    (void)sg_buffer_append_format(
        out,
        "\"num_experts\":%zu,\"expert_capacity\":%" PRId64 ",\"router_bias\":%s,"
        "\"tie_word_embeddings\":%s,\"scale_output\":%s,\"relative_attention_num_buckets\":%zu,"
        "\"relative_attention_max_distance\":%zu,\"pad_token_id\":%" PRId64
        ",\"layer_norm_epsilon\":",
        config->num_experts, config->expert_capacity, truth(config->router_bias),
        truth(config->tie_word_embeddings), truth(config->scale_output),
        config->relative_attention_num_buckets, config->relative_attention_max_distance,
        config->pad_token_id);
    sg_json_write_f32(out, config->layer_norm_epsilon);
    write_stack(config, SG_STACK_ENCODER, out);
    write_stack(config, SG_STACK_DECODER, out);
    write_keys("defaults", &from->defaults, out);
    write_keys("by_tensors", &from->from_tensors, out);
    (void)sg_buffer_append_text(out, "}");
}

static void write_parameters(const sg_parameter_count *count, sg_buffer *out) {
    (void)sg_buffer_append_format(
        out,
        ",\"parameters\":{\"total\":%" PRIu64 ",\"per_token\":%" PRIu64 ",\"tables\":%" PRIu64
        ",\"encoder\":%" PRIu64 ",\"decoder\":%" PRIu64 ",\"experts\":%" PRIu64
        ",\"expert\":%" PRIu64 "}",
        count->total, count->per_token, count->tables, count->stacks[SG_STACK_ENCODER],
        count->stacks[SG_STACK_DECODER], count->experts, count->expert);
}

/* --- tensors --- */

static void write_table(const sg_inspected_table *table, bool first, sg_buffer *out) {
    static const char *const equal[] = {[SG_TABLE_EQUALITY_FIRST] = "true",
                                        [SG_TABLE_EQUALITY_UNKNOWN] = "null",
                                        [SG_TABLE_EQUALITY_EQUAL] = "true",
                                        [SG_TABLE_EQUALITY_DIFFERENT] = "false"};
    (void)sg_buffer_append_text(out, first ? "{\"name\":" : ",{\"name\":");
    sg_json_write_string(out, table->tensor->name, strlen(table->tensor->name));
    (void)sg_buffer_append_format(
        out, ",\"encoder\":%s,\"decoder\":%s,\"head\":%s,\"equals_first\":%s}",
        truth(table->encoder), truth(table->decoder), truth(table->head), equal[table->equality]);
}

static void write_tensors(const sg_inspection *from, sg_buffer *out) {
    sg_inspection_write_totals_json(&from->totals, out);
    (void)sg_buffer_append_text(out, ",\"tables\":[");
    for (size_t i = 0; i < from->table_count; i++) {
        write_table(&from->tables[i], i == 0, out);
    }
    (void)sg_buffer_append_text(out, "],\"unused\":[");
    for (size_t i = 0; i < from->unused_count; i++) {
        (void)sg_buffer_append_text(out, i == 0 ? "" : ",");
        sg_json_write_string(out, from->unused[i]->name, strlen(from->unused[i]->name));
    }
    (void)sg_buffer_append_text(out, "]");
}

/* --- tokenizer and generation --- */

static void write_tokenizer(const sg_tokenizer *tokenizer, sg_buffer *out) {
    int32_t sentinels = sg_tokenizer_sentinel_count(tokenizer);
    (void)sg_buffer_append_format(out,
                                  ",\"tokenizer\":{\"pieces\":%" PRId32 ",\"sentinels\":%" PRId32
                                  ",\"model_max_length\":%" PRId64 "}",
                                  sg_tokenizer_size(tokenizer) - sentinels, sentinels,
                                  sg_tokenizer_model_max_length(tokenizer));
}

/* A setting that no file sets is null. */
static void write_setting(const char *name, int64_t value, sg_buffer *out) {
    (void)sg_buffer_append_format(out, ",\"%s\":", name);
    if (value == SG_OPTION_UNSET) {
        (void)sg_buffer_append_text(out, "null");
    } else {
        sg_json_write_i64(out, value);
    }
}

static void write_real_setting(const char *name, double value, sg_buffer *out) {
    (void)sg_buffer_append_format(out, ",\"%s\":", name);
    sg_json_write_f32(out, (float)value); /* null where it is not a number */
}

static void write_decoding(const sg_decoding_options *decoding, sg_buffer *out) {
    static const char *const early_stopping[] = {[SG_EARLY_STOPPING_UNSET] = "null",
                                                 [SG_EARLY_STOPPING_FALSE] = "false",
                                                 [SG_EARLY_STOPPING_TRUE] = "true",
                                                 [SG_EARLY_STOPPING_NEVER] = "\"never\""};
    write_setting("num_beams", decoding->num_beams, out);
    write_setting("num_return_sequences", decoding->num_return_sequences, out);
    write_setting("max_new_tokens", decoding->max_new_tokens, out);
    write_setting("max_length", decoding->max_length, out);
    write_setting("min_new_tokens", decoding->min_new_tokens, out);
    write_setting("min_length", decoding->min_length, out);
    write_setting("no_repeat_ngram_size", decoding->no_repeat_ngram_size, out);
    write_real_setting("length_penalty", decoding->length_penalty, out);
    write_real_setting("repetition_penalty", decoding->repetition_penalty, out);
    (void)sg_buffer_append_format(out, ",\"early_stopping\":%s",
                                  early_stopping[decoding->early_stopping]);
}

static void write_generation(const sg_inspection *from, sg_buffer *out) {
    const sg_generation_config *generation = &from->generation;
    (void)sg_buffer_append_format(
        out,
        ",\"generation\":{\"file\":\"%s\",\"decoder_start_token_id\":%" PRId32 ",\"eos_token_id\":",
        from->has_generation_file ? "generation_config.json" : "config.json",
        generation->decoder_start_token_id);
    sg_json_write_ids(out, generation->eos_token_ids, generation->eos_token_id_count);
    write_decoding(&generation->decoding, out);
    (void)sg_buffer_append_text(out, "}");
}

/* --- files, warnings, problems --- */

static void write_files(const sg_inspection *from, sg_buffer *out) {
    (void)sg_buffer_append_text(out, ",\"files\":[");
    for (size_t i = 0; i < from->files.count; i++) {
        const sg_model_file *file = &from->files.items[i];
        (void)sg_buffer_append_text(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        sg_json_write_string(out, file->name, strlen(file->name));
        (void)sg_buffer_append_format(out, ",\"bytes\":%" PRIu64, file->bytes);
        if (from->sums != NULL) {
            (void)sg_buffer_append_format(out, ",\"sha256\":\"%s\"", from->sums[i]);
        }
        (void)sg_buffer_append_text(out, "}");
    }
    (void)sg_buffer_append_text(out, "]");
}

static void write_warnings(const sg_problem_list *warnings, sg_buffer *out) {
    (void)sg_buffer_append_text(out, ",\"warnings\":[");
    for (size_t i = 0; i < warnings->count; i++) {
        const char *message = warnings->items[i].message;
        (void)sg_buffer_append_text(out, i == 0 ? "" : ",");
        sg_json_write_string(out, message, strlen(message));
    }
    (void)sg_buffer_append_text(out, "]");
}

void sg_inspection_write_problems_json(const sg_problem_list *problems, sg_buffer *out) {
    (void)sg_buffer_append_text(out, ",\"problems\":[");
    for (size_t i = 0; i < problems->count; i++) {
        const sg_problem_entry *entry = &problems->items[i];
        (void)sg_buffer_append_text(out, i == 0 ? "{\"problem\":" : ",{\"problem\":");
        sg_json_write_string(out, entry->message, strlen(entry->message));
        (void)sg_buffer_append_text(out, ",\"hint\":");
        sg_json_write_string(out, entry->hint, strlen(entry->hint));
        (void)sg_buffer_append_text(out, "}");
    }
    (void)sg_buffer_append_text(out, "]");
}

void sg_inspection_write_json(const sg_inspection *from, sg_buffer *out) {
    (void)sg_buffer_append_format(out, "{\"v\":1,\"usable\":%s", truth(from->problems.count == 0));
    write_text("model", from->directory, out);
    write_text("purpose", from->family.purpose, out);
    if (from->has_config) {
        write_config(from, out);
        write_parameters(&from->parameters, out);
    }
    if (from->index != NULL) {
        write_tensors(from, out);
    }
    if (from->tokenizer != NULL) {
        write_tokenizer(from->tokenizer, out);
    }
    if (from->has_generation) {
        write_generation(from, out);
    }
    write_files(from, out);
    write_warnings(&from->warnings, out);
    sg_inspection_write_problems_json(&from->problems, out);
    (void)sg_buffer_append_text(out, "}\n");
}
