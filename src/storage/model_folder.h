/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in a model's directory, seen from outside: which weights, and whether anything is
 * missing. */
#ifndef SG_STORAGE_MODEL_FOLDER_H
#define SG_STORAGE_MODEL_FOLDER_H

#include <stdbool.h>

#include <switchgen/status.h>

#include "storage/model_manifest.h"

/* Whether `directory` has a config.json, a spiece.model or weights in it: a model, whole or not. A
 * folder of a model's name with other things (models/switch-base-64/expected.jsonl) is none. */
bool sg_model_folder_is_model(const char *directory);

/* The form of the weights by their names: safetensors where model.safetensors or its index is
 * there, else pickle where pytorch_model.bin or its index is, else unknown: there are none. A link
 * counts although it leads to nothing. */
sg_known_form sg_model_folder_form(const char *directory);

/* Refuse a directory with a file of the model (*.safetensors, *.json, *.model) that is a link to
 * nothing, as a cleaned or half downloaded cache has. Errors: SG_STATUS_NOT_FOUND, SG_STATUS_IO. */
sg_status sg_model_folder_check_links(const char *directory, sg_error *error) SG_MUST_CHECK;

/* Whether everything is there that the program needs: the links, config.json, spiece.model, and
 * weight files as long as their headers say. Reads no weights. Errors: the first thing that is
 * missing, as a message that names the file: SG_STATUS_NOT_FOUND, _MODEL, _UNSUPPORTED, _IO,
 * _MEMORY. */
sg_status sg_model_folder_check(const char *directory, sg_error *error) SG_MUST_CHECK;

#endif
