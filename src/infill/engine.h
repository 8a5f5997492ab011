/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine holds: the tokenizer and the model, read-only after opening. Implements the
 * sg_engine part of switchgen.h; the commands that look inside a model (verify, inspect) may use
 * it, too. */
#ifndef SG_INFILL_ENGINE_H
#define SG_INFILL_ENGINE_H

#include <stdbool.h>

#include <switchgen/switchgen.h>

#include "model/model.h"
#include "text/tokenizer.h"

struct sg_engine {
    sg_engine_options options; /* generation_config is not kept */
    sg_tokenizer *tokenizer;
    sg_model model; /* zeroed where the engine was opened with tokenizer_only */
    bool has_model;
};

#endif
