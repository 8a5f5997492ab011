/* SPDX-License-Identifier: Apache-2.0 */
/* The decoding settings that a model brings: generation_config.json; where that file is missing,
 * every generation setting in config.json (GenerationConfig of transformers 5.23.0). */
#ifndef SG_MODEL_GENERATION_CONFIG_H
#define SG_MODEL_GENERATION_CONFIG_H

#include <switchgen/options.h>
#include <switchgen/status.h>

#include "base/problem.h"
#include "model/config.h"

#define SG_GENERATION_MAX_EOS_IDS 64

typedef struct sg_generation_config {
    sg_decoding_options decoding; /* unset where no file sets them */
    int32_t decoder_start_token_id;
    int32_t eos_token_ids[SG_GENERATION_MAX_EOS_IDS];
    size_t eos_token_id_count; /* 0: only the length limit ends an output */
} sg_generation_config;

/* Read the settings for the model in `directory`.
 *
 * file  NULL: the model's own; "none": only the token ids of config.json; else the file at this
 * path. Warnings go to `log`: a start token that no file names (the pad id is used), no end token.
 * Errors: SG_STATUS_MODEL (malformed, out of range); SG_STATUS_UNSUPPORTED for a setting that
 * changes results and is not supported (do_sample, bad_words_ids, ...), with the hint to pass
 * --generation-config none; SG_STATUS_NOT_FOUND for a `file` that is not there; SG_STATUS_MEMORY.
 */
sg_status sg_generation_config_read(const char *directory, const char *file,
                                    const sg_model_config *config, const sg_log *log,
                                    sg_generation_config *settings, sg_error *error) SG_MUST_CHECK;

/* The same for a report: with a sink, settings that are malformed or not supported are told and
 * left out; only a file that is missing or no JSON is returned. */
sg_status sg_generation_config_examine(const char *directory, const char *file,
                                       const sg_model_config *config, const sg_log *log,
                                       const sg_problem_sink *sink, sg_generation_config *settings,
                                       sg_error *error) SG_MUST_CHECK;

#endif
