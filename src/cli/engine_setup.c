/* SPDX-License-Identifier: Apache-2.0 */
/* A name becomes a directory, a directory an engine, an engine a session. */
#include "cli/engine_setup.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "storage/model_locator.h"

sg_status sg_engine_setup_find(const sg_cli_options *options, bool needs_weights, const sg_log *log,
                               sg_engine_setup *setup, sg_error *error) {
    sg_model_request request = {.name = options->model == NULL ? SG_MODEL_LOCATOR_SHIPPED
                                                               : options->model,
                                .revision = options->revision,
                                .needs_weights = needs_weights,
                                .log = log};
    memset(setup, 0, sizeof *setup);
    return sg_model_locator_find(&request, &setup->directory, error);
}

sg_status sg_engine_setup_open(const sg_cli_options *options,
                               const sg_engine_options *engine_options, bool reads_files,
                               sg_engine_setup *setup, sg_error *error) {
    SG_TRY(sg_engine_setup_find(options, !engine_options->tokenizer_only, &engine_options->log,
                                setup, error));
    if (options->model == NULL && reads_files) {
        sg_log_write(&engine_options->log, SG_LOG_LEVEL_WARNING,
                     "no model is named, the shipped %s is used; name it with --model",
                     SG_MODEL_LOCATOR_SHIPPED);
    }
    sg_log_write(&engine_options->log, SG_LOG_LEVEL_INFO, "model: %s", setup->directory);
    SG_TRY(sg_engine_open(setup->directory, engine_options, &setup->engine, error));
    if (engine_options->tokenizer_only) {
        return SG_STATUS_OK;
    }
    return sg_session_create(setup->engine, &setup->session, error);
}

void sg_engine_setup_clear(sg_engine_setup *setup) {
    sg_session_destroy(setup->session);
    sg_engine_close(setup->engine);
    sg_memory_free(setup->directory);
    memset(setup, 0, sizeof *setup);
}
