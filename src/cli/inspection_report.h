/* SPDX-License-Identifier: Apache-2.0 */
/* An inspection in words, and as a JSON object (src/cli/README.md describes both). */
#ifndef SG_CLI_INSPECTION_REPORT_H
#define SG_CLI_INSPECTION_REPORT_H

#include "base/buffer.h"
#include "cli/inspection.h"

/* Append the report on a directory. Failures stick in `out`. */
void sg_inspection_write_text(const sg_inspection *inspection, sg_buffer *out);
void sg_inspection_write_json(const sg_inspection *inspection, sg_buffer *out);

/* Their parts that a single file's report has, too: tensors by type ("tensors: ..." or
 * ",\"tensors\":..."), and what is wrong. */
void sg_inspection_write_totals_text(const sg_type_totals *totals, sg_buffer *out);
void sg_inspection_write_totals_json(const sg_type_totals *totals, sg_buffer *out);
void sg_inspection_write_problems_text(const sg_problem_list *problems, sg_buffer *out);
void sg_inspection_write_problems_json(const sg_problem_list *problems, sg_buffer *out);

/* "[2, 3]", with `between` between the numbers. */
void sg_inspection_write_shape(const sg_tensor *tensor, const char *between, sg_buffer *out);

#endif
