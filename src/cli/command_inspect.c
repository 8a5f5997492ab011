/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: what a model directory or one safetensors file holds, and what is wrong with it.
 *
 * A directory is looked at part by part (config.json, generation settings, weights, tokenizer), and
 * a part that fails is a problem of the report, so that one broken file does not hide the others.
 * Weights are not read unless their sums are asked for. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "model/model.h"
#include "storage/digest.h"
#include "storage/json_writer.h"
#include "storage/mapped_file.h"
#include "storage/model_locator.h"
#include "storage/safetensors.h"
#include "text/tokenizer.h"

#define MAX_REPORT_BYTES ((size_t)64 << 20)

enum {
#define COUNT_DTYPE(name, bits) +1
    DTYPE_COUNT = 0 SG_DTYPE_LIST(COUNT_DTYPE)
#undef COUNT_DTYPE
};

/* Tensors of one type. */
typedef struct type_total {
    size_t tensors;
    uint64_t bytes;
    uint64_t elements;
} type_total;

typedef struct inspect_run {
    const sg_cli_options *options;
    sg_log log;
    bool json;
    sg_buffer out;      /* the report */
    sg_buffer problems; /* lines, or elements of a JSON list */
    size_t problem_count;
    type_total totals[DTYPE_COUNT];
} inspect_run;

/* --- problems --- */

/* Keep a failure as a problem; what cannot be reported (no memory) is returned. */
static sg_status keep_problem(inspect_run *run, sg_status status, const sg_error *error) {
    if (status == SG_STATUS_OK || status == SG_STATUS_MEMORY) {
        return status;
    }
    if (run->json) {
        (void)sg_buffer_append_text(&run->problems,
                                    run->problem_count == 0 ? "{\"problem\":" : ",{\"problem\":");
        sg_json_write_string(&run->problems, error->message, strlen(error->message));
        (void)sg_buffer_append_text(&run->problems, ",\"hint\":");
        sg_json_write_string(&run->problems, error->hint, strlen(error->hint));
        (void)sg_buffer_append_text(&run->problems, "}");
    } else {
        (void)sg_buffer_append_format(&run->problems, "problem: %s\n", error->message);
        if (error->hint[0] != '\0') {
            (void)sg_buffer_append_format(&run->problems, "hint: %s\n", error->hint);
        }
    }
    run->problem_count++;
    return SG_STATUS_OK;
}

/* --- tensors --- */

static uint64_t elements_of(const sg_tensor *tensor) {
    uint64_t count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        count *= tensor->shape[i]; /* checked against the file's size by the reader */
    }
    return count;
}

static void add_tensor(inspect_run *run, const sg_tensor *tensor) {
    type_total *total = &run->totals[tensor->dtype];
    total->tensors++;
    total->bytes += tensor->size;
    total->elements += elements_of(tensor);
}

static void append_shape(const sg_tensor *tensor, const char *between, sg_buffer *out) {
    (void)sg_buffer_append_text(out, "[");
    for (size_t i = 0; i < tensor->rank; i++) {
        (void)sg_buffer_append_format(out, "%s%" PRIu64, i == 0 ? "" : between, tensor->shape[i]);
    }
    (void)sg_buffer_append_text(out, "]");
}

static type_total sum_of(const inspect_run *run) {
    type_total sum = {0, 0, 0};
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        sum.tensors += run->totals[dtype].tensors;
        sum.bytes += run->totals[dtype].bytes;
        sum.elements += run->totals[dtype].elements;
    }
    return sum;
}

static void append_totals_text(inspect_run *run) {
    type_total sum = sum_of(run);
    (void)sg_buffer_append_format(&run->out,
                                  "tensors:     %zu, %" PRIu64 " bytes, %" PRIu64 " parameters\n",
                                  sum.tensors, sum.bytes, sum.elements);
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        const type_total *total = &run->totals[dtype];
        if (total->tensors > 0) {
            (void)sg_buffer_append_format(&run->out, "  %-9s  %zu, %" PRIu64 " bytes\n",
                                          sg_dtype_name((sg_dtype)dtype), total->tensors,
                                          total->bytes);
        }
    }
}

static void append_totals_json(inspect_run *run) {
    type_total sum = sum_of(run);
    const char *comma = "";
    (void)sg_buffer_append_format(
        &run->out, ",\"tensors\":%zu,\"bytes\":%" PRIu64 ",\"parameters\":%" PRIu64 ",\"types\":{",
        sum.tensors, sum.bytes, sum.elements);
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        const type_total *total = &run->totals[dtype];
        if (total->tensors > 0) {
            (void)sg_buffer_append_format(
                &run->out, "%s\"%s\":{\"tensors\":%zu,\"bytes\":%" PRIu64 "}", comma,
                sg_dtype_name((sg_dtype)dtype), total->tensors, total->bytes);
            comma = ",";
        }
    }
    (void)sg_buffer_append_text(&run->out, "}");
}

