/* SPDX-License-Identifier: Apache-2.0 */
/* In: a distance between two positions, or the whole table of biases. Out: its bucket, or the bias
 * of every distance up to a reach. */
#include "layers/relative_bias.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "math/half.h"

size_t sg_relative_bias_bucket(int64_t relative, bool bidirectional, size_t buckets,
                               size_t max_distance) {
    size_t half = bidirectional ? buckets / 2 : buckets;
    size_t exact = half / 2;
    size_t base = bidirectional && relative > 0 ? half : 0;
    /* Unsigned negation, so that the most negative number has a distance, too. */
    uint64_t distance = relative > 0 ? (uint64_t)relative : 0 - (uint64_t)relative;
    if (!bidirectional && relative > 0) {
        distance = 0;
    }
    assert(exact >= 1 && max_distance > exact);
    if (distance < exact) {
        return base + (size_t)distance;
    }
    /* 1e-9: a distance on a boundary belongs to the bucket above it, as in exact arithmetic. */
    double logarithm = log((double)distance / (double)exact) /
                       log((double)max_distance / (double)exact) * (double)(half - exact);
    size_t bucket = exact + (size_t)(logarithm + 1e-9);
    return base + (bucket < half ? bucket : half - 1);
}

static float read_element(const sg_matrix *table, size_t row, size_t column) {
    const unsigned char *bytes = table->data;
    size_t index = row * table->columns + column;
    if (table->type == SG_WEIGHT_TYPE_F32) {
        float value;
        memcpy(&value, bytes + 4 * index, sizeof value);
        return value;
    }
    uint16_t bits;
    memcpy(&bits, bytes + 2 * index, sizeof bits);
    return table->type == SG_WEIGHT_TYPE_BF16 ? sg_half_from_bf16(bits) : sg_half_from_f16(bits);
}

void sg_relative_bias_fill(const sg_matrix *table, bool bidirectional, size_t max_distance,
                           size_t reach, float *out) {
    assert(reach >= 1);
    size_t width = bidirectional ? 2 * reach - 1 : reach;
    for (size_t i = 0; i < width; i++) {
        /* Both ways: from the key furthest behind to the one furthest ahead. Causal: back from 0.
         */
        int64_t relative = bidirectional ? (int64_t)i - (int64_t)(reach - 1) : -(int64_t)i;
        size_t bucket = sg_relative_bias_bucket(relative, bidirectional, table->rows, max_distance);
        for (size_t head = 0; head < table->columns; head++) {
            out[head * width + i] = read_element(table, bucket, head);
        }
    }
}
