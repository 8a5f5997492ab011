/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets of relative positions: the table of T5's 32 buckets, the reference's float32 formula for
 * others, and the filled table of biases. */
#include "layers/relative_bias.h"

#include <math.h>

#include "support/test.h"

/* First distance of each bucket for 32 buckets and a maximum distance of 128, from the reference.
 */
static void matches_table(void) {
    static const int encoder[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91};
    static const int decoder[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                  16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113};
    for (int64_t n = 0; n < 2000; n++) {
        int expected_encoder = 15;
        int expected_decoder = 31;
        while (encoder[expected_encoder] > n) {
            expected_encoder--;
        }
        while (decoder[expected_decoder] > n) {
            expected_decoder--;
        }
        CHECK_INT(sg_relative_bias_bucket(-n, true, 32, 128), expected_encoder);
        CHECK_INT(sg_relative_bias_bucket(n, true, 32, 128), expected_encoder + (n > 0 ? 16 : 0));
        CHECK_INT(sg_relative_bias_bucket(-n, false, 32, 128), expected_decoder);
        CHECK_INT(sg_relative_bias_bucket(n, false, 32, 128), 0);
    }
}

/* The reference's arithmetic: logarithms in float32, truncated. */
static size_t bucket_in_float(int64_t n, size_t half, size_t max_distance) {
    size_t exact = half / 2;
    if (n < (int64_t)exact) {
        return (size_t)n;
    }
    float place = logf((float)n / (float)exact) / (float)log((double)max_distance / (double)exact) *
                  (float)(half - exact);
    size_t bucket = exact + (size_t)place;
    return bucket < half ? bucket : half - 1;
}

/* Same buckets as the reference for other sizes. */
static void matches_float_formula(void) {
    static const size_t distances[] = {20, 64, 100, 128, 256, 512};
    for (size_t buckets = 4; buckets <= 32; buckets *= 2) {
        for (size_t d = 0; d < 6; d++) {
            for (int64_t n = 0; n < 600; n++) {
                CHECK_INT(sg_relative_bias_bucket(-n, false, buckets, distances[d]),
                          bucket_in_float(n, buckets, distances[d]));
                CHECK_INT(sg_relative_bias_bucket(-n, true, buckets, distances[d]),
                          bucket_in_float(n, buckets / 2, distances[d]));
            }
        }
    }
}

/* The furthest positions that can be written down have a bucket. */
static void takes_extremes(void) {
    CHECK_INT(sg_relative_bias_bucket(INT64_MIN, true, 32, 128), 15);
    CHECK_INT(sg_relative_bias_bucket(INT64_MAX, true, 32, 128), 31);
    CHECK_INT(sg_relative_bias_bucket(INT64_MIN, false, 32, 128), 31);
    CHECK_INT(sg_relative_bias_bucket(-5, false, 2, 2), 1);
}

/* Every distance's bias lands where attention looks for it, for each stored type. */
static void fills_table(void) {
    float table[8][3];
    uint16_t table16[8][3];
    float out[3 * 19];
    for (int b = 0; b < 8; b++) {
        for (int h = 0; h < 3; h++) {
            table[b][h] = (float)(b * 8 + h);
            uint32_t bits;
            memcpy(&bits, &table[b][h], sizeof bits);
            table16[b][h] = (uint16_t)(bits >> 16);
        }
    }
    for (int type = 0; type < 2; type++) {
        sg_matrix w = {type == 0 ? (void *)table : (void *)table16, (sg_weight_type)type, 8, 3};
        sg_relative_bias_fill(&w, true, 20, 10, out);
        for (int h = 0; h < 3; h++) {
            for (int r = -9; r <= 9; r++) {
                size_t bucket = sg_relative_bias_bucket(r, true, 8, 20);
                CHECK(out[h * 19 + r + 9] == table[bucket][h]);
            }
        }
        sg_relative_bias_fill(&w, false, 20, 10, out);
        for (int h = 0; h < 3; h++) {
            for (int n = 0; n < 10; n++) {
                CHECK(out[h * 10 + n] == table[sg_relative_bias_bucket(-n, false, 8, 20)][h]);
            }
        }
    }
}

int main(void) {
    TEST(matches_table);
    TEST(matches_float_formula);
    TEST(takes_extremes);
    TEST(fills_table);
    return test_end();
}
