/* SPDX-License-Identifier: Apache-2.0 */
/* Token ids to vectors: the embedding's row, unscaled (T5 has no absolute positions). */
#ifndef SG_MODEL_TOKEN_EMBEDDING_H
#define SG_MODEL_TOKEN_EMBEDDING_H

#include <stddef.h>
#include <stdint.h>

#include "math/matmul.h"

/* out[count, D] = rows ids[0..count) of table [V, D], widened to f32. Every id is in 0 .. V-1. */
void sg_token_embedding_lookup(const sg_matrix *table, const int32_t *ids, size_t count,
                               float *out);

#endif
