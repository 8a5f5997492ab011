/* SPDX-License-Identifier: Apache-2.0 */
/* verify: every case of an expectation file is run with its own settings and compared; the report
 * lists each difference and counts. Nothing is printed before the last case, so a run that fails
 * prints no half report. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/comparison.h"
#include "cli/engine_setup.h"
#include "cli/expectation.h"
#include "cli/input.h"
#include "storage/json_writer.h"

#define MAX_REPORT_BYTES ((size_t)256 << 20)

typedef struct verify_run {
    sg_cli_context *context;
    const sg_cli_options *options;
    sg_expectation_file file;
    sg_engine_setup setup;
    sg_comparison *comparison;
    sg_buffer list; /* the differences, in the report's form */
    size_t listed;
    size_t cases, equal, near_ties, different;
} verify_run;

/* --- one difference --- */

static const char *kind_word(sg_difference_kind kind) {
    switch (kind) {
    case SG_DIFFERENCE_KIND_INPUT_IDS:
        return "input_ids";
    case SG_DIFFERENCE_KIND_IDS:
        return "ids";
    case SG_DIFFERENCE_KIND_RAW:
        return "raw";
    case SG_DIFFERENCE_KIND_LOGPROB:
        return "logprob";
    case SG_DIFFERENCE_KIND_SCORE:
        return "score";
    case SG_DIFFERENCE_KIND_COUNT:
        break;
    }
    return "candidates";
}

static bool has_ids(sg_difference_kind kind) {
    return kind == SG_DIFFERENCE_KIND_INPUT_IDS || kind == SG_DIFFERENCE_KIND_IDS;
}

/* 123 "▁man", or "the end". */
static void append_token(const verify_run *run, int32_t id, sg_buffer *out) {
    const char *piece = id < 0 ? NULL : sg_engine_piece(run->setup.engine, id);
    if (id < 0) {
        (void)sg_buffer_append_text(out, "the end");
    } else if (piece == NULL) {
        (void)sg_buffer_append_format(out, "%" PRId32, id);
    } else {
        (void)sg_buffer_append_format(out, "%" PRId32 " \"%s\"", id, piece);
    }
}

static void append_text_difference(verify_run *run, size_t line, const sg_difference *difference) {
    const sg_comparison *comparison = run->comparison;
    sg_buffer *out = &run->list;
    (void)sg_buffer_append_format(out, "%s:%zu: ", run->file.path, line);
    if (comparison->verdict == SG_VERDICT_NEAR_TIE) {
        (void)sg_buffer_append_format(out, "near tie (margin %.3g): ", comparison->margin);
    }
    if (difference->candidate > 0) {
        (void)sg_buffer_append_format(out, "candidate %zu: ", difference->candidate);
    }
    (void)sg_buffer_append_format(out, "%s", kind_word(difference->kind));
    if (has_ids(difference->kind)) {
        (void)sg_buffer_append_format(out, " differ at position %zu: expected ",
                                      difference->position);
        append_token(run, difference->expected_id, out);
        (void)sg_buffer_append_text(out, ", found ");
        append_token(run, difference->found_id, out);
    } else if (difference->kind == SG_DIFFERENCE_KIND_RAW) {
        (void)sg_buffer_append_format(out, " differs at byte %zu", difference->position);
    } else {
        (void)sg_buffer_append_format(out, ": expected %.9g, found %.9g", difference->expected,
                                      difference->found);
    }
    (void)sg_buffer_append_text(out, "\n");
}

static void append_json_token(const verify_run *run, const char *name, int32_t id, sg_buffer *out) {
    const char *piece = id < 0 ? NULL : sg_engine_piece(run->setup.engine, id);
    if (id < 0) {
        (void)sg_buffer_append_format(out, ",\"%s\":null,\"%s_piece\":null", name, name);
        return;
    }
    (void)sg_buffer_append_format(out, ",\"%s\":%" PRId32 ",\"%s_piece\":", name, id, name);
    if (piece == NULL) {
        (void)sg_buffer_append_text(out, "null");
    } else {
        sg_json_write_string(out, piece, strlen(piece));
    }
}