static void append_totals(inspect_run *run) {
    if (run->json) {
        append_totals_json(run);
    } else {
        append_totals_text(run);
    }
}

/* --- one safetensors file --- */

static void append_tensor(inspect_run *run, const sg_tensor *tensor, bool first) {
    const char *type = sg_dtype_name(tensor->dtype);
    if (!run->json) {
        (void)sg_buffer_append_format(&run->out, "%s\t%s\t", tensor->name, type);
        append_shape(tensor, ", ", &run->out);
        (void)sg_buffer_append_format(&run->out, "\t%zu\n", tensor->size);
        return;
    }
    (void)sg_buffer_append_text(&run->out, first ? "{\"name\":" : ",{\"name\":");
    sg_json_write_string(&run->out, tensor->name, strlen(tensor->name));
    (void)sg_buffer_append_format(&run->out, ",\"type\":\"%s\",\"shape\":", type);
    append_shape(tensor, ",", &run->out);
    (void)sg_buffer_append_format(&run->out, ",\"bytes\":%zu}", tensor->size);
}

static sg_status append_sum(inspect_run *run, const char *path, const char *name, sg_error *error) {
    char sum[SG_DIGEST_HEX_SIZE];
    SG_TRY(sg_digest_sha256_file(path, sum, error));
    if (run->json) {
        (void)sg_buffer_append_format(&run->out, ",\"sha256\":\"%s\"", sum);
    } else {
        (void)sg_buffer_append_format(&run->out, "sha256:      %s  %s\n", sum, name);
    }
    return SG_STATUS_OK;
}

static sg_status list_tensors(inspect_run *run, const char *path, const sg_mapped_file *mapped,
                              sg_error *error) {
    sg_safetensors *file = NULL;
    SG_TRY(sg_safetensors_open(path, mapped->data, mapped->size, &file, error));
    for (size_t i = 0; i < sg_safetensors_count(file); i++) {
        const sg_tensor *tensor = sg_safetensors_at(file, i);
        append_tensor(run, tensor, i == 0);
        add_tensor(run, tensor);
    }
    sg_safetensors_close(file);
    return SG_STATUS_OK;
}

static sg_status inspect_file(inspect_run *run, const char *path, sg_error *error) {
    sg_error failure = {.code = SG_STATUS_OK};
    sg_mapped_file mapped;
    sg_status status;
    if (run->json) {
        (void)sg_buffer_append_text(&run->out, "{\"v\":1,\"file\":");
        sg_json_write_string(&run->out, path, strlen(path));
        (void)sg_buffer_append_text(&run->out, ",\"list\":[");
    }
    status = sg_mapped_file_open(path, &mapped, &failure);
    if (status == SG_STATUS_OK) {
        status = list_tensors(run, path, &mapped, &failure);
    }
    sg_mapped_file_close(&mapped);
    (void)sg_buffer_append_text(&run->out, run->json ? "]" : "");
    if (status == SG_STATUS_OK) {
        append_totals(run);
    }
    if (status == SG_STATUS_OK && run->options->checksum) {
        status = append_sum(run, path, path, &failure);
    }
    status = keep_problem(run, status, &failure);
    if (status != SG_STATUS_OK) {
        *error = failure;
    }
    return status;
}

/* --- a directory --- */

/* Everything that was found; parts that failed stay zero. */
typedef struct model_parts {
    sg_model_config config;
    sg_generation_config generation;
    sg_shard_index *index;
    sg_weights weights;
    sg_tokenizer *tokenizer;
    bool has_config, has_generation;
} model_parts;

static void clear_parts(model_parts *parts) {
    sg_weights_clear(&parts->weights);
    sg_shard_index_close(parts->index);
    sg_tokenizer_close(parts->tokenizer);
}

/* Open part by part. */
static sg_status open_parts(inspect_run *run, const char *directory, model_parts *parts,
                            sg_error *error) {
    sg_status status = sg_model_config_read(directory, &parts->config, error);
    parts->has_config = status == SG_STATUS_OK;
    SG_TRY(keep_problem(run, status, error));
    if (parts->has_config) {
        status = sg_generation_config_read(directory, NULL, &parts->config, &run->log,
                                           &parts->generation, error);
        parts->has_generation = status == SG_STATUS_OK;
        SG_TRY(keep_problem(run, status, error));
    }
    SG_TRY(keep_problem(run, sg_shard_index_open(directory, &parts->index, error), error));
    if (parts->has_config && parts->index != NULL) {
        SG_TRY(keep_problem(
            run, sg_weights_bind(&parts->config, parts->index, &run->log, &parts->weights, error),
            error));
    }
    return keep_problem(run, sg_tokenizer_open(directory, &parts->tokenizer, error), error);
}

