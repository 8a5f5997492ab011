/* SPDX-License-Identifier: Apache-2.0 */
/* A failure in, success out, where somebody took note of it. */
#include "base/problem.h"

#include <assert.h>
#include <stddef.h>

sg_status sg_problem_pass(const sg_problem_sink *sink, sg_status status, const sg_error *error) {
    bool is_flaw = status == SG_STATUS_NOT_FOUND || status == SG_STATUS_MODEL ||
                   status == SG_STATUS_UNSUPPORTED || status == SG_STATUS_BAD_JSON;
    if (sink == NULL || !is_flaw) {
        return status;
    }
    assert(error != NULL);
    return sink->tell(sink->context, error) ? SG_STATUS_OK : status;
}
