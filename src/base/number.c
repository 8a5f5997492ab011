/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers between text and machine.
 *
 * The C library rounds correctly both ways but speaks the locale's decimal point. So it only ever
 * sees "DIGITSeEXPONENT", a spelling without a point that every locale reads alike; grammar and
 * points are ours. The work is bounded for any input: digits beyond SIGNIFICANT_DIGITS cannot
 * change a double except by being zero or not, and one digit says that. */
#include "base/number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The midpoint of two neighbouring doubles has at most 767 significant decimal digits. */
#define SIGNIFICANT_DIGITS 768
#define EXPONENT_LIMIT INT64_C(1000000000000)

/* The value is 0.DIGITS * 10^exponent; no digits is zero. */
typedef struct decimal {
    bool negative;
    bool sticky;   /* a digit that is not 0 was left out at the end */
    size_t length; /* digits kept */
    int64_t exponent;
    char digits[SIGNIFICANT_DIGITS];
} decimal;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void add_digit(decimal *number, char digit, bool after_point) {
    if (number->length == 0 && digit == '0') {
        number->exponent -= after_point ? 1 : 0;
        return;
    }
    number->exponent += after_point ? 0 : 1;
    if (number->length < SIGNIFICANT_DIGITS) {
        number->digits[number->length++] = digit;
    } else if (digit != '0') {
        number->sticky = true;
    }
}

/* Read "e-12" at text[at..length). The exponent saturates: beyond the limit only its sign matters.
 */
static bool read_exponent(const char *text, size_t length, size_t at, int64_t *exponent) {
    bool negative = false;
    int64_t value = 0;
    if (at < length && (text[at] == '+' || text[at] == '-')) {
        negative = text[at] == '-';
        at++;
    }
    if (at == length) {
        return false;
    }
    for (; at < length; at++) {
        if (!is_digit(text[at])) {
            return false;
        }
        value = value * 10 + (text[at] - '0');
        if (value > EXPONENT_LIMIT) {
            value = EXPONENT_LIMIT;
        }
    }
    *exponent = negative ? -value : value;
    return true;
}

/* RFC 8259: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static bool read_decimal(const char *text, size_t length, decimal *number) {
    size_t at = 0;
    int64_t exponent = 0;
    number->negative = length > 0 && text[0] == '-';
    at += number->negative ? 1 : 0;
    if (at == length || !is_digit(text[at]) ||
        (text[at] == '0' && at + 1 < length && is_digit(text[at + 1]))) {
        return false;
    }
    for (; at < length && is_digit(text[at]); at++) {
        add_digit(number, text[at], false);
    }
    if (at < length && text[at] == '.') {
        at++;
        if (at == length || !is_digit(text[at])) {
            return false;
        }
        for (; at < length && is_digit(text[at]); at++) {
            add_digit(number, text[at], true);
        }
    }
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        if (!read_exponent(text, length, at + 1, &exponent)) {
            return false;
        }
        at = length;
    }
    number->exponent += exponent;
    return at == length;
}

bool sg_number_parse_f64(const char *text, size_t length, double *out) {
    char spelling[SIGNIFICANT_DIGITS + 32];
    decimal number = {0};
    double value = 0.0;
    if (!read_decimal(text, length, &number)) {
        return false;
    }
    if (number.length > 0 && number.exponent > 400) {
        return false;
    }
    if (number.length > 0 && number.exponent > -400) {
        int64_t exponent = number.exponent - (int64_t)number.length;
        memcpy(spelling, number.digits, number.length);
        if (number.sticky) {
            spelling[number.length++] = '1';
            exponent--;
        }
        (void)snprintf(spelling + number.length, sizeof spelling - number.length, "e%d",
                       (int)exponent);
        value = strtod(spelling, NULL);
    }
    if (!isfinite(value)) {
        return false;
    }
    *out = number.negative ? -value : value;
    return true;
}

bool sg_number_parse_i64(const char *text, size_t length, int64_t *out) {
    bool negative = length > 0 && text[0] == '-';
    size_t at = negative ? 1 : 0;
    int64_t value = 0;
    if (at == length || (text[at] == '0' && length > 1)) {
        return false;
    }
    for (; at < length; at++) {
        int digit = text[at] - '0';
        if (!is_digit(text[at]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

/* `digits` times 10^exponent as a float32. */
static float read_back(uint32_t digits, int exponent) {
    char spelling[32];
    (void)snprintf(spelling, sizeof spelling, "%ue%d", (unsigned)digits, exponent);
    return strtof(spelling, NULL);
}

/* The fewest decimal digits that read back as `value` (positive): value ~ *digits * 10^*exponent.
 */
static void find_shortest(float value, uint32_t *digits, int *exponent) {
    static const int32_t neighbours[] = {0, 1, -1};
    for (int precision = 1; precision <= 9; precision++) {
        char spelling[32];
        uint32_t rounded = 0;
        const char *c = spelling;
        (void)snprintf(spelling, sizeof spelling, "%.*e", precision - 1, (double)value);
        for (; *c != 'e'; c++) { /* the decimal point, whatever it is, is skipped */
            rounded = is_digit(*c) ? rounded * 10 + (uint32_t)(*c - '0') : rounded;
        }
        *exponent = (int)strtol(c + 1, NULL, 10) - (precision - 1);
        /* NOTE: below a power of two floats lie closer, so the nearest decimal may miss the value
         * while the next one on the wider side still reads back as it. */
        for (size_t i = 0; i < sizeof neighbours / sizeof neighbours[0]; i++) {
            *digits = rounded + (uint32_t)neighbours[i];
            if (read_back(*digits, *exponent) == value) {
                return;
            }
        }
    }
    assert(false && "nine digits always suffice for a float32");
}

/* "12.5", "0.001", "300.0": digits[0..count) with the point after `before` of them. */
static int write_plain(const char *digits, int count, int before, char *out, size_t size) {
    static const char zeros[] = "0000000000000000";
    if (before <= 0) {
        return snprintf(out, size, "0.%.*s%s", -before, zeros, digits);
    }
    if (before >= count) {
        return snprintf(out, size, "%s%.*s.0", digits, before - count, zeros);
    }
    return snprintf(out, size, "%.*s.%s", before, digits, digits + before);
}

size_t sg_number_format_f32(float value, char out[SG_NUMBER_F32_SIZE]) {
    char text[16];
    uint32_t digits = 0;
    int exponent = 0;
    int count;
    int scale; /* the first digit stands for 10^scale */
    size_t sign = signbit(value) ? 1 : 0;
    size_t room = SG_NUMBER_F32_SIZE - sign;
    assert(isfinite(value));
    out[0] = '-';
    if (fpclassify(value) == FP_ZERO) {
        return sign + (size_t)snprintf(out + sign, room, "0.0");
    }
    find_shortest(fabsf(value), &digits, &exponent);
    for (; digits % 10 == 0; digits /= 10) {
        exponent++;
    }
    count = snprintf(text, sizeof text, "%u", (unsigned)digits);
    scale = count + exponent - 1;
    if (scale >= -4 && scale < 16) { /* where Python's repr changes over, too */
        return sign + (size_t)write_plain(text, count, scale + 1, out + sign, room);
    }
    return sign + (size_t)snprintf(out + sign, room, "%c%s%se%+03d", text[0], count > 1 ? "." : "",
                                   text + 1, scale);
}
