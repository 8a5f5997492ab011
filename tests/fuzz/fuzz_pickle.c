/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the pickle of a torch file.
 *
 * Promises for what is accepted: each tensor's farthest element lies in its storage, its size is
 * the product of its shape, its name and key are texts. */
#include "fuzz/fuzz_target.h"

#include <string.h>

#include "storage/pickle.h"

static void use_tensor(const sg_pickle_tensor *tensor) {
    uint64_t product = 1;
    uint64_t last = tensor->offset;
    FUZZ_REQUIRE(tensor->rank <= SG_PICKLE_MAX_RANK && tensor->name[0] != '\0');
    FUZZ_REQUIRE(strspn(tensor->storage_key, "0123456789") == strlen(tensor->storage_key));
    for (size_t i = 0; i < tensor->rank; i++) {
        uint64_t reach;
        FUZZ_REQUIRE(!__builtin_mul_overflow(product, tensor->shape[i], &product));
        if (tensor->numel > 0) {
            FUZZ_REQUIRE(!__builtin_mul_overflow(tensor->shape[i] - 1, tensor->strides[i], &reach));
            FUZZ_REQUIRE(tensor->shape[i] == 1 || !__builtin_add_overflow(last, reach, &last));
        }
    }
    FUZZ_REQUIRE(product == tensor->numel);
    FUZZ_REQUIRE(tensor->numel == 0 || last < tensor->storage_numel);
    /* No two elements share a place, so there are not more of them than places. */
    FUZZ_REQUIRE(tensor->numel <= tensor->storage_numel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sg_pickle *pickle = NULL;
    sg_error error;
    sg_status status = sg_pickle_read("fuzz", data, size, &pickle, &error);
    FUZZ_REQUIRE(status == SG_STATUS_OK || status == SG_STATUS_MODEL ||
                 status == SG_STATUS_UNSUPPORTED);
    FUZZ_REQUIRE((pickle != NULL) == (status == SG_STATUS_OK));
    for (size_t i = 0; pickle != NULL && i < sg_pickle_count(pickle); i++) {
        use_tensor(sg_pickle_at(pickle, i));
    }
    sg_pickle_destroy(pickle);
    return 0;
}
