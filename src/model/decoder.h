/* SPDX-License-Identifier: Apache-2.0 */
/* One step of the decoder for R live rows, whichever requests they belong to, each with its own
 * position and caches. */
#ifndef SG_MODEL_DECODER_H
#define SG_MODEL_DECODER_H

#include <stddef.h>
#include <stdint.h>

#include "model/kv_cache.h"
#include "model/switch_ffn.h"

/* A row that is fed one token. Rows of one cache hold the slots 0, 1, 2, ... and stand together. */
typedef struct sg_decoder_row {
    sg_kv_cache *cache;
    size_t slot;
    int32_t token;
} sg_decoder_row;

/* Scratch for steps of up to `max_rows` rows; one caller at a time. */
typedef struct sg_decoder sg_decoder;

/* A decoder for at most `max_rows` rows of at most `max_length` positions over sources of at most
 * `max_source` tokens. `model` and `matmul` are borrowed. Errors: SG_STATUS_MEMORY. Owned by the
 * caller. */
sg_status sg_decoder_create(const sg_model *model, sg_matmul *matmul, size_t max_rows,
                            size_t max_length, size_t max_source, sg_decoder **decoder,
                            sg_error *error) SG_MUST_CHECK;

/* Free. NULL is allowed. */
void sg_decoder_destroy(sg_decoder *decoder);

/* Compute every layer's keys and values of the source for caches[count], once a request.
 *
 * states  [N, D] the encoder's output for `sequences`; caches[b] belongs to sequence b. */
void sg_decoder_read_source(sg_decoder *decoder, const sg_sequences *sequences, const float *states,
                            sg_kv_cache *const *caches);

/* Feed rows[0..row_count) their tokens: hidden[R, D] is the normed output of the last block. The
 * caches are filled at their present position and advanced. For the capacity each row is a sequence
 * of one token, so nothing is dropped unless the capacity is 0 or less. No allocation. */
void sg_decoder_step(sg_decoder *decoder, const sg_decoder_row *rows, size_t row_count,
                     float *hidden, const sg_probe *probe);

#endif
