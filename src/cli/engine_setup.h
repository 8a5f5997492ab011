/* SPDX-License-Identifier: Apache-2.0 */
/* From the options to an open model: the same steps for every command that needs one. */
#ifndef SG_CLI_ENGINE_SETUP_H
#define SG_CLI_ENGINE_SETUP_H

#include <stdbool.h>

#include <switchgen/status.h>
#include <switchgen/switchgen.h>

#include "cli/cli_options.h"

/* An open model; release with sg_engine_setup_clear. */
typedef struct sg_engine_setup {
    char *directory; /* where the model lies; owned */
    sg_engine *engine;
    sg_session *session; /* NULL where only the tokenizer was asked for */
} sg_engine_setup;

/* Find the directory of the model that `options` name, or the shipped one. On success
 * setup->directory is set and nothing is open yet. `needs_weights` and `log` (may be NULL) are
 * those of sg_model_request. Errors: those of sg_model_locator_find. */
sg_status sg_engine_setup_find(const sg_cli_options *options, bool needs_weights, const sg_log *log,
                               sg_engine_setup *setup, sg_error *error) SG_MUST_CHECK;

/* Find and open the model.
 *
 * engine_options  from sg_cli_options_engine, changed by the command where it must be.
 * reads_files     texts come from files or standard input: the shipped model by default is then a
 * warning. Errors: those of sg_model_locator_find, sg_engine_open and sg_session_create. On failure
 * *setup may be cleared.
 */
sg_status sg_engine_setup_open(const sg_cli_options *options,
                               const sg_engine_options *engine_options, bool reads_files,
                               sg_engine_setup *setup, sg_error *error) SG_MUST_CHECK;

/* Close everything. Allowed on a zeroed struct and twice. */
void sg_engine_setup_clear(sg_engine_setup *setup);

#endif
