/* SPDX-License-Identifier: Apache-2.0 */
/* verify --record: an expectation file from this program's own results, of the texts of -f or of
 * another such file. Every setting is written as the engine resolved it, so that running the file
 * needs neither options nor generation_config.json. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <switchgen/version.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "cli/commands.h"
#include "cli/engine_setup.h"
#include "cli/expectation.h"
#include "cli/input.h"
#include "cli/model_files.h"
#include "cli/output.h"
#include "infill/request.h"
#include "storage/digest.h"
#include "storage/json_writer.h"

#define MAX_FILE_BYTES SG_EXPECTATION_MAX_FILE_BYTES

typedef struct record_run {
    sg_cli_context *context;
    const sg_cli_options *options;
    sg_engine_setup setup;
    sg_output output;
    sg_buffer cases; /* the file's lines after the header */
    size_t case_count;
    size_t failed;
} record_run;

/* --- one case --- */

/* The fewest digits that read back as `value`. */
static void append_f64(sg_buffer *out, double value) {
    char text[64];
    for (int digits = 1; digits <= 17; digits++) {
        double back = 0;
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (sg_number_parse_f64(text, strlen(text), &back) && !(back < value) && !(back > value)) {
            break;
        }
    }
    (void)sg_buffer_append_text(out, text);
}

static const char *early_stopping_json(sg_early_stopping early_stopping) {
    switch (early_stopping) {
    case SG_EARLY_STOPPING_TRUE:
        return "true";
    case SG_EARLY_STOPPING_NEVER:
        return "\"never\"";
    default:
        return "false";
    }
}

static void append_settings(const sg_request *request, sg_buffer *out) {
    const sg_search_options *settings = &request->settings;
    (void)sg_buffer_append_format(
        out,
        ",\"options\":{\"num_beams\":%zu,\"num_return_sequences\":%zu,\"min_new_tokens\":%zu,"
        "\"min_length\":%zu,\"no_repeat_ngram_size\":%zu,\"length_penalty\":",
        settings->num_beams, settings->num_return_sequences, settings->min_new_tokens,
        settings->min_length, settings->no_repeat_ngram_size);
    append_f64(out, settings->length_penalty);
    (void)sg_buffer_append_text(out, ",\"repetition_penalty\":");
    append_f64(out, settings->repetition_penalty);
    (void)sg_buffer_append_format(
        out, ",\"early_stopping\":%s,\"max_new_tokens\":%zu,\"eos_token_id\":",
        early_stopping_json(settings->early_stopping), settings->max_new_tokens);
    sg_json_write_ids(out, request->end_ids, request->end_count);
    (void)sg_buffer_append_format(
        out, ",\"decoder_start_token_id\":%" PRId32 ",\"stop_at_last_blank\":%s}",
        settings->start_token, request->options.stop_at_last_blank ? "true" : "false");
}

static void append_output(const sg_candidate *candidate, sg_buffer *out) {
    (void)sg_buffer_append_text(out, "\"ids\":");
    sg_json_write_ids(out, candidate->ids, candidate->id_count);
    (void)sg_buffer_append_text(out, ",\"raw\":");
    sg_json_write_string(out, candidate->raw, candidate->raw_length);
    (void)sg_buffer_append_text(out, ",\"logprob\":");
    sg_json_write_f32(out, candidate->logprob);
    (void)sg_buffer_append_text(out, ",\"score\":");
    sg_json_write_f32(out, candidate->score);
}

static void append_case(sg_text text, const sg_request *request, const sg_result *result,
                        sg_buffer *out) {
    (void)sg_buffer_append_text(out, "{\"text\":");
    sg_json_write_string(out, text.bytes, text.length);
    append_settings(request, out);
    (void)sg_buffer_append_text(out, ",\"input_ids\":");
    sg_json_write_ids(out, result->input_ids, result->input_tokens);
    (void)sg_buffer_append_text(out, ",");
    append_output(&result->candidates[0], out);
    (void)sg_buffer_append_text(out, ",\"margins\":[");
    for (size_t i = 0; i < result->margin_count; i++) {
        (void)sg_buffer_append_text(out, i == 0 ? "" : ",");
        sg_json_write_f32(out, result->margins[i]);
    }
    (void)sg_buffer_append_text(out, "]");
    for (size_t i = 0; i < result->candidate_count && result->candidate_count > 1; i++) {
        (void)sg_buffer_append_text(out, i == 0 ? ",\"candidates\":[{" : ",{");
        append_output(&result->candidates[i], out);
        (void)sg_buffer_append_text(out, "}");
    }
    (void)sg_buffer_append_text(out, result->candidate_count > 1 ? "]}\n" : "}\n");
}