static void append_json_difference(verify_run *run, size_t line, const sg_difference *difference) {
    sg_buffer *out = &run->list;
    (void)sg_buffer_append_format(
        out, "%s{\"line\":%zu,\"near_tie\":%s,\"what\":\"%s\",\"candidate\":%zu",
        run->listed == 0 ? "" : ",", line,
        run->comparison->verdict == SG_VERDICT_NEAR_TIE ? "true" : "false",
        kind_word(difference->kind), difference->candidate);
    if (has_ids(difference->kind) || difference->kind == SG_DIFFERENCE_KIND_RAW) {
        (void)sg_buffer_append_format(out, ",\"position\":%zu", difference->position);
    }
    if (has_ids(difference->kind)) {
        append_json_token(run, "expected", difference->expected_id, out);
        append_json_token(run, "found", difference->found_id, out);
    } else if (difference->kind != SG_DIFFERENCE_KIND_RAW) {
        (void)sg_buffer_append_text(out, ",\"expected\":");
        sg_json_write_f32(out, (float)difference->expected);
        (void)sg_buffer_append_text(out, ",\"found\":");
        sg_json_write_f32(out, (float)difference->found);
    }
    (void)sg_buffer_append_text(out, "}");
}

static void list_difference(verify_run *run, size_t line, const sg_difference *difference) {
    if (run->options->format == SG_CLI_FORMAT_JSON) {
        append_json_difference(run, line, difference);
    } else {
        append_text_difference(run, line, difference);
    }
    run->listed++;
}

/* A case that cannot be run at all. */
static void list_failure(verify_run *run, size_t line, const sg_error *failure) {
    sg_buffer *out = &run->list;
    run->different++;
    if (run->options->format == SG_CLI_FORMAT_JSON) {
        (void)sg_buffer_append_format(
            out, "%s{\"line\":%zu,\"near_tie\":false,\"what\":\"failed\",\"message\":",
            run->listed == 0 ? "" : ",", line);
        sg_json_write_string(out, failure->message, strlen(failure->message));
        (void)sg_buffer_append_text(out, "}");
    } else {
        (void)sg_buffer_append_format(out, "%s:%zu: failed: %s\n", run->file.path, line,
                                      failure->message);
    }
    run->listed++;
}

/* --- one case --- */

/* All beams are asked for: those that the case does not name tell a swap from a new hypothesis. */
static sg_status run_case(verify_run *run, sg_expectation_case *one_case, sg_result **result,
                          sg_error *failure) {
    sg_text text = {.bytes = one_case->text, .length = strlen(one_case->text)};
    sg_infill_options options = one_case->options;
    options.decoding.num_return_sequences = options.decoding.num_beams;
    options.max_input_tokens = (size_t)run->options->max_input_tokens;
    options.stop = sg_command_stop(run->context);
    return sg_session_fill(run->setup.session, text, &options, result, failure);
}

static void count_and_list(verify_run *run, const sg_expectation_case *one_case,
                           const sg_result *result) {
    sg_comparison_limits limits = {.near_tie = run->options->near_tie,
                                   .score_tolerance = run->options->score_tolerance};
    sg_comparison_run(one_case, result, &limits, run->comparison);
    run->equal += run->comparison->verdict == SG_VERDICT_EQUAL ? 1 : 0;
    run->near_ties += run->comparison->verdict == SG_VERDICT_NEAR_TIE ? 1 : 0;
    run->different += run->comparison->verdict == SG_VERDICT_DIFFERENT ? 1 : 0;
    for (size_t i = 0; i < run->comparison->difference_count; i++) {
        list_difference(run, one_case->line, &run->comparison->differences[i]);
    }
}

static sg_status verify_case(verify_run *run, sg_expectation_case *one_case, sg_error *error) {
    sg_error failure = {.code = SG_STATUS_OK};
    sg_result *result = NULL;
    sg_status status = run_case(run, one_case, &result, &failure);
    run->cases++;
    if (status == SG_STATUS_OK) {
        count_and_list(run, one_case, result);
    } else if (status == SG_STATUS_STOPPED) {
        return SG_STATUS_OK; /* the loop ends, and no report is printed */
    } else if (sg_command_is_record_failure(status) || status == SG_STATUS_ARGUMENT) {
        list_failure(run, one_case->line, &failure);
    } else {
        *error = failure;
        return sg_error_prefix(error, status, "%s:%zu", run->file.path, one_case->line);
    }
    sg_result_destroy(result);
    return SG_STATUS_OK;
}

static sg_status verify_all(verify_run *run, sg_error *error) {
    sg_expectation_case one_case;
    bool found = false;
    SG_TRY(sg_expectation_next(&run->file, &one_case, &found, error));
    while (found && !sg_input_stop_requested(run->context->stop_descriptor)) {
        sg_status status = verify_case(run, &one_case, error);
        sg_expectation_case_clear(&one_case);
        SG_TRY(status);
        SG_TRY(sg_expectation_next(&run->file, &one_case, &found, error));
    }
    sg_expectation_case_clear(&one_case);
    return SG_STATUS_OK;
}

