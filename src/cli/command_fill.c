/* SPDX-License-Identifier: Apache-2.0 */
/* fill: each text goes to the model, each result to the report. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/record_loop.h"
#include "cli/report.h"

typedef struct fill_state {
    const sg_cli_options *options;
    sg_log log;
    sg_infill_options infill;
    sg_report_style style;
    bool looked_at_search;
} fill_state;

/* --color, $NO_COLOR (https://no-color.org) and what the terminal can do. */
static bool wants_bold(const sg_cli_options *options) {
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (options->format != SG_CLI_FORMAT_TEXT || options->color == SG_CLI_COLOR_NEVER) {
        return false;
    }
    if (options->color == SG_CLI_COLOR_ALWAYS) {
        return true;
    }
    return options->output == NULL && isatty(STDOUT_FILENO) &&
           (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

static sg_report_style style_of(const sg_cli_options *options) {
    return (sg_report_style){.format = options->format,
                             .delimiter = options->delimiter,
                             .scores = options->scores,
                             .token_scores = options->token_scores,
                             .null_records = options->null_records,
                             .bold = wants_bold(options)};
}

/* Greedy search ignores what only beams use. The model's settings may have chosen it, so that it
 * was greedy is known from the first result: it has no beam score. */
static void warn_about_greedy(fill_state *state, const sg_result *result) {
    const sg_candidate *best = &result->candidates[0];
    if (state->looked_at_search || best->finish == SG_FINISH_NONE) {
        return;
    }
    state->looked_at_search = true;
    if (!isnan(best->score) || state->options->given[SG_OPTION_NUM_BEAMS]) {
        return;
    }
    for (int id = SG_OPTION_LENGTH_PENALTY; id <= SG_OPTION_EARLY_STOPPING; id++) {
        if (state->options->given[id]) {
            sg_log_write(&state->log, SG_LOG_LEVEL_WARNING, "--%s has no effect in greedy search",
                         sg_option_table_row((sg_option_id)id)->name);
        }
    }
}

static sg_status answer(void *context, const sg_engine_setup *setup, const sg_input_record *record,
                        sg_buffer *out, sg_error *error) {
    fill_state *state = context;
    sg_result *result = NULL;
    sg_text text = {.bytes = record->text, .length = record->length};
    sg_status status = sg_session_fill(setup->session, text, &state->infill, &result, error);
    if (status == SG_STATUS_OK) {
        warn_about_greedy(state, result);
        status = sg_report_result(&state->style, setup->engine, record, result, out, error);
    }
    sg_result_destroy(result);
    return status;
}

sg_exit_code sg_command_fill(sg_cli_context *context) {
    fill_state state = {.options = context->options,
                        .log = sg_console_log(context->console),
                        .infill = sg_cli_options_infill(context->options),
                        .style = style_of(context->options)};
    sg_engine_options engine_options = sg_cli_options_engine(context->options, state.log);
    state.infill.stop = sg_command_stop(context);
    sg_record_loop loop = {
        .engine_options = &engine_options, .style = state.style, .answer = answer, .state = &state};
    return sg_record_loop_run(&loop, context);
}
