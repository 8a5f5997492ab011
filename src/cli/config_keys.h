/* SPDX-License-Identifier: Apache-2.0 */
/* Where the numbers of a configuration come from: config.json, a default, or the tensors. */
#ifndef SG_CLI_CONFIG_KEYS_H
#define SG_CLI_CONFIG_KEYS_H

#include <switchgen/status.h>

#include "cli/inspection.h"

/* The keys that matter for `config` and that DIRECTORY/config.json does not give, so that they have
 * the defaults of the reference's configuration class. Errors: SG_STATUS_IO, SG_STATUS_MEMORY, and
 * those of a file that changed since `config` was read from it. */
sg_status sg_config_keys_find_defaults(const char *directory, const sg_model_config *config,
                                       sg_key_list *keys, sg_error *error) SG_MUST_CHECK;

/* The keys whose values differ between `stated` and `corrected` (sg_model_reconcile). */
void sg_config_keys_find_corrected(const sg_model_config *stated, const sg_model_config *corrected,
                                   sg_key_list *keys);

#endif
