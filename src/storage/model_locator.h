/* SPDX-License-Identifier: Apache-2.0 */
/* Where a model is looked for: from what the user wrote to a directory. */
#ifndef SG_STORAGE_MODEL_LOCATOR_H
#define SG_STORAGE_MODEL_LOCATOR_H

#include <switchgen/status.h>

/* The model that runs when none is named. */
#define SG_MODEL_LOCATOR_SHIPPED "switch-small-64"

/* Find `name`: (1) an existing directory; (2) under each entry of $SWITCH_GEN_MODEL_PATH (divided
 * by colons); (3) under models/ beside the executable, under models/ of the source if the
 * executable lies in a build tree, and under share/switch-gen/models of the install prefix; (4)
 * under $XDG_DATA_HOME/switch-gen/models (~/.local/share without it). Under (2) to (4) a name may
 * have parts
 * ("google/switch-base-8") but none of them "." or "..".
 * On success *directory is the caller's (sg_memory_free). Errors: SG_STATUS_NOT_FOUND: the hint
 * lists names that are close and every place searched; SG_STATUS_MEMORY. */
sg_status sg_model_locator_find(const char *name, char **directory, sg_error *error) SG_MUST_CHECK;

#endif