static sg_status record_text(record_run *run, sg_text text, const sg_infill_options *options,
                             sg_error *error) {
    sg_request request;
    sg_result *result = NULL;
    sg_status status;
    if (memchr(text.bytes, '\0', text.length) != NULL) {
        return sg_error_set(error, SG_STATUS_BAD_RECORD,
                            "the text holds a NUL, which an expectation file cannot");
    }
    status = sg_request_prepare(run->setup.engine, text, options, &request, error);
    if (status == SG_STATUS_OK) {
        status = sg_session_fill(run->setup.session, text, options, &result, error);
    }
    if (status == SG_STATUS_OK) {
        append_case(text, &request, result, &run->cases);
        run->case_count++;
        status = run->cases.status;
    }
    sg_result_destroy(result);
    sg_request_clear(&request);
    return status;
}

/* A text that fails has no place in the file; it is reported and left out. */
static sg_status record_or_report(record_run *run, sg_text text, const sg_infill_options *options,
                                  const char *where, sg_error *error) {
    sg_error failure = {.code = SG_STATUS_OK};
    sg_status status = record_text(run, text, options, &failure);
    failure.code = status;
    if (status == SG_STATUS_OK || status == SG_STATUS_STOPPED) {
        return SG_STATUS_OK; /* stopped: the loop ends, and no file is written */
    }
    if (sg_command_is_record_failure(status)) {
        sg_console_error(run->context->console, where, &failure);
        run->failed++;
        return SG_STATUS_OK;
    }
    *error = failure;
    return sg_error_prefix(error, status, "%s", where);
}

/* --- the texts --- */

static sg_status record_prompts(record_run *run, sg_input *input, sg_error *error) {
    sg_infill_options options = sg_cli_options_infill(run->options);
    sg_input_record record;
    bool found = false;
    options.stop = sg_command_stop(run->context);
    SG_TRY(sg_input_next(input, &record, &found, error));
    while (found) {
        sg_text text = {.bytes = record.text, .length = record.length};
        if (record.status != SG_STATUS_OK) {
            sg_console_error(run->context->console, record.where, &record.error);
            run->failed++;
        } else if (!record.empty) {
            SG_TRY(record_or_report(run, text, &options, record.where, error));
        }
        SG_TRY(sg_input_next(input, &record, &found, error));
    }
    return SG_STATUS_OK;
}

static sg_status record_cases(record_run *run, sg_expectation_file *file, sg_error *error) {
    sg_expectation_case one_case;
    bool found = false;
    SG_TRY(sg_expectation_next(file, &one_case, &found, error));
    while (found && !sg_input_stop_requested(run->context->stop_descriptor)) {
        sg_text text = {.bytes = one_case.text, .length = strlen(one_case.text)};
        char where[SG_INPUT_WHERE_SIZE];
        sg_status status;
        (void)snprintf(where, sizeof where, "%s:%zu", file->path, one_case.line);
        one_case.options.stop = sg_command_stop(run->context);
        one_case.options.max_input_tokens = (size_t)run->options->max_input_tokens;
        status = record_or_report(run, text, &one_case.options, where, error);
        sg_expectation_case_clear(&one_case);
        SG_TRY(status);
        SG_TRY(sg_expectation_next(file, &one_case, &found, error));
    }
    sg_expectation_case_clear(&one_case);
    return SG_STATUS_OK;
}

/* --- the file --- */

static sg_status append_model(const record_run *run, sg_buffer *out, sg_error *error) {
    const char *directory = run->setup.directory;
    const char *slash = strrchr(directory, '/');
    const char *name = slash == NULL || slash[1] == '\0' ? directory : slash + 1;
    sg_model_files files;
    sg_status status = sg_model_files_list(directory, &files, error);
    (void)sg_buffer_append_text(out, "{\"name\":");
    sg_json_write_string(out, name, strlen(name));
    (void)sg_buffer_append_text(out, ",\"files\":[");
    for (size_t i = 0; i < files.count && status == SG_STATUS_OK; i++) {
        char path[4096];
        char sum[SG_DIGEST_HEX_SIZE];
        status = sg_model_files_path(directory, files.items[i].name, path, sizeof path, error);
        if (status == SG_STATUS_OK) {
            status = sg_digest_sha256_file(path, sum, error);
        }
        if (status == SG_STATUS_OK) {
            (void)sg_buffer_append_text(out, i == 0 ? "{\"name\":" : ",{\"name\":");
            sg_json_write_string(out, files.items[i].name, strlen(files.items[i].name));
            (void)sg_buffer_append_format(out, ",\"bytes\":%" PRIu64 ",\"sha256\":\"%s\"}",
                                          files.items[i].bytes, sum);
        }
    }
    (void)sg_buffer_append_text(out, "]}");
    sg_model_files_clear(&files);
    return status;
}

