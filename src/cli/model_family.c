/* SPDX-License-Identifier: Apache-2.0 */
/* A path in, a family out. */
#include "cli/model_family.h"

#include <stddef.h>
#include <string.h>

#define NAME_SIZE 256 /* of a path's part, Linux's NAME_MAX and a NUL */

/* The model called part[0..length), or called by what follows the last "--" of it. */
static const sg_known_model *find_part(const sg_model_manifest *manifest, const char *part,
                                       size_t length) {
    char name[NAME_SIZE];
    const char *rest = name;
    if (length >= sizeof name) {
        return NULL;
    }
    memcpy(name, part, length);
    name[length] = '\0';
    while (strncmp(name, "models--", 8) == 0 && strstr(rest, "--") != NULL) {
        rest = strstr(rest, "--") + 2;
    }
    return rest[0] == '\0' ? NULL : sg_model_manifest_find(manifest, rest);
}

static const char *purpose_of(const sg_model_config *config) {
    if (config->type == SG_MODEL_TYPE_SWITCH) {
        return "fills blanks, as far as config.json tells: the published Switch Transformers are "
               "pretrained only";
    }
    return config->is_gated ? "fills blanks if it is a T5 v1.1, follows instructions if it is a "
                              "Flan-T5: config.json does not tell them apart"
                            : "fills blanks, and the tasks of T5 by their prefixes, if it is a T5 "
                              "as published";
}

void sg_model_family_find(const sg_model_manifest *manifest, const char *directory,
                          const sg_model_config *config, sg_model_family *family) {
    const char *part = directory;
    *family = (sg_model_family){.purpose = config != NULL ? purpose_of(config) : NULL};
    while (*part != '\0') {
        size_t length = strcspn(part, "/");
        const sg_known_model *known = find_part(manifest, part, length);
        if (known != NULL) {
            *family = (sg_model_family){.purpose = known->purpose, .known = known};
        }
        part += length + (part[length] == '/' ? 1 : 0);
    }
}
