/* SPDX-License-Identifier: Apache-2.0 */
/* Ids to text, in the three forms of sg_decode_form. */
#ifndef SG_TEXT_DETOKENIZER_H
#define SG_TEXT_DETOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>
#include <switchgen/switchgen.h>

#include "base/buffer.h"
#include "text/vocabulary.h"

/* Append the text of ids[0..count) to `out`; ids without a token vanish. `clean_up` says whether
 * RAW and PLAIN lose the spaces that clean_up_tokenization_spaces takes away; CARD always does.
 * Errors: SG_STATUS_ARGUMENT (a negative id), SG_STATUS_MEMORY, SG_STATUS_TOO_LONG (out->maximum).
 */
sg_status sg_detokenizer_append(const sg_vocabulary *vocabulary, const int32_t *ids, size_t count,
                                sg_decode_form form, bool clean_up, sg_buffer *out,
                                sg_error *error) SG_MUST_CHECK;

#endif
