/* SPDX-License-Identifier: Apache-2.0 */
/* The one page on which the order of the stages is executed. */
#ifndef SG_INFILL_INFILL_H
#define SG_INFILL_INFILL_H

#include <stddef.h>

#include "infill/request.h"
#include "infill/session.h"
#include "model/probe.h"

/* Run prepared requests from token ids to finished searches, together: encode all sources, then
 * step all live rows until no request has any. Each request's outcome is what it would be alone.
 *
 * requests  [count], prepared, runs_model true.
 * errors    [count] code SG_STATUS_OK on entry; SG_STATUS_NUMERIC where a request's values were not
 * finite, which ends that request only. probe     may be NULL. Errors: SG_STATUS_MEMORY, _CHANGED,
 * _INTERNAL: the work as a whole cannot go on. */
sg_status sg_infill_run(sg_session *session, sg_request *const *requests, size_t count,
                        sg_error *errors, const sg_probe *probe, sg_error *error) SG_MUST_CHECK;

#endif
