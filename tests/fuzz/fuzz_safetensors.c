/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a safetensors file, twice: as they are, and as a header and data whose length is
 * written before them, so that the fuzzer need not guess it.
 *
 * Promises for what is accepted: tensors lie in the file one after the other without hole or
 * overlap, names ascend, each is found by its name, sizes are those of type and shape. */
#include "fuzz/fuzz_target.h"

#include <string.h>

#include "storage/safetensors.h"

static void use_tensor(const sg_tensor *tensor, const uint8_t *data, size_t size) {
    uint64_t bits = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        FUZZ_REQUIRE(!__builtin_mul_overflow(bits, tensor->shape[i], &bits));
    }
    FUZZ_REQUIRE(!__builtin_mul_overflow(bits, (uint64_t)sg_dtype_bits(tensor->dtype), &bits));
    FUZZ_REQUIRE(bits % 8 == 0 && bits / 8 == tensor->size);
    FUZZ_REQUIRE((tensor->data == NULL) == (tensor->size == 0));
    FUZZ_REQUIRE(tensor->data == NULL || (tensor->data >= data && tensor->size <= size &&
                                          (size_t)(tensor->data - data) <= size - tensor->size));
}

static void use_file(const sg_safetensors *file, const uint8_t *data, size_t size) {
    size_t header = 8;
    size_t total = 0;
    for (unsigned i = 0; i < 8; i++) {
        header += (size_t)data[i] << (8 * i);
    }
    for (size_t i = 0; i < sg_safetensors_count(file); i++) {
        const sg_tensor *tensor = sg_safetensors_at(file, i);
        use_tensor(tensor, data, size);
        total += tensor->size;
        FUZZ_REQUIRE(sg_safetensors_find(file, tensor->name) == tensor);
        FUZZ_REQUIRE(i == 0 || strcmp(sg_safetensors_at(file, i - 1)->name, tensor->name) < 0);
    }
    FUZZ_REQUIRE(header + total == size);
}

static void open_bytes(const uint8_t *data, size_t size) {
    sg_safetensors *file = NULL;
    sg_error error;
    sg_status status = sg_safetensors_open("fuzz", data, size, &file, &error);
    FUZZ_REQUIRE(status == SG_STATUS_OK || (status == SG_STATUS_MODEL && error.code == status));
    FUZZ_REQUIRE((file != NULL) == (status == SG_STATUS_OK));
    if (file != NULL) {
        use_file(file, data, size);
    }
    sg_safetensors_close(file);
}

/* The input as a header, followed by as many data bytes as its last byte says. */
static void open_as_header(const uint8_t *data, size_t size) {
    size_t length = size - 1;
    size_t extra = data[size - 1];
    uint8_t *bytes = calloc(1, 8 + length + extra);
    if (bytes == NULL) {
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)length >> (8 * i));
    }
    memcpy(bytes + 8, data, length);
    open_bytes(bytes, 8 + length + extra);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    open_bytes(data, size);
    if (size > 0) {
        open_as_header(data, size);
    }
    return 0;
}
