/* SPDX-License-Identifier: Apache-2.0 */
/* Beams hold indices, not copies: a row's lineage must lead to what its ancestors computed. */
#include "support/test.h"

#include <stdint.h>

#include "model/kv_cache.h"

enum { LAYERS = 2, WIDTH = 3, BEAMS = 3, STEPS = 6 };

/* What row `slot` computes at step `step`: a value that tells both. */
static float value_of(size_t layer, size_t step, size_t slot) {
    return (float)(layer * 1000 + step * 10 + slot);
}

/* Rows are reordered each step; an independent copy of whole histories says what each must see. */
static void lineage_follows_parents(void) {
    static const int32_t parents[STEPS][BEAMS] = {{0, 0, 0}, {2, 0, 1}, {1, 1, 1},
                                                  {0, 2, 2}, {2, 1, 0}, {0, 0, 1}};
    static const size_t live[STEPS] = {3, 3, 3, 3, 2, 2};
    float history[BEAMS][STEPS + 1] = {{0}};
    size_t rows = 1;
    sg_kv_cache cache;
    CHECK_INT(sg_kv_cache_init(&cache, LAYERS, WIDTH, BEAMS, STEPS + 1, 1, NULL), SG_STATUS_OK);
    for (size_t step = 0; step < STEPS; step++) {
        float next[BEAMS][STEPS + 1] = {{0}};
        for (size_t slot = 0; slot < rows; slot++) {
            for (size_t layer = 0; layer < LAYERS; layer++) {
                float value = value_of(layer, step, slot);
                float keys[WIDTH] = {value, value, value};
                sg_kv_cache_put(&cache, layer, slot, keys, keys);
            }
            history[slot][step] = value_of(0, step, slot);
        }
        sg_kv_cache_advance(&cache);
        sg_kv_cache_reorder(&cache, parents[step], live[step]);
        for (size_t row = 0; row < live[step]; row++) {
            memcpy(next[row], history[parents[step][row]], sizeof next[row]);
        }
        memcpy(history, next, sizeof history);
        rows = live[step];
        for (size_t row = 0; row < rows; row++) {
            for (size_t layer = 0; layer < LAYERS; layer++) {
                for (size_t t = 0; t <= step; t++) {
                    size_t place = (size_t)sg_kv_cache_lineage(&cache, row)[t];
                    float expected = history[row][t] + (float)(layer * 1000);
                    CHECK_NEAR(sg_kv_cache_self_keys(&cache, layer)[place * WIDTH + 2], expected,
                               0);
                    CHECK_NEAR(sg_kv_cache_self_values(&cache, layer)[place * WIDTH], expected, 0);
                }
            }
        }
    }
    sg_kv_cache_clear(&cache);
    sg_kv_cache_clear(&cache);
}

/* A claim that no memory can meet is a clean failure. */
static void impossible_sizes_fail(void) {
    sg_kv_cache cache;
    sg_error error;
    CHECK_INT(sg_kv_cache_init(&cache, 1, 1, 64, SIZE_MAX / 2, 1, &error), SG_STATUS_MEMORY);
    CHECK_INT(sg_kv_cache_init(&cache, SIZE_MAX / 8, 8, 2, 8, 8, &error), SG_STATUS_MEMORY);
    CHECK(cache.self_keys == NULL);
}

int main(void) {
    TEST(lineage_follows_parents);
    TEST(impossible_sizes_fail);
    return test_end();
}
