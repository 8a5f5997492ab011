/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: what a model's directory or one safetensors file holds, and what is wrong with it. A
 * problem is part of the report; only a report that cannot be made is an error. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/inspection.h"
#include "cli/inspection_report.h"
#include "storage/digest.h"
#include "storage/json_reader.h"
#include "storage/json_writer.h"
#include "storage/mapped_file.h"
#include "storage/model_locator.h"
#include "storage/safetensors.h"

#define MAX_REPORT_BYTES ((size_t)256 << 20)
#define HEADER_OFFSET 8u /* of a safetensors file's JSON; its length stands before it */

/* One report on its way. */
typedef struct inspect_run {
    bool json;
    bool usable;
    const sg_cli_options *options;
    sg_log log;
    sg_buffer out;
} inspect_run;

/* --- one safetensors file --- */

static void append_tensor(inspect_run *run, const sg_tensor *tensor, bool first) {
    const char *type = sg_dtype_name(tensor->dtype);
    if (!run->json) {
        (void)sg_buffer_append_format(&run->out, "%s\t%s\t", tensor->name, type);
        sg_inspection_write_shape(tensor, ", ", &run->out);
        (void)sg_buffer_append_format(&run->out, "\t%zu\n", tensor->size);
        return;
    }
    (void)sg_buffer_append_text(&run->out, first ? "{\"name\":" : ",{\"name\":");
    sg_json_write_string(&run->out, tensor->name, strlen(tensor->name));
    (void)sg_buffer_append_format(&run->out, ",\"type\":\"%s\",\"shape\":", type);
    sg_inspection_write_shape(tensor, ",", &run->out);
    (void)sg_buffer_append_format(&run->out, ",\"bytes\":%zu}", tensor->size);
}

static bool is_metadata(const sg_json_reader *reader) {
    static const char key[] = "__metadata__";
    return reader->text_length == sizeof key - 1 && memcmp(reader->text, key, sizeof key - 1) == 0;
}

/* Append the members of the object that begins: texts by key. */
static sg_status append_members(inspect_run *run, sg_json_reader *reader, sg_error *error) {
    sg_json_event event;
    bool first = true;
    SG_TRY(sg_json_reader_next(reader, &event, error));
    for (;;) {
        SG_TRY(sg_json_reader_next(reader, &event, error));
        if (event == SG_JSON_EVENT_OBJECT_END) {
            return SG_STATUS_OK;
        }
        (void)sg_buffer_append_text(&run->out, run->json ? (first ? "" : ",") : "metadata:    ");
        sg_json_write_string(&run->out, reader->text, reader->text_length);
        (void)sg_buffer_append_text(&run->out, run->json ? ":" : " ");
        SG_TRY(sg_json_reader_next(reader, &event, error));
        sg_json_write_string(&run->out, reader->text, reader->text_length);
        (void)sg_buffer_append_text(&run->out, run->json ? "" : "\n");
        first = false;
    }
}

/* The header was checked when the file was opened: an object, with texts in __metadata__. */
static sg_status read_header(inspect_run *run, sg_json_reader *reader, sg_error *error) {
    sg_json_event event;
    SG_TRY(sg_json_reader_next(reader, &event, error));
    for (;;) {
        SG_TRY(sg_json_reader_next(reader, &event, error));
        if (event == SG_JSON_EVENT_OBJECT_END) {
            return SG_STATUS_OK;
        }
        if (is_metadata(reader)) {
            return append_members(run, reader, error);
        }
        SG_TRY(sg_json_reader_next(reader, &event, error));
        SG_TRY(sg_json_reader_skip(reader, event, error));
    }
}

static sg_status append_metadata(inspect_run *run, const sg_mapped_file *mapped, sg_error *error) {
    sg_json_reader reader;
    uint64_t length = 0;
    sg_status status;
    for (size_t i = 0; i < HEADER_OFFSET; i++) {
        length |= (uint64_t)mapped->data[i] << (8 * i);
    }
    (void)sg_buffer_append_text(&run->out, run->json ? ",\"metadata\":{" : "");
    sg_json_reader_init(&reader, (const char *)mapped->data + HEADER_OFFSET, (size_t)length);
    status = read_header(run, &reader, error);
    sg_json_reader_clear(&reader);
    (void)sg_buffer_append_text(&run->out, run->json ? "}" : "");
    return status;
}

static sg_status append_sum(inspect_run *run, const char *path, sg_error *error) {
    char sum[SG_DIGEST_HEX_SIZE];
    SG_TRY(sg_digest_sha256_file(path, sum, error));
    (void)sg_buffer_append_format(&run->out, run->json ? ",\"sha256\":\"%s\"" : "sha256:      %s\n",
                                  sum);
    return SG_STATUS_OK;
}

