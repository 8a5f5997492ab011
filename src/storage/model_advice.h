/* SPDX-License-Identifier: Apache-2.0 */
/* What to say when a model cannot be used as it lies, or does not lie anywhere: the exact next
 * command. */
#ifndef SG_STORAGE_MODEL_ADVICE_H
#define SG_STORAGE_MODEL_ADVICE_H

#include <switchgen/status.h>

#include "base/buffer.h"
#include "storage/model_manifest.h"
#include "storage/model_places.h"

/* Append the command by which the hub's client downloads `revision` of a known model into the
 * cache, without files that nobody needs here: "hf download ORG/NAME --revision REV --exclude
 * \"*.bin\"". */
void sg_model_advice_download(const sg_known_model *model, const sg_known_revision *revision,
                              sg_buffer *out);

/* Append the command that converts the pickle files of `directory` into `target`, or, where that is
 * NULL, into a directory beside it: "switch-gen convert DIRECTORY DIRECTORY-safetensors". */
void sg_model_advice_conversion(const char *directory, const char *target, sg_buffer *out);

/* Fill `error`: model `name` was not found. The hint has the download command (for a known model,
 * or a name that can be a repository's), names that are close (known models, and what lies in the
 * places and in the cache), and every place searched. Evaluates to SG_STATUS_NOT_FOUND. */
sg_status sg_model_advice_not_found(const sg_model_places *places,
                                    const sg_model_manifest *manifest, const char *name,
                                    sg_error *error);

/* Fill `error`: `directory`, found for `name`, holds only pickle files; the hint is the command
 * that converts them to where `name` is looked for, and, where `model` (may be NULL) has a revision
 * in safetensors, the one that downloads it. Evaluates to SG_STATUS_MODEL. */
sg_status sg_model_advice_convert(const sg_model_places *places, const sg_known_model *model,
                                  const char *name, const char *directory, sg_error *error);

#endif
