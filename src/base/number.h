/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers from and to text, independent of the locale. */
#ifndef SG_BASE_NUMBER_H
#define SG_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SG_NUMBER_F32_SIZE 32

/* Read a decimal integer ("-12", "7"; no spaces, no plus sign, no leading zeros) that is the whole
 * of text[0..length). False if it is not one or does not fit. */
bool sg_number_parse_i64(const char *text, size_t length, int64_t *out);

/* Read a finite decimal number in JSON's grammar that is the whole of text[0..length). False if it
 * is not one or overflows a double. */
bool sg_number_parse_f64(const char *text, size_t length, double *out);

/* Write the shortest decimal that reads back as the same float32, in JSON's grammar ("-1.5",
 * "1e-08"), and a NUL. `value` must be finite. Returns the length. */
size_t sg_number_format_f32(float value, char out[SG_NUMBER_F32_SIZE]);

#endif