static const char *type_name(const sg_model_config *config) {
    return config->type == SG_MODEL_TYPE_SWITCH ? "switch_transformers" : "t5";
}

/* "12: 1 3 5 7 9 11 sparse", or in JSON "[1,3,...]". */
static void append_sparse(inspect_run *run, const sg_model_config *config, sg_stack stack) {
    const char *between = "";
    for (size_t block = 0; block < config->stacks[stack].num_layers; block++) {
        if (sg_model_config_is_sparse(config, stack, block)) {
            (void)sg_buffer_append_format(&run->out, "%s%zu", between, block);
            between = run->json ? "," : " ";
        }
    }
    if (between[0] == '\0' && !run->json) {
        (void)sg_buffer_append_text(&run->out, "none");
    }
}

static void append_config_text(inspect_run *run, const sg_model_config *config) {
    sg_buffer *out = &run->out;
    (void)sg_buffer_append_format(out, "type:        %s\n", type_name(config));
    (void)sg_buffer_append_format(
        out, "sizes:       d_model %zu, heads %zu x %zu, d_ff %zu%s, vocabulary %zu\n",
        config->d_model, config->num_heads, config->d_kv, config->d_ff,
        config->is_gated ? " gated" : "", config->vocab_size);
    for (int stack = SG_STACK_ENCODER; stack <= SG_STACK_DECODER; stack++) {
        (void)sg_buffer_append_format(
            out, "%s:     %zu blocks, sparse: ", sg_stack_name((sg_stack)stack),
            config->stacks[stack].num_layers);
        append_sparse(run, config, (sg_stack)stack);
        (void)sg_buffer_append_text(out, "\n");
    }
    if (config->num_experts > 0) {
        (void)sg_buffer_append_format(out, "experts:     %zu, capacity %" PRId64 "%s\n",
                                      config->num_experts, config->expert_capacity,
                                      config->router_bias ? ", router bias" : "");
    }
    (void)sg_buffer_append_format(out, "embeddings:  %s\n",
                                  config->tie_word_embeddings ? "tied" : "untied");
}

static void append_config_json(inspect_run *run, const sg_model_config *config) {
    sg_buffer *out = &run->out;
    (void)sg_buffer_append_format(
        out,
        ",\"config\":{\"model_type\":\"%s\",\"d_model\":%zu,\"num_heads\":%zu,\"d_kv\":%zu,\"d_"
        "ff\":%zu,"
        "\"is_gated\":%s,\"vocab_size\":%zu,\"num_experts\":%zu,\"expert_capacity\":%" PRId64
        ",\"router_bias\":%s,\"tie_word_embeddings\":%s",
        type_name(config), config->d_model, config->num_heads, config->d_kv, config->d_ff,
        config->is_gated ? "true" : "false", config->vocab_size, config->num_experts,
        config->expert_capacity, config->router_bias ? "true" : "false",
        config->tie_word_embeddings ? "true" : "false");
    for (int stack = SG_STACK_ENCODER; stack <= SG_STACK_DECODER; stack++) {
        (void)sg_buffer_append_format(out, ",\"%s\":{\"blocks\":%zu,\"sparse\":[",
                                      sg_stack_name((sg_stack)stack),
                                      config->stacks[stack].num_layers);
        append_sparse(run, config, (sg_stack)stack);
        (void)sg_buffer_append_text(out, "]}");
    }
    (void)sg_buffer_append_text(out, "}");
}

static void append_generation(inspect_run *run, const sg_generation_config *generation) {
    sg_buffer *out = &run->out;
    if (run->json) {
        (void)sg_buffer_append_format(
            out, ",\"generation\":{\"decoder_start_token_id\":%" PRId32 ",\"eos_token_id\":",
            generation->decoder_start_token_id);
        sg_json_write_ids(out, generation->eos_token_ids, generation->eos_token_id_count);
        (void)sg_buffer_append_text(out, "}");
        return;
    }
    (void)sg_buffer_append_format(out, "generation:  start token %" PRId32 ", end tokens ",
                                  generation->decoder_start_token_id);
    sg_json_write_ids(out, generation->eos_token_ids, generation->eos_token_id_count);
    (void)sg_buffer_append_text(out, "\n");
}

static void append_tokenizer(inspect_run *run, const sg_tokenizer *tokenizer) {
    int32_t sentinels = sg_tokenizer_sentinel_count(tokenizer);
    int32_t pieces = sg_tokenizer_size(tokenizer) - sentinels;
    (void)sg_buffer_append_format(&run->out,
                                  run->json ? ",\"tokenizer\":{\"pieces\":%" PRId32
                                              ",\"sentinels\":%" PRId32
                                              ",\"model_max_length\":%" PRId64 "}"
                                            : "tokenizer:   %" PRId32 " pieces, %" PRId32
                                              " sentinels, model_max_length %" PRId64 "\n",
                                  pieces, sentinels, sg_tokenizer_model_max_length(tokenizer));
}