/* Everything about a file that is in order. */
static sg_status append_file(inspect_run *run, const char *path, const sg_mapped_file *mapped,
                             const sg_safetensors *file, sg_error *error) {
    sg_type_totals totals = {0};
    (void)sg_buffer_append_text(&run->out, run->json ? ",\"list\":[" : "");
    for (size_t i = 0; i < sg_safetensors_count(file); i++) {
        append_tensor(run, sg_safetensors_at(file, i), i == 0);
        sg_type_totals_add(&totals, sg_safetensors_at(file, i));
    }
    (void)sg_buffer_append_text(&run->out, run->json ? "]" : "");
    SG_TRY(append_metadata(run, mapped, error));
    if (run->json) {
        sg_inspection_write_totals_json(&totals, &run->out);
    } else {
        sg_inspection_write_totals_text(&totals, &run->out);
    }
    return run->options->checksum ? append_sum(run, path, error) : SG_STATUS_OK;
}

static sg_status open_file(inspect_run *run, const char *path, sg_error *error) {
    sg_safetensors *file = NULL;
    sg_mapped_file mapped;
    sg_status status = sg_mapped_file_open(path, &mapped, error);
    if (status == SG_STATUS_OK) {
        status = sg_safetensors_open(path, mapped.data, mapped.size, &file, error);
    }
    if (status == SG_STATUS_OK) {
        status = append_file(run, path, &mapped, file, error);
    }
    sg_safetensors_close(file);
    sg_mapped_file_close(&mapped);
    return status;
}

static sg_status inspect_file(inspect_run *run, const char *path, sg_error *error) {
    sg_problem_list problems = {0};
    sg_status status;
    if (run->json) {
        (void)sg_buffer_append_text(&run->out, "{\"v\":1,\"file\":");
        sg_json_write_string(&run->out, path, strlen(path));
    }
    status = open_file(run, path, error);
    if (status == SG_STATUS_MODEL || status == SG_STATUS_UNSUPPORTED) {
        (void)sg_problem_list_add(&problems, error->message,
                                  error->hint[0] != '\0'
                                      ? error->hint
                                      : "the file is no safetensors file, or damaged or cut short: "
                                        "download it again");
        status = problems.status;
    }
    run->usable = problems.count == 0;
    if (run->json) {
        sg_inspection_write_problems_json(&problems, &run->out);
        (void)sg_buffer_append_text(&run->out, "}\n");
    } else {
        sg_inspection_write_problems_text(&problems, &run->out);
    }
    sg_problem_list_clear(&problems);
    return status;
}

/* --- a directory --- */

static sg_status inspect_directory(inspect_run *run, const char *directory, sg_error *error) {
    sg_inspection inspection;
    sg_status status = sg_inspection_open(directory, run->options->checksum, &inspection, error);
    if (status == SG_STATUS_OK) {
        run->usable = inspection.problems.count == 0;
        if (run->json) {
            sg_inspection_write_json(&inspection, &run->out);
        } else {
            sg_inspection_write_text(&inspection, &run->out);
        }
    }
    sg_inspection_clear(&inspection);
    return status;
}

/* --- the command --- */

/* A path, or a model's name. A directory is taken as it is, also one that the locator would refuse.
 */
static sg_status inspect_path(inspect_run *run, const char *path, sg_error *error) {
    sg_model_request request = {
        .name = path, .revision = run->options->revision, .needs_weights = false, .log = &run->log};
    struct stat found;
    char *directory = NULL;
    sg_status status;
    if (stat(path, &found) == 0) {
        return S_ISDIR(found.st_mode) ? inspect_directory(run, path, error)
                                      : inspect_file(run, path, error);
    }
    SG_TRY(sg_model_locator_find(&request, &directory, error));
    status = inspect_directory(run, directory, error);
    sg_memory_free(directory);
    return status;
}

sg_exit_code sg_command_inspect(sg_cli_context *context) {
    sg_error error = {.code = SG_STATUS_OK};
    sg_exit_code code;
    inspect_run run = {.json = context->options->format == SG_CLI_FORMAT_JSON,
                       .options = context->options,
                       .log = sg_console_log(context->console)};
    sg_buffer_init(&run.out, MAX_REPORT_BYTES);
    if (inspect_path(&run, context->options->operands[0], &error) != SG_STATUS_OK) {
        code = sg_command_fail(context, &error);
    } else {
        code = sg_command_print(context, &run.out);
        code = code == SG_EXIT_CODE_OK && !run.usable ? SG_EXIT_CODE_MODEL : code;
    }
    sg_buffer_clear(&run.out);
    return code;
}
