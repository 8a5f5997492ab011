/* SPDX-License-Identifier: Apache-2.0 */
/* One text on its way through the stages: what it asks for, its token ids, its search and its
 * caches. */
#ifndef SG_INFILL_REQUEST_H
#define SG_INFILL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/switchgen.h>

#include "infill/engine.h"
#include "model/kv_cache.h"
#include "search/search.h"
#include "text/sentinels.h"

typedef struct sg_request {
    sg_text text;               /* borrowed */
    sg_infill_options options;  /* as given; strings borrowed */
    sg_search_options settings; /* resolved */
    int32_t *end_ids; /* [end_count + 1]: what ends an output, then the stop sentinel, if any */
    size_t end_count; /* without the stop sentinel */
    bool has_stop_sentinel;
    sg_blank_list blanks;
    sg_token_ids input;
    bool truncated;
    bool runs_model; /* false: the text comes back as it is */
    sg_search *search;
    sg_kv_cache cache;
    sg_search_row *rows; /* [max rows] live rows after the last step */
    int32_t *parents;    /* [max rows] scratch */
    size_t row_count;
    size_t dropped;
} sg_request;

/* Find the blanks, resolve the settings (options, then the model's, then the defaults) and
 * tokenize. Release with sg_request_clear, also after a failure. Errors: SG_STATUS_BAD_UTF8,
 * _TOO_LONG, _NO_BLANK, _MIXED_BLANKS, _TOO_MANY_BLANKS, _ARGUMENT, _MEMORY. */
sg_status sg_request_prepare(const sg_engine *engine, sg_text text,
                             const sg_infill_options *options, sg_request *request,
                             sg_error *error) SG_MUST_CHECK;

/* Make the search and the caches for the prepared request. Errors: SG_STATUS_MEMORY, _ARGUMENT. */
sg_status sg_request_begin(const sg_engine *engine, sg_request *request,
                           sg_error *error) SG_MUST_CHECK;

/* Release everything. Allowed on a zeroed struct and twice. */
void sg_request_clear(sg_request *request);

#endif
