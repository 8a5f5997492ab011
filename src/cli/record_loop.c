/* SPDX-License-Identifier: Apache-2.0 */
/* A record that fails is answered too (an empty line or an error record) and the loop goes on; a
 * failure of the work itself ends it. Every answer is written before the next record is read. */
#include "cli/record_loop.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/output.h"

/* A record's answer: at most 64 hypotheses of a text of 256 KiB, and what JSON adds to it. */
#define MAX_ANSWER_BYTES ((size_t)512 << 20)

/* Everything that lives for the run. */
typedef struct loop_run {
    const sg_record_loop *loop;
    sg_cli_context *context;
    sg_input input;
    sg_output output;
    sg_engine_setup setup;
    sg_buffer answer;
    uint64_t records;
    uint64_t failed;
} loop_run;

/* Inputs first, then the output, then the model: what is wrong with the command line shows at once.
 */
static sg_status open_all(loop_run *run, sg_error *error) {
    const sg_cli_options *options = run->context->options;
    sg_input_source source = {.texts = options->operands,
                              .text_count = options->operand_count,
                              .files = options->files,
                              .file_count = options->file_count,
                              .dash_is_stdin = true,
                              .null_records = options->null_records,
                              .stop_descriptor = run->context->stop_descriptor};
    SG_TRY(sg_input_open(&run->input, &source, error));
    SG_TRY(sg_output_open(&run->output, options->output, &run->input, error));
    return sg_engine_setup_open(options, run->loop->engine_options, run->input.file_count > 0,
                                &run->setup, error);
}

static sg_status answered(const loop_run *run, sg_status status, sg_error *error) {
    if (status != SG_STATUS_OK) {
        return sg_memory_error(error, "an answer", run->answer.length);
    }
    return SG_STATUS_OK;
}

/* JSON records say why themselves; for the line forms standard error does. */
static sg_status answer_failure(loop_run *run, const sg_input_record *record,
                                const sg_error *failure, sg_error *error) {
    run->failed++;
    if (run->loop->style.format != SG_CLI_FORMAT_JSONL) {
        sg_console_error(run->context->console, record->where, failure);
    }
    sg_buffer_reset(&run->answer);
    return answered(run, sg_report_failure(&run->loop->style, record, failure, &run->answer),
                    error);
}

static sg_status answer_text(loop_run *run, const sg_input_record *record, sg_error *error) {
    sg_error failure = {.code = SG_STATUS_OK};
    sg_status status =
        run->loop->answer(run->loop->state, &run->setup, record, &run->answer, &failure);
    if (status == SG_STATUS_OK) {
        return SG_STATUS_OK;
    }
    failure.code = status;
    if (status == SG_STATUS_STOPPED) {
        sg_buffer_reset(&run->answer);
        return SG_STATUS_OK; /* half an answer is none; main ends by the signal */
    }
    if (sg_command_is_record_failure(status)) {
        return answer_failure(run, record, &failure, error);
    }
    *error = failure;
    return sg_error_prefix(error, status, "%s", record->where);
}

static sg_status answer_record(loop_run *run, const sg_input_record *record, sg_error *error) {
    sg_buffer_reset(&run->answer);
    run->records++;
    if (record->status != SG_STATUS_OK) {
        SG_TRY(answer_failure(run, record, &record->error, error));
    } else if (record->empty) {
        SG_TRY(answered(run, sg_report_empty(&run->loop->style, record, &run->answer), error));
    } else {
        SG_TRY(answer_text(run, record, error));
    }
    return sg_output_write(&run->output, run->answer.data, run->answer.length, error);
}

static sg_status answer_all(loop_run *run, sg_error *error) {
    sg_input_record record;
    bool found = false;
    SG_TRY(sg_input_next(&run->input, &record, &found, error));
    while (found) {
        SG_TRY(answer_record(run, &record, error));
        SG_TRY(sg_input_next(&run->input, &record, &found, error));
    }
    if (sg_input_stop_requested(run->context->stop_descriptor)) {
        return SG_STATUS_OK; /* a named output keeps its .part */
    }
    return sg_output_finish(&run->output, error);
}

static void say_how_many_failed(const loop_run *run) {
    sg_log log = sg_console_log(run->context->console);
    if (run->failed > 0 && run->loop->style.format == SG_CLI_FORMAT_JSONL) {
        sg_log_write(&log, SG_LOG_LEVEL_WARNING, "%" PRIu64 " of %" PRIu64 " records failed",
                     run->failed, run->records);
    }
}

/* What was used of the model, and what the disk had to do with it. */
static void say_what_was_used(const loop_run *run) {
    sg_log log = sg_console_log(run->context->console);
    struct rusage usage;
    if (run->setup.session == NULL || getrusage(RUSAGE_SELF, &usage) != 0) {
        return;
    }
    sg_statistics used = sg_session_statistics(run->setup.session);
    sg_log_write(&log, SG_LOG_LEVEL_INFO, "kernels: %s", used.kernels);
    sg_log_write(&log, SG_LOG_LEVEL_INFO,
                 "experts touched: %zu of %zu; read from disk: %.1f MB; major page faults: %ld",
                 used.experts_touched, used.experts, (double)usage.ru_inblock * 512.0 / 1e6,
                 usage.ru_majflt);
}

sg_exit_code sg_record_loop_run(const sg_record_loop *loop, sg_cli_context *context) {
    sg_error error = {.code = SG_STATUS_OK};
    sg_exit_code code = SG_EXIT_CODE_OK;
    loop_run run = {.loop = loop, .context = context, .output = {.descriptor = -1}};
    sg_buffer_init(&run.answer, MAX_ANSWER_BYTES);
    if (open_all(&run, &error) != SG_STATUS_OK || answer_all(&run, &error) != SG_STATUS_OK) {
        context->reader_closed = run.output.reader_closed;
        code = context->reader_closed ? SG_EXIT_CODE_WORK : sg_command_fail(context, &error);
    } else if (run.failed > 0) {
        code = SG_EXIT_CODE_RECORDS;
    }
    say_how_many_failed(&run);
    say_what_was_used(&run);
    sg_buffer_clear(&run.answer);
    sg_engine_setup_clear(&run.setup);
    sg_output_clear(&run.output);
    sg_input_clear(&run.input);
    return code;
}
