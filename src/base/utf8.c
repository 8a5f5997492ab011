/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding and encoding one character at a time.
 *
 * Well-formed sequences are those of the Unicode Standard, table 3-7: the range of the second byte
 * depends on the first and thereby excludes overlong forms, surrogates and all above U+10FFFF. */
#include "base/utf8.h"

#include <assert.h>

/* Ascending and disjoint, so that a binary search finds a code point. */
typedef struct code_point_range {
    uint32_t first, last;
} code_point_range;

static const code_point_range alphanumeric_ranges[] = {
#include "base/utf8_alphanumeric.inc"
};

static const code_point_range mark_ranges[] = {
#include "base/utf8_mark.inc"
};

static bool is_continuation(unsigned char byte) {
    return (byte & 0xc0u) == 0x80u;
}

/* Length that the first byte announces; 0 if no sequence begins with it. */
static size_t sequence_length(unsigned char lead) {
    if (lead < 0x80u) {
        return 1;
    }
    if (lead >= 0xc2u && lead <= 0xdfu) {
        return 2;
    }
    if ((lead & 0xf0u) == 0xe0u) {
        return 3;
    }
    return lead >= 0xf0u && lead <= 0xf4u ? 4 : 0;
}

static bool second_byte_is_allowed(unsigned char lead, unsigned char second) {
    switch (lead) {
    case 0xe0u:
        return second >= 0xa0u && second <= 0xbfu;
    case 0xedu:
        return second >= 0x80u && second <= 0x9fu;
    case 0xf0u:
        return second >= 0x90u && second <= 0xbfu;
    case 0xf4u:
        return second >= 0x80u && second <= 0x8fu;
    default:
        return is_continuation(second);
    }
}

size_t sg_utf8_decode(const char *bytes, size_t length, uint32_t *code_point) {
    static const unsigned char lead_bits[] = {0, 0x7fu, 0x1fu, 0x0fu, 0x07u};
    const unsigned char *byte = (const unsigned char *)bytes;
    size_t needed = length == 0 ? 0 : sequence_length(byte[0]);
    uint32_t value;
    if (needed == 0 || needed > length ||
        (needed > 1 && !second_byte_is_allowed(byte[0], byte[1]))) {
        return 0;
    }
    value = (uint32_t)byte[0] & lead_bits[needed];
    for (size_t i = 1; i < needed; i++) {
        if (!is_continuation(byte[i])) {
            return 0;
        }
        value = value << 6 | ((uint32_t)byte[i] & 0x3fu);
    }
    if (code_point != NULL) {
        *code_point = value;
    }
    return needed;
}

bool sg_utf8_is_valid(const char *bytes, size_t length, size_t *bad_offset) {
    size_t offset = 0;
    while (offset < length) {
        size_t step = (unsigned char)bytes[offset] < 0x80u
                          ? 1
                          : sg_utf8_decode(bytes + offset, length - offset, NULL);
        if (step == 0) {
            if (bad_offset != NULL) {
                *bad_offset = offset;
            }
            return false;
        }
        offset += step;
    }
    return true;
}

size_t sg_utf8_count(const char *bytes, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += is_continuation((unsigned char)bytes[i]) ? 0 : 1;
    }
    return count;
}

size_t sg_utf8_encode(uint32_t code_point, char out[4]) {
    unsigned char *byte = (unsigned char *)out;
    assert(code_point <= 0x10ffffu && (code_point < 0xd800u || code_point > 0xdfffu));
    if (code_point < 0x80u) {
        byte[0] = (unsigned char)code_point;
        return 1;
    }
    if (code_point < 0x800u) {
        byte[0] = (unsigned char)(0xc0u | code_point >> 6);
        byte[1] = (unsigned char)(0x80u | (code_point & 0x3fu));
        return 2;
    }
    if (code_point < 0x10000u) {
        byte[0] = (unsigned char)(0xe0u | code_point >> 12);
        byte[1] = (unsigned char)(0x80u | (code_point >> 6 & 0x3fu));
        byte[2] = (unsigned char)(0x80u | (code_point & 0x3fu));
        return 3;
    }
    byte[0] = (unsigned char)(0xf0u | code_point >> 18);
    byte[1] = (unsigned char)(0x80u | (code_point >> 12 & 0x3fu));
    byte[2] = (unsigned char)(0x80u | (code_point >> 6 & 0x3fu));
    byte[3] = (unsigned char)(0x80u | (code_point & 0x3fu));
    return 4;
}

static bool is_in(const code_point_range *ranges, size_t count, uint32_t code_point) {
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code_point > ranges[middle].last) {
            low = middle + 1;
        } else if (code_point < ranges[middle].first) {
            high = middle;
        } else {
            return true;
        }
    }
    return false;
}

bool sg_utf8_is_alphanumeric(uint32_t code_point) {
    return is_in(alphanumeric_ranges, sizeof alphanumeric_ranges / sizeof alphanumeric_ranges[0],
                 code_point);
}

bool sg_utf8_is_mark(uint32_t code_point) {
    return is_in(mark_ranges, sizeof mark_ranges / sizeof mark_ranges[0], code_point);
}
