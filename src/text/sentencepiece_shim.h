/* SPDX-License-Identifier: Apache-2.0 */
/* The one door to SentencePiece, a C++ library. No exception and no C++ type passes it.
 *
 * Only its normaliser is needed, and 0.1.97 has no call for that: the pieces of a text, joined, are
 * the normalised text. So it is handed a model of our own making with the normaliser's map and no
 * vocabulary worth the name: nothing else of a file from outside reaches the library. */
#ifndef SG_TEXT_SENTENCEPIECE_SHIM_H
#define SG_TEXT_SENTENCEPIECE_SHIM_H

#include <stddef.h>

#include <switchgen/status.h>

#ifdef __cplusplus
#define SG_NOEXCEPT noexcept
extern "C" {
#else
#define SG_NOEXCEPT
#endif

/* Inside, because base is C and knows nothing of C++. */
#include "base/buffer.h"

typedef struct sg_normalizer sg_normalizer;

/* Open with a charsmap (borrowed during the call) that sg_charsmap_open passed; length 0: nothing
 * is changed. On success *normalizer is owned by the caller; it may be shared by threads. Errors:
 * SG_STATUS_MEMORY, SG_STATUS_INTERNAL with the library's words. */
sg_status sg_normalizer_open(const char *charsmap, size_t length, sg_normalizer **normalizer,
                             sg_error *error) SG_NOEXCEPT SG_MUST_CHECK;

/* Free. NULL is allowed. */
void sg_normalizer_close(sg_normalizer *normalizer) SG_NOEXCEPT;

/* Append the normalised form of text[0..length) to `out`: nothing put before or after it, spaces
 * neither joined nor replaced. The library's time is quadratic in `length`: hand it short stretches
 * (sg_charsmap_stretch). Errors: SG_STATUS_MEMORY, SG_STATUS_TOO_LONG (out->maximum),
 * SG_STATUS_INTERNAL. */
sg_status sg_normalizer_append(const sg_normalizer *normalizer, const char *text, size_t length,
                               sg_buffer *out, sg_error *error) SG_NOEXCEPT SG_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
