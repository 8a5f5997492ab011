/* SPDX-License-Identifier: Apache-2.0 */
/* Parses, picks the command, and turns what happened into an exit code. */
#include "cli/cli.h"

#include <string.h>

#include "base/error.h"
#include "cli/cli_options.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/input.h"
#include "cli/output.h"

sg_exit_code sg_command_exit_code(sg_status status) {
    switch (status) {
    case SG_STATUS_OK:
        return SG_EXIT_CODE_OK;
    case SG_STATUS_ARGUMENT:
        return SG_EXIT_CODE_USAGE;
    case SG_STATUS_NOT_FOUND:
    case SG_STATUS_MODEL:
    case SG_STATUS_UNSUPPORTED:
        return SG_EXIT_CODE_MODEL;
    default:
        return sg_command_is_record_failure(status) ? SG_EXIT_CODE_RECORDS : SG_EXIT_CODE_WORK;
    }
}

bool sg_command_is_record_failure(sg_status status) {
    switch (status) {
    case SG_STATUS_TOO_LONG:
    case SG_STATUS_BAD_UTF8:
    case SG_STATUS_BAD_JSON:
    case SG_STATUS_BAD_RECORD:
    case SG_STATUS_NO_BLANK:
    case SG_STATUS_MIXED_BLANKS:
    case SG_STATUS_TOO_MANY_BLANKS:
    case SG_STATUS_NEWLINE:
    case SG_STATUS_INCOMPLETE:
    case SG_STATUS_NUMERIC:
        return true;
    default:
        return false;
    }
}

static bool is_stop_asked(void *context) {
    const sg_cli_context *asked = context;
    return sg_input_stop_requested(asked->stop_descriptor);
}

sg_stop sg_command_stop(sg_cli_context *context) {
    return (sg_stop){.asked = is_stop_asked, .context = context};
}

sg_exit_code sg_command_fail(sg_cli_context *context, const sg_error *error) {
    sg_console_error(context->console, NULL, error);
    return sg_command_exit_code(error->code);
}

sg_exit_code sg_command_print(sg_cli_context *context, const sg_buffer *text) {
    sg_output output;
    sg_error error = {.code = SG_STATUS_OK};
    sg_exit_code code = SG_EXIT_CODE_OK;
    if (text->status != SG_STATUS_OK) {
        (void)sg_error_set(&error, text->status, "the report is too large");
        return sg_command_fail(context, &error);
    }
    if (sg_output_open(&output, context->options->output, NULL, &error) != SG_STATUS_OK ||
        sg_output_write(&output, text->data, text->length, &error) != SG_STATUS_OK ||
        sg_output_finish(&output, &error) != SG_STATUS_OK) {
        context->reader_closed = output.reader_closed;
        code = output.reader_closed ? SG_EXIT_CODE_WORK : sg_command_fail(context, &error);
    }
    sg_output_clear(&output);
    return code;
}

/* The file that verify or inspect reads must not be one that the command writes. */
static sg_status check_outputs(const sg_cli_options *options, sg_error *error) {
    bool reads_operand =
        options->command == SG_CLI_COMMAND_VERIFY || options->command == SG_CLI_COMMAND_INSPECT;
    if (!reads_operand || options->operand_count == 0) {
        return SG_STATUS_OK;
    }
    SG_TRY(sg_output_check_apart(options->output, options->operands[0], error));
    return sg_output_check_apart(options->record, options->operands[0], error);
}

static sg_exit_code run_command(sg_cli_context *context) {
    const sg_cli_options *options = context->options;
    sg_error error = {.code = SG_STATUS_OK};
    if (options->help) {
        bool overview =
            options->command == SG_CLI_COMMAND_FILL || options->command == SG_CLI_COMMAND_HELP;
        return sg_command_help(context, options->command, overview);
    }
    if (options->version) {
        return sg_command_version(context);
    }
    if (check_outputs(options, &error) != SG_STATUS_OK) {
        return sg_command_fail(context, &error);
    }
    switch (options->command) {
    case SG_CLI_COMMAND_VERIFY:
        return options->record == NULL ? sg_command_verify(context) : sg_command_record(context);
    case SG_CLI_COMMAND_TOKENIZE:
        return sg_command_tokenize(context);
    case SG_CLI_COMMAND_INSPECT:
        return sg_command_inspect(context);
    case SG_CLI_COMMAND_MODELS:
        return sg_command_models(context);
    case SG_CLI_COMMAND_CONVERT:
        return sg_command_convert(context);
    case SG_CLI_COMMAND_HELP:
        return options->operand_count == 0
                   ? sg_command_help(context, SG_CLI_COMMAND_FILL, true)
                   : sg_command_help(context, sg_command_table_find(options->operands[0]), false);
    default:
        return sg_command_fill(context);
    }
}

sg_cli_outcome sg_cli_run(int argc, char *const *argv, int stop_descriptor) {
    sg_cli_outcome outcome = {.exit_code = SG_EXIT_CODE_OK, .reader_closed = false};
    sg_console console;
    sg_cli_options options;
    sg_error error = {.code = SG_STATUS_OK};
    sg_cli_context context = {
        .options = &options, .console = &console, .stop_descriptor = stop_descriptor};
    sg_console_init(&console);
    if (sg_cli_options_parse(argc, argv, &options, &error) != SG_STATUS_OK) {
        outcome.exit_code = (int)sg_command_fail(&context, &error);
    } else {
        console.quiet = options.quiet;
        console.verbosity = options.verbosity;
        if (!options.help && !options.version) {
            sg_log log = sg_console_log(&console);
            sg_cli_options_warn_without_effect(&options, &log);
        }
        outcome.exit_code = (int)run_command(&context);
        outcome.reader_closed = context.reader_closed;
    }
    sg_cli_options_clear(&options);
    sg_console_clear(&console);
    return outcome;
}
