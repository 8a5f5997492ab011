/* SPDX-License-Identifier: Apache-2.0 */
/* Where a model is looked for: from what the user wrote to a directory. */
#ifndef SG_STORAGE_MODEL_LOCATOR_H
#define SG_STORAGE_MODEL_LOCATOR_H

#include <switchgen/status.h>

/* The model that runs when none is named. */
#define SG_MODEL_LOCATOR_SHIPPED "switch-small-64"

/* Find `name`: (1) an existing directory; (2) under each entry of $SWITCH_GEN_MODEL_PATH; (3) under
 * models/ beside the executable, in its build tree's source, and under its install prefix
 * (share/switch-gen/models); (4) under $XDG_DATA_HOME/switch-gen/models.
 * On success *directory is the caller's (sg_memory_free). Errors: SG_STATUS_NOT_FOUND: the hint lists
 * every place searched and names that are close; SG_STATUS_MEMORY. */
sg_status sg_model_locator_find(const char *name, char **directory, sg_error *error) SG_MUST_CHECK;

#endif
