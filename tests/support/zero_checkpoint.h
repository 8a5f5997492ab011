/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint of zeros with the tensors that a configuration calls for, and one planted fault. */
#ifndef SG_TEST_ZERO_CHECKPOINT_H
#define SG_TEST_ZERO_CHECKPOINT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/tensor_table.h"
#include "support/temp_dir.h"

/* What differs from a checkpoint that is as it should be. NULL: nothing of that kind. */
typedef struct zero_fault {
    const char *without;     /* a tensor that is left out */
    const char *altered;     /* a tensor whose description is replaced ... */
    const char *dtype;       /* ... by this type */
    const char *shape;       /* ... and this shape, "[2,3]" */
    size_t bytes;            /* ... and this size */
    const char *extra;       /* a tensor more, F32 [1] ... */
    const char *extra_shape; /* ... or of this shape */
    size_t extra_bytes;      /* ... and size */
} zero_fault;

typedef struct zero_writer {
    const zero_fault *fault;
    char *header;
    size_t length, capacity;
    size_t data;
} zero_writer;

static inline void zero_write_entry(zero_writer *to, const char *name, const char *dtype,
                                    const char *shape, size_t bytes) {
    if (to->capacity - to->length < 1024) {
        to->capacity = to->capacity * 2 + 4096;
        to->header = realloc(to->header, to->capacity);
    }
    to->length += (size_t)snprintf(
        to->header + to->length, to->capacity - to->length,
        "%c\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
        to->length == 0 ? '{' : ',', name, dtype, shape, to->data, to->data + bytes);
    to->data += bytes;
}

static inline void zero_write_tensor(zero_writer *to, const char *name, size_t rank, size_t rows,
                                     size_t columns) {
    char shape[64];
    const zero_fault *fault = to->fault;
    if (fault->without != NULL && strcmp(fault->without, name) == 0) {
        return;
    }
    if (fault->altered != NULL && strcmp(fault->altered, name) == 0) {
        zero_write_entry(to, name, fault->dtype, fault->shape, fault->bytes);
        return;
    }
    if (rank == 1) {
        (void)snprintf(shape, sizeof shape, "[%zu]", rows);
    } else {
        (void)snprintf(shape, sizeof shape, "[%zu,%zu]", rows, columns);
    }
    zero_write_entry(to, name, "F32", shape, rows * columns * 4);
}

static inline sg_status zero_visit(void *context, const sg_tensor_slot *slot) {
    zero_write_tensor(context, slot->name, slot->rank, slot->shape[0], slot->shape[1]);
    return SG_STATUS_OK;
}

/* Write DIR/model.safetensors for `config`: shared.weight and everything that the tensor table
 * names. */
static inline void zero_checkpoint_write(const temp_dir *dir, const sg_model_config *config,
                                         const zero_fault *fault) {
    zero_writer to = {.fault = fault};
    unsigned char size[8];
    FILE *file = fopen(temp_dir_path(dir, "model.safetensors"), "wb");
    zero_write_tensor(&to, "shared.weight", 2, config->vocab_size, config->d_model);
    if (sg_tensor_table_walk(config, zero_visit, &to) != SG_STATUS_OK) {
        abort();
    }
    if (fault->extra != NULL) {
        zero_write_entry(&to, fault->extra, "F32",
                         fault->extra_shape == NULL ? "[1]" : fault->extra_shape,
                         fault->extra_shape == NULL ? 4 : fault->extra_bytes);
    }
    to.header[to.length++] = '}';
    for (size_t i = 0; i < 8; i++) {
        size[i] = (unsigned char)((unsigned long long)to.length >> (8 * i));
    }
    (void)fwrite(size, 1, 8, file);
    (void)fwrite(to.header, 1, to.length, file);
    if (fseek(file, (long)(8 + to.length + to.data - 1), SEEK_SET) != 0 || fputc(0, file) != 0 ||
        fclose(file) != 0) {
        perror("model.safetensors");
        exit(1);
    }
    free(to.header);
}

#endif
