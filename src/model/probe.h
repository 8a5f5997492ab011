/* SPDX-License-Identifier: Apache-2.0 */
/* A look at the values between the stages, for tests and statistics. Costs nothing where there is
 * none. */
#ifndef SG_MODEL_PROBE_H
#define SG_MODEL_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "model/config.h"

typedef enum sg_probe_point {
    SG_PROBE_POINT_EMBEDDING = 0,   /* [rows, D] before block 0 */
    SG_PROBE_POINT_SELF_ATTENTION,  /* [rows, D] what the sublayer adds */
    SG_PROBE_POINT_CROSS_ATTENTION, /* [rows, D] what the sublayer adds */
    SG_PROBE_POINT_BLOCK,           /* [rows, D] after the block */
    SG_PROBE_POINT_OUTPUT           /* [rows, D] after the final norm */
} sg_probe_point;

typedef struct sg_probe {
    /* Values of the rows first_row .. first_row + rows - 1. A stage may be seen in several
     * stretches. */
    void (*see)(void *context, sg_stack stack, size_t block, sg_probe_point point, size_t first_row,
                const float *values, size_t rows, size_t columns);
    /* expert[t] is -1 where the token was dropped; gate[t] the chosen expert's probability. */
    void (*see_routing)(void *context, sg_stack stack, size_t block, const int32_t *expert,
                        const float *gate, size_t tokens);
    void *context;
} sg_probe;

/* Call probe->see if there is one. */
static inline void sg_probe_see(const sg_probe *probe, sg_stack stack, size_t block,
                                sg_probe_point point, size_t first_row, const float *values,
                                size_t rows, size_t columns) {
    if (probe != NULL && probe->see != NULL) {
        probe->see(probe->context, stack, block, point, first_row, values, rows, columns);
    }
}

#endif