static sg_status append_files(inspect_run *run, const char *directory, sg_error *error) {
    sg_model_files files;
    sg_status status = sg_model_files_list(directory, &files, error);
    (void)sg_buffer_append_text(&run->out, run->json ? ",\"files\":[" : "");
    for (size_t i = 0; i < files.count && status == SG_STATUS_OK; i++) {
        const sg_model_file *file = &files.items[i];
        char path[4096];
        if (run->json) {
            (void)sg_buffer_append_text(&run->out, i == 0 ? "{\"name\":" : ",{\"name\":");
            sg_json_write_string(&run->out, file->name, strlen(file->name));
            (void)sg_buffer_append_format(&run->out, ",\"bytes\":%" PRIu64, file->bytes);
        } else {
            (void)sg_buffer_append_format(&run->out, "file:        %s, %" PRIu64 " bytes\n",
                                          file->name, file->bytes);
        }
        if (run->options->checksum) {
            status = sg_model_files_path(directory, file->name, path, sizeof path, error);
            status = status == SG_STATUS_OK ? append_sum(run, path, file->name, error) : status;
        }
        (void)sg_buffer_append_text(&run->out, run->json ? "}" : "");
    }
    (void)sg_buffer_append_text(&run->out, run->json ? "]" : "");
    sg_model_files_clear(&files);
    return status;
}

static sg_status inspect_directory(inspect_run *run, const char *directory, sg_error *error) {
    model_parts parts;
    sg_status status;
    memset(&parts, 0, sizeof parts);
    if (run->json) {
        (void)sg_buffer_append_text(&run->out, "{\"v\":1,\"model\":");
        sg_json_write_string(&run->out, directory, strlen(directory));
    } else {
        (void)sg_buffer_append_format(&run->out, "model:       %s\n", directory);
    }
    status = open_parts(run, directory, &parts, error);
    if (parts.has_config && run->json) {
        append_config_json(run, &parts.config);
    } else if (parts.has_config) {
        append_config_text(run, &parts.config);
    }
    for (size_t i = 0; parts.index != NULL && i < sg_shard_index_count(parts.index); i++) {
        add_tensor(run, sg_shard_index_at(parts.index, i));
    }
    if (parts.index != NULL) {
        append_totals(run);
    }
    if (parts.tokenizer != NULL) {
        append_tokenizer(run, parts.tokenizer);
    }
    if (parts.has_generation) {
        append_generation(run, &parts.generation);
    }
    clear_parts(&parts);
    return status == SG_STATUS_OK ? append_files(run, directory, error) : status;
}

/* --- the command --- */

/* A path, or a model's name. */
static sg_status inspect_path(inspect_run *run, const char *path, sg_error *error) {
    sg_model_request request = {
        .name = path, .revision = run->options->revision, .needs_weights = false, .log = &run->log};
    struct stat found;
    char *directory = NULL;
    sg_status status;
    if (stat(path, &found) == 0 && !S_ISDIR(found.st_mode)) {
        return inspect_file(run, path, error);
    }
    SG_TRY(sg_model_locator_find(&request, &directory, error));
    status = inspect_directory(run, directory, error);
    sg_memory_free(directory);
    return status;
}

static void append_problems(inspect_run *run) {
    if (run->json) {
        (void)sg_buffer_append_text(&run->out, ",\"problems\":[");
    } else if (run->problem_count == 0) {
        (void)sg_buffer_append_text(&run->out, "problems:    none\n");
    }
    (void)sg_buffer_append(&run->out, run->problems.data, run->problems.length);
    (void)sg_buffer_append_text(&run->out, run->json ? "]}\n" : "");
}

sg_exit_code sg_command_inspect(sg_cli_context *context) {
    sg_error error = {.code = SG_STATUS_OK};
    sg_exit_code code;
    inspect_run run = {.options = context->options,
                       .log = sg_console_log(context->console),
                       .json = context->options->format == SG_CLI_FORMAT_JSON};
    sg_buffer_init(&run.out, MAX_REPORT_BYTES);
    sg_buffer_init(&run.problems, MAX_REPORT_BYTES);
    if (inspect_path(&run, context->options->operands[0], &error) != SG_STATUS_OK) {
        code = sg_command_fail(context, &error);
    } else {
        append_problems(&run);
        if (run.out.status == SG_STATUS_OK) {
            run.out.status = run.problems.status;
        }
        code = sg_command_print(context, &run.out);
        code = code == SG_EXIT_CODE_OK && run.problem_count > 0 ? SG_EXIT_CODE_MODEL : code;
    }
    sg_buffer_clear(&run.problems);
    sg_buffer_clear(&run.out);
    return code;
}
