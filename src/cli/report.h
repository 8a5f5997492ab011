/* SPDX-License-Identifier: Apache-2.0 */
/* Results in the forms of cli.md: bytes into a buffer; nothing is written here. */
#ifndef SG_CLI_REPORT_H
#define SG_CLI_REPORT_H

#include <stdbool.h>

#include <switchgen/status.h>
#include <switchgen/switchgen.h>

#include "base/buffer.h"
#include "cli/input.h"
#include "cli/option_table.h"

/* How a run's results look. */
typedef struct sg_report_style {
    sg_cli_format format;
    const char *delimiter; /* between fills */
    bool scores;           /* the log-probability and a tab before each line */
    bool token_scores;     /* jsonl: "token_logprobs" */
    bool null_records;     /* lines end in NUL */
    bool bold;             /* fills stand out (format text) */
} sg_report_style;

/* Append what `result` gives for `record`: a line, N lines, or a JSON record. `engine` decodes ids
 * for the card form. Errors: SG_STATUS_NEWLINE (a text of a file with a line feed in a line form:
 * nothing is appended; report it with sg_report_failure), SG_STATUS_MEMORY. */
sg_status sg_report_result(const sg_report_style *style, const sg_engine *engine,
                           const sg_input_record *record, const sg_result *result, sg_buffer *out,
                           sg_error *error) SG_MUST_CHECK;

/* Append what stands for a record that failed: an empty line, or a JSON error record. */
sg_status sg_report_failure(const sg_report_style *style, const sg_input_record *record,
                            const sg_error *failure, sg_buffer *out) SG_MUST_CHECK;

/* Append what stands for an empty line of a file. */
sg_status sg_report_empty(const sg_report_style *style, const sg_input_record *record,
                          sg_buffer *out) SG_MUST_CHECK;

#endif
