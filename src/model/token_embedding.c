/* SPDX-License-Identifier: Apache-2.0 */
/* One row a token, read from the mapped table. */
#include "model/token_embedding.h"

#include <assert.h>

void sg_token_embedding_lookup(const sg_matrix *table, const int32_t *ids, size_t count,
                               float *out) {
    for (size_t i = 0; i < count; i++) {
        assert(ids[i] >= 0 && (size_t)ids[i] < table->rows);
        sg_matrix_read_row(table, (size_t)ids[i], out + i * table->columns);
    }
}
