/* SPDX-License-Identifier: Apache-2.0 */
/* Records in, answers out, one after another in input order: what fill and tokenize have in common.
 */
#ifndef SG_CLI_RECORD_LOOP_H
#define SG_CLI_RECORD_LOOP_H

#include <switchgen/switchgen.h>

#include "base/buffer.h"
#include "cli/commands.h"
#include "cli/engine_setup.h"
#include "cli/input.h"
#include "cli/report.h"

/* Append the answer to one good, not empty record to `out` (empty on entry). A failure of the
 * record (sg_command_is_record_failure) is answered by the loop; another one ends it. */
typedef sg_status (*sg_record_answer)(void *state, const sg_engine_setup *setup,
                                      const sg_input_record *record, sg_buffer *out,
                                      sg_error *error);

typedef struct sg_record_loop {
    const sg_engine_options *engine_options;
    sg_report_style style; /* for failed and empty records */
    sg_record_answer answer;
    void *state; /* handed to `answer` */
} sg_record_loop;

/* Open inputs, output and model as the options say, answer every record, close. Returns the exit
 * code; messages are printed. */
sg_exit_code sg_record_loop_run(const sg_record_loop *loop, sg_cli_context *context);

#endif