/* --- the report --- */

static bool too_many_near_ties(const verify_run *run) {
    const sg_cli_share *most = &run->options->max_near_ties;
    double ties = (double)run->near_ties;
    return most->percent ? ties * 100 > most->value * (double)run->cases : ties > most->value;
}

static void append_text_report(const verify_run *run, sg_buffer *out) {
    (void)sg_buffer_append(out, run->list.data, run->list.length);
    if (too_many_near_ties(run)) {
        (void)sg_buffer_append_format(out, "near ties: %zu, allowed at most %g%s\n", run->near_ties,
                                      run->options->max_near_ties.value,
                                      run->options->max_near_ties.percent ? "%" : "");
    }
    (void)sg_buffer_append_format(out, "%zu case%s: %zu equal, %zu near tie%s, %zu different\n",
                                  run->cases, run->cases == 1 ? "" : "s", run->equal,
                                  run->near_ties, run->near_ties == 1 ? "" : "s", run->different);
}

static void append_json_report(const verify_run *run, bool passed, sg_buffer *out) {
    (void)sg_buffer_append_text(out, "{\"v\":1,\"file\":");
    sg_json_write_string(out, run->file.path, strlen(run->file.path));
    (void)sg_buffer_append_text(out, ",\"model\":");
    sg_json_write_string(out, run->setup.directory, strlen(run->setup.directory));
    (void)sg_buffer_append_format(out,
                                  ",\"cases\":%zu,\"equal\":%zu,\"near_ties\":%zu,\"different\":%"
                                  "zu,\"passed\":%s,\"differences\":[",
                                  run->cases, run->equal, run->near_ties, run->different,
                                  passed ? "true" : "false");
    (void)sg_buffer_append(out, run->list.data, run->list.length);
    (void)sg_buffer_append_text(out, "]}\n");
}

static sg_exit_code print_report(verify_run *run) {
    bool passed = run->different == 0 && !too_many_near_ties(run);
    sg_exit_code code;
    sg_buffer out;
    sg_buffer_init(&out, MAX_REPORT_BYTES);
    if (run->options->format == SG_CLI_FORMAT_JSON) {
        append_json_report(run, passed, &out);
    } else {
        append_text_report(run, &out);
    }
    if (out.status == SG_STATUS_OK) {
        out.status = run->list.status; /* a list cut short must not pass for a whole one */
    }
    code = sg_command_print(run->context, &out);
    sg_buffer_clear(&out);
    return code == SG_EXIT_CODE_OK && !passed ? SG_EXIT_CODE_DIFFERENCE : code;
}

/* --- the command --- */

/* generation_config.json is not read: the cases say everything. */
static sg_status open_all(verify_run *run, sg_error *error) {
    sg_engine_options engine_options =
        sg_cli_options_engine(run->options, sg_console_log(run->context->console));
    engine_options.generation_config = "none";
    run->comparison = sg_memory_alloc(1, sizeof *run->comparison);
    if (run->comparison == NULL) {
        return sg_memory_error(error, "a comparison", sizeof *run->comparison);
    }
    SG_TRY(sg_expectation_open(run->options->operands[0], &run->file, error));
    SG_TRY(sg_engine_setup_find(run->options, true, NULL, &run->setup, error));
    if (!run->options->any_model) {
        SG_TRY(sg_expectation_check_model(&run->file, run->setup.directory, run->options->checksum,
                                          error));
    }
    sg_engine_setup_clear(&run->setup);
    return sg_engine_setup_open(run->options, &engine_options, false, &run->setup, error);
}

sg_exit_code sg_command_verify(sg_cli_context *context) {
    sg_error error = {.code = SG_STATUS_OK};
    sg_exit_code code;
    verify_run run = {.context = context, .options = context->options};
    sg_buffer_init(&run.list, MAX_REPORT_BYTES);
    if (open_all(&run, &error) != SG_STATUS_OK || verify_all(&run, &error) != SG_STATUS_OK) {
        code = sg_command_fail(context, &error);
    } else if (sg_input_stop_requested(context->stop_descriptor)) {
        code = SG_EXIT_CODE_WORK; /* main ends by the signal */
    } else {
        code = print_report(&run);
    }
    sg_buffer_clear(&run.list);
    sg_memory_free(run.comparison);
    sg_engine_setup_clear(&run.setup);
    sg_expectation_close(&run.file);
    return code;
}
