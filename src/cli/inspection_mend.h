/* SPDX-License-Identifier: Apache-2.0 */
/* The command or edit that mends a problem, where the code that found it names none. */
#ifndef SG_CLI_INSPECTION_MEND_H
#define SG_CLI_INSPECTION_MEND_H

#include <switchgen/status.h>

#include "cli/model_family.h"

/* Give `problem`, found in `directory`, a hint if it has none, or a better one: a file that is
 * missing is to be downloaded, pickle files are to be converted. */
void sg_inspection_mend(const char *directory, const sg_model_family *family, sg_error *problem);

#endif
