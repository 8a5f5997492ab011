/* SPDX-License-Identifier: Apache-2.0 */
/* What a model is for, by its name or else by its configuration. */
#ifndef SG_CLI_MODEL_FAMILY_H
#define SG_CLI_MODEL_FAMILY_H

#include "model/config.h"
#include "storage/model_manifest.h"

typedef struct sg_model_family {
    const char *purpose;         /* in words; NULL: not known */
    const sg_known_model *known; /* NULL: the name is none of the manifest's */
} sg_model_family;

/* Look for a known name among the parts of `directory` (a hub cache's "models--google--NAME" is
 * one, too); without one, `config` (NULL: unknown) says what can be said. What is found belongs to
 * `manifest`. */
void sg_model_family_find(const sg_model_manifest *manifest, const char *directory,
                          const sg_model_config *config, sg_model_family *family);

#endif
