/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: each takes the checked options and returns an exit code of cli.md section 4. */
#ifndef SG_CLI_COMMANDS_H
#define SG_CLI_COMMANDS_H

#include <stdbool.h>

#include <switchgen/status.h>

#include "base/buffer.h"
#include "cli/cli_options.h"
#include "cli/console.h"

/* cli.md section 4. */
typedef enum sg_exit_code {
    SG_EXIT_CODE_OK = 0,
    SG_EXIT_CODE_WORK = 1,      /* memory, input or output, a model that changed underneath */
    SG_EXIT_CODE_USAGE = 2,     /* wrong usage */
    SG_EXIT_CODE_MODEL = 3,     /* the model is not found, damaged or unsupported */
    SG_EXIT_CODE_RECORDS = 4,   /* finished, but some records failed */
    SG_EXIT_CODE_DIFFERENCE = 5 /* verify found a difference */
} sg_exit_code;

/* What a command is given, and what it leaves for main. */
typedef struct sg_cli_context {
    const sg_cli_options *options;
    sg_console *console;
    int stop_descriptor; /* becomes readable when the run should end; -1: none */
    bool reader_closed;  /* out: nobody reads the results any more */
} sg_cli_context;

/* The exit code for a failure that ends the run. */
sg_exit_code sg_command_exit_code(sg_status status);

/* True for a failure of one record, after which the next can be tried. */
bool sg_command_is_record_failure(sg_status status);

/* Ends a text that is being filled once the run should end. Valid while `context` is. */
sg_stop sg_command_stop(sg_cli_context *context);

/* Print `error` and return its exit code. */
sg_exit_code sg_command_fail(sg_cli_context *context, const sg_error *error);

/* Write `text` as the whole of standard output or of -o. */
sg_exit_code sg_command_print(sg_cli_context *context, const sg_buffer *text);

/* Fill the blanks of every record. */
sg_exit_code sg_command_fill(sg_cli_context *context);

/* Run the cases of an expectation file; with --record write one. */
sg_exit_code sg_command_verify(sg_cli_context *context);
sg_exit_code sg_command_record(sg_cli_context *context);

/* Ids and pieces of every record, or the reverse. */
sg_exit_code sg_command_tokenize(sg_cli_context *context);

/* What a model directory or a safetensors file holds. */
sg_exit_code sg_command_inspect(sg_cli_context *context);

/* The known models, the places, and what is installed. */
sg_exit_code sg_command_models(sg_cli_context *context);

/* A checkpoint to safetensors. */
sg_exit_code sg_command_convert(sg_cli_context *context);

/* The overview, or one command's help (`command`); and the version. */
sg_exit_code sg_command_help(sg_cli_context *context, sg_cli_command command, bool overview);
sg_exit_code sg_command_version(sg_cli_context *context);

#endif
