/* SPDX-License-Identifier: Apache-2.0 */
/* From a finished request to what the caller reads: fills cut out, decoded and stitched. */
#ifndef SG_INFILL_RESULT_H
#define SG_INFILL_RESULT_H

#include <switchgen/switchgen.h>

#include "infill/request.h"

/* Build the result of a finished request (or of one that does not run the model). On success
 * *result is owned by the caller (sg_result_destroy). Errors: SG_STATUS_MEMORY. */
sg_status sg_result_create(const sg_engine *engine, const sg_request *request, sg_result **result,
                           sg_error *error) SG_MUST_CHECK;

#endif