static sg_status write_file(record_run *run, sg_error *error) {
    sg_buffer header;
    sg_status status;
    if (run->case_count == 0) {
        return sg_error_set(error, SG_STATUS_ARGUMENT,
                            "no case to record: every text failed or none was given");
    }
    sg_buffer_init(&header, MAX_FILE_BYTES);
    (void)sg_buffer_append_format(
        &header, "{\"v\":1,\"cases\":%zu,\"made_by\":\"switch-gen " SG_VERSION "\",\"model\":",
        run->case_count);
    status = append_model(run, &header, error);
    (void)sg_buffer_append_text(&header, "}\n");
    if (status == SG_STATUS_OK && header.status != SG_STATUS_OK) {
        status = sg_memory_error(error, "the header", header.length);
    }
    if (status == SG_STATUS_OK) {
        status = sg_output_write(&run->output, header.data, header.length, error);
    }
    sg_buffer_clear(&header);
    SG_TRY(status);
    SG_TRY(sg_output_write(&run->output, run->cases.data, run->cases.length, error));
    return sg_output_finish(&run->output, error);
}

static sg_status open_model(record_run *run, bool own_settings, sg_error *error) {
    sg_engine_options engine_options =
        sg_cli_options_engine(run->options, sg_console_log(run->context->console));
    engine_options.generation_config = own_settings ? NULL : "none";
    return sg_engine_setup_open(run->options, &engine_options, own_settings, &run->setup, error);
}

static sg_status run_prompts(record_run *run, sg_error *error) {
    sg_input_source source = {.files = run->options->files,
                              .file_count = run->options->file_count,
                              .null_records = run->options->null_records,
                              .stop_descriptor = run->context->stop_descriptor};
    sg_input input;
    sg_status status = sg_input_open(&input, &source, error);
    if (status == SG_STATUS_OK) {
        status = sg_output_open(&run->output, run->options->record, &input, error);
    }
    if (status == SG_STATUS_OK) {
        status = open_model(run, true, error);
    }
    if (status == SG_STATUS_OK) {
        status = record_prompts(run, &input, error);
    }
    sg_input_clear(&input);
    return status;
}

static sg_status run_cases(record_run *run, sg_error *error) {
    sg_expectation_file file;
    sg_status status = sg_expectation_open(run->options->operands[0], &file, error);
    if (status == SG_STATUS_OK) {
        status = sg_output_open(&run->output, run->options->record, NULL, error);
    }
    if (status == SG_STATUS_OK) {
        status = open_model(run, false, error);
    }
    if (status == SG_STATUS_OK) {
        status = record_cases(run, &file, error);
    }
    sg_expectation_close(&file);
    return status;
}

sg_exit_code sg_command_record(sg_cli_context *context) {
    sg_error error = {.code = SG_STATUS_OK};
    sg_exit_code code;
    sg_status status;
    record_run run = {
        .context = context, .options = context->options, .output = {.descriptor = -1}};
    sg_buffer_init(&run.cases, MAX_FILE_BYTES);
    status = context->options->file_count > 0 ? run_prompts(&run, &error) : run_cases(&run, &error);
    if (status == SG_STATUS_OK && !sg_input_stop_requested(context->stop_descriptor)) {
        status = write_file(&run, &error);
    }
    context->reader_closed = run.output.reader_closed;
    if (status != SG_STATUS_OK) {
        code = context->reader_closed ? SG_EXIT_CODE_WORK : sg_command_fail(context, &error);
    } else {
        code = run.failed > 0 ? SG_EXIT_CODE_RECORDS : SG_EXIT_CODE_OK;
    }
    sg_buffer_clear(&run.cases);
    sg_engine_setup_clear(&run.setup);
    sg_output_clear(&run.output);
    return code;
}
