/* SPDX-License-Identifier: Apache-2.0 */
/* What tokenizer_config.json decides here; everything else in it is left alone. */
#ifndef SG_TEXT_TOKENIZER_CONFIG_H
#define SG_TEXT_TOKENIZER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <switchgen/status.h>

/* T5 has 100 sentinels; the limit only keeps a number in a file from sizing memory. */
#define SG_TOKENIZER_DEFAULT_EXTRA_IDS 100
#define SG_TOKENIZER_MAX_EXTRA_IDS 65536

typedef struct sg_tokenizer_config {
    int32_t extra_ids;        /* sentinels, 0 .. SG_TOKENIZER_MAX_EXTRA_IDS */
    int64_t model_max_length; /* tokens; capped to INT64_MAX; 0: none */
    bool clean_up; /* clean_up_tokenization_spaces; absent: false, as in transformers 5 */
} sg_tokenizer_config;

/* Read the file at `path`; where there is none, the defaults. Errors: SG_STATUS_MODEL (no JSON, a
 * value of the wrong type or out of range), SG_STATUS_UNSUPPORTED (other end, padding or unknown
 * tokens than T5's), SG_STATUS_IO, SG_STATUS_MEMORY. */
sg_status sg_tokenizer_config_read(const char *path, sg_tokenizer_config *config,
                                   sg_error *error) SG_MUST_CHECK;

#endif
