/* SPDX-License-Identifier: Apache-2.0 */
/* Text <-> token ids, exactly as T5Tokenizer of transformers 5.23.0.
 *
 * Special strings are taken out first; every stretch between them is normalised by SentencePiece
 * (nmt_nfkc), split at white space, and each word is segmented by a unigram Viterbi in double
 * precision (Kudo 2018, arXiv 1804.10959). </s> is appended always. */
#ifndef SG_TEXT_TOKENIZER_H
#define SG_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>
#include <switchgen/switchgen.h>

#include "base/buffer.h"

#define SG_TOKENIZER_MAX_TEXT_BYTES 262144

typedef struct sg_tokenizer sg_tokenizer;

/* Token ids, owned; release with sg_token_ids_clear. */
typedef struct sg_token_ids {
    int32_t *ids;
    size_t count;
} sg_token_ids;

/* Release. Allowed on a zeroed struct and twice. */
void sg_token_ids_clear(sg_token_ids *ids);

/* Open spiece.model and tokenizer_config.json (may be missing: 100 sentinels, no length) of
 * `directory`. The .model is checked before SentencePiece sees a byte of it (reliability:
 * src/text/README.md). Immutable and thread-safe once open; owned by the caller. Errors:
 * SG_STATUS_NOT_FOUND (a folder with tokenizer.json and no spiece.model is refused naming the
 * file), _MODEL, _UNSUPPORTED, _MEMORY. */
sg_status sg_tokenizer_open(const char *directory, sg_tokenizer **tokenizer,
                            sg_error *error) SG_MUST_CHECK;

/* Free. NULL is allowed. */
void sg_tokenizer_close(sg_tokenizer *tokenizer);

/* Ids of text[0..length), </s> last. On success *ids is owned by the caller. Linear in time and
 * memory. Errors: SG_STATUS_BAD_UTF8 (with the offset), _TOO_LONG (over
 * SG_TOKENIZER_MAX_TEXT_BYTES), _MEMORY, _INTERNAL. */
sg_status sg_tokenizer_encode(const sg_tokenizer *tokenizer, const char *text, size_t length,
                              sg_token_ids *ids, sg_error *error) SG_MUST_CHECK;

/* Append the text of ids[0..count) in `form` (switchgen.h) to `out`. Ids without a token vanish.
 * For SG_DECODE_FORM_CARD the ids must begin with the start token. clean_up_tokenization_spaces of
 * tokenizer_config.json is applied to RAW and PLAIN. Errors: SG_STATUS_ARGUMENT (a negative id),
 * _MEMORY. */
sg_status sg_tokenizer_decode(const sg_tokenizer *tokenizer, const int32_t *ids, size_t count,
                              sg_decode_form form, sg_buffer *out, sg_error *error) SG_MUST_CHECK;

/* The piece of `id`, NUL-terminated, or NULL. Borrowed. */
const char *sg_tokenizer_piece(const sg_tokenizer *tokenizer, int32_t id);

/* True if SG_DECODE_FORM_PLAIN leaves `id` out: <pad>, </s>, <unk>, other control pieces,
 * sentinels, and ids without a token. */
bool sg_tokenizer_is_skipped(const sg_tokenizer *tokenizer, int32_t id);

/* Pieces plus sentinels: ids at or above it have no token. */
int32_t sg_tokenizer_size(const sg_tokenizer *tokenizer);

/* Number of sentinels (extra_ids). */
int32_t sg_tokenizer_sentinel_count(const sg_tokenizer *tokenizer);

/* Id of <extra_id_`index`>; `index` in 0 .. sentinel_count - 1. */
int32_t sg_tokenizer_sentinel_id(const sg_tokenizer *tokenizer, int32_t index);

/* N where `id` is <extra_id_N>, else -1. */
int32_t sg_tokenizer_sentinel_index(const sg_tokenizer *tokenizer, int32_t id);

/* Ids of </s> and <unk>. */
int32_t sg_tokenizer_eos_id(const sg_tokenizer *tokenizer);
int32_t sg_tokenizer_unk_id(const sg_tokenizer *tokenizer);

/* model_max_length of tokenizer_config.json, capped to INT64_MAX; 0 where there is none. */
int64_t sg_tokenizer_model_max_length(const sg_tokenizer *tokenizer);

#endif
