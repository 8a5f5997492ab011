/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of one float type to another, correctly rounded; math/half.h widens. */
#ifndef SG_CLI_ELEMENT_TYPES_H
#define SG_CLI_ELEMENT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/safetensors.h"

/* True for F64, F32, BF16 and F16. */
bool sg_element_types_is_float(sg_dtype dtype);

/* `value` rounded to the nearest bfloat16 or binary16, ties to even; too large is infinity, NaN
 * stays NaN. */
uint16_t sg_element_types_bf16(float value);
uint16_t sg_element_types_f16(float value);

/* The float32 that rounds to bfloat16 and binary16 as `value` itself does: odd where it is not
 * exact. */
float sg_element_types_odd_f32(double value);

/* Convert `count` elements from type `from` at `in` to type `to` at `out` (F32, BF16 or F16); any
 * alignment; the two may not overlap. Returns how many finite elements became infinite. */
size_t sg_element_types_convert(const void *in, sg_dtype from, void *out, sg_dtype to,
                                size_t count);

#endif
