/* SPDX-License-Identifier: Apache-2.0 */
/* From a safetensors or torch checkpoint to the elements of its tensors, one piece after the other.
 *
 * Data is read with pread into one buffer and never through the mapping: the process stays small
 * whatever the file's size, and a file cut short meanwhile is an error and no signal. A tensor that
 * lies as it is written is read straight; the CRC-32 of its storage is computed on the way. Any
 * other view is gathered: from a copy of the stretch of the storage that it spans where that is
 * small, else element by element. */
#include "storage/tensor_source.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "storage/pickle.h"
#include "storage/shard_index.h"
#include "storage/torch_checkpoint.h"
#include "storage/torch_zip.h"

/* The longest stretch of a storage that is copied to gather from. */
#define STRETCH_MAXIMUM 134217728u

struct sg_tensor_source {
    sg_shard_index *safetensors;
    sg_torch_checkpoint *torch; /* one of the two */
    sg_source_tensor *tensors;  /* [count] */
    size_t count;
    bool *checked;        /* of each torch storage: its CRC-32 was found right */
    unsigned char *piece; /* SG_TENSOR_SOURCE_PIECE bytes */
};

/* ---- opening ---- */

static size_t file_of(const sg_shard_index *index, const sg_tensor *tensor) {
    for (size_t i = 0; i < sg_shard_index_file_count(index); i++) {
        const sg_mapped_file *file = sg_shard_index_file(index, i);
        if (tensor->data >= file->data && tensor->data < file->data + file->size) {
            return i;
        }
    }
    return 0; /* a tensor without elements */
}

static sg_source_tensor from_safetensors(const sg_shard_index *index, const sg_tensor *tensor) {
    size_t file = file_of(index, tensor);
    sg_source_tensor out = {.name = tensor->name,
                            .dtype = tensor->dtype,
                            .rank = tensor->rank,
                            .shape = tensor->shape,
                            .numel = tensor->size / (sg_dtype_bits(tensor->dtype) / 8),
                            .file = file,
                            .storage = SIZE_MAX};
    if (tensor->size > 0) {
        out.begin = (uint64_t)(tensor->data - sg_shard_index_file(index, file)->data);
    }
    return out;
}

static bool is_row_major(const sg_pickle_tensor *view) {
    uint64_t expected = 1;
    for (size_t i = view->rank; i-- > 0;) {
        if (view->shape[i] > 1 && view->strides[i] != expected) {
            return false;
        }
        expected *= view->shape[i];
    }
    return true;
}

static sg_source_tensor from_torch(const sg_torch_checkpoint *torch,
                                   const sg_torch_tensor *tensor) {
    const sg_pickle_tensor *view = tensor->view;
    const sg_torch_storage *storage = sg_torch_checkpoint_storage(torch, tensor->storage);
    return (sg_source_tensor){.name = view->name,
                              .dtype = view->dtype,
                              .rank = view->rank,
                              .shape = view->shape,
                              .strides =
                                  view->numel == 0 || is_row_major(view) ? NULL : view->strides,
                              .numel = view->numel,
                              .file = storage->file,
                              .storage = tensor->storage,
                              .begin = storage->offset,
                              .offset = view->offset};
}

/* Types of less than a byte an element have no place in a model. */
static sg_status check_safetensors_types(const sg_shard_index *index, sg_error *error) {
    for (size_t i = 0; i < sg_shard_index_count(index); i++) {
        const sg_tensor *tensor = sg_shard_index_at(index, i);
        if (sg_dtype_bits(tensor->dtype) % 8 != 0) {
            return sg_error_set(error, SG_STATUS_UNSUPPORTED, "tensor \"%.100s\" has type %s",
                                tensor->name, sg_dtype_name(tensor->dtype));
        }
    }
    return SG_STATUS_OK;
}

/* True if `directory` has a regular file of one of the two names. */
static bool has_either(const char *directory, const char *single, const char *index) {
    const char *const names[2] = {single, index};
    for (size_t i = 0; i < 2; i++) {
        char path[4096];
        struct stat found;
        int length = snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        if (length > 0 && (size_t)length < sizeof path && stat(path, &found) == 0 &&
            S_ISREG(found.st_mode)) {
            return true;
        }
    }
    return false;
}

static sg_status open_form(sg_tensor_source *source, const char *directory, sg_error *error) {
    if (has_either(directory, "model.safetensors", "model.safetensors.index.json")) {
        SG_TRY(sg_shard_index_open(directory, &source->safetensors, error));
        source->count = sg_shard_index_count(source->safetensors);
        return check_safetensors_types(source->safetensors, error);
    }
    if (has_either(directory, "pytorch_model.bin", "pytorch_model.bin.index.json")) {
        SG_TRY(sg_torch_checkpoint_open(directory, &source->torch, error));
        source->count = sg_torch_checkpoint_count(source->torch);
        return SG_STATUS_OK;
    }
    return sg_error_set(
        error, SG_STATUS_NOT_FOUND,
        "%s: found no model.safetensors, no pytorch_model.bin and no index of either", directory);
}

static sg_status list_tensors(sg_tensor_source *source, sg_error *error) {
    size_t storages = source->torch == NULL ? 0 : sg_torch_checkpoint_storage_count(source->torch);
    source->tensors = sg_memory_alloc(source->count, sizeof *source->tensors);
    source->checked = sg_memory_alloc_zeroed(storages, sizeof *source->checked);
    source->piece = sg_memory_alloc(SG_TENSOR_SOURCE_PIECE, 1);
    if (source->tensors == NULL || source->checked == NULL || source->piece == NULL) {
        return sg_memory_error(error, "the list of tensors",
                               source->count * sizeof *source->tensors);
    }
    for (size_t i = 0; i < source->count; i++) {
        source->tensors[i] =
            source->torch == NULL
                ? from_safetensors(source->safetensors, sg_shard_index_at(source->safetensors, i))
                : from_torch(source->torch, sg_torch_checkpoint_at(source->torch, i));
    }
    return SG_STATUS_OK;
}

sg_status sg_tensor_source_open(const char *directory, sg_tensor_source **source, sg_error *error) {
    sg_tensor_source *opened = sg_memory_alloc_zeroed(1, sizeof *opened);
    sg_status status;
    if (opened == NULL) {
        return sg_memory_error(error, "a checkpoint", sizeof *opened);
    }
    status = open_form(opened, directory, error);
    if (status == SG_STATUS_OK) {
        status = list_tensors(opened, error);
    }
    if (status != SG_STATUS_OK) {
        sg_tensor_source_close(opened);
        return status;
    }
    *source = opened;
    return SG_STATUS_OK;
}

void sg_tensor_source_close(sg_tensor_source *source) {
    if (source != NULL) {
        sg_shard_index_close(source->safetensors);
        sg_torch_checkpoint_close(source->torch);
        sg_memory_free(source->tensors);
        sg_memory_free(source->checked);
        sg_memory_free(source->piece);
        sg_memory_free(source);
    }
}

size_t sg_tensor_source_count(const sg_tensor_source *source) {
    return source->count;
}

const sg_source_tensor *sg_tensor_source_at(const sg_tensor_source *source, size_t position) {
    assert(position < source->count);
    return &source->tensors[position];
}

size_t sg_tensor_source_file_count(const sg_tensor_source *source) {
    return source->torch == NULL ? sg_shard_index_file_count(source->safetensors)
                                 : sg_torch_checkpoint_file_count(source->torch);
}

const sg_mapped_file *sg_tensor_source_file(const sg_tensor_source *source, size_t position) {
    return source->torch == NULL ? sg_shard_index_file(source->safetensors, position)
                                 : sg_torch_checkpoint_file(source->torch, position);
}

sg_status sg_tensor_source_check_unchanged(const sg_tensor_source *source, sg_error *error) {
    for (size_t i = 0; i < sg_tensor_source_file_count(source); i++) {
        SG_TRY(sg_mapped_file_check_unchanged(sg_tensor_source_file(source, i), error));
    }
    return SG_STATUS_OK;
}

/* ---- reading ---- */

/* Read `size` bytes from `offset` in pieces, to `sink` (NULL: nowhere); *crc is carried on. */
static sg_status read_straight(sg_tensor_source *source, const sg_mapped_file *file,
                               uint64_t offset, uint64_t size, uint32_t *crc, sg_tensor_sink sink,
                               void *context, sg_error *error) {
    while (size > 0) {
        size_t length = size < SG_TENSOR_SOURCE_PIECE ? (size_t)size : SG_TENSOR_SOURCE_PIECE;
        SG_TRY(sg_mapped_file_read(file, offset, source->piece, length, error));
        if (crc != NULL) {
            *crc = sg_torch_zip_crc32(*crc, source->piece, length);
        }
        if (sink != NULL) {
            SG_TRY(sink(context, source->piece, length, error));
        }
        offset += length;
        size -= length;
    }
    return SG_STATUS_OK;
}

static sg_status judge_crc(sg_tensor_source *source, size_t storage, uint32_t found,
                           sg_error *error) {
    const sg_torch_storage *stored = sg_torch_checkpoint_storage(source->torch, storage);
    if (found != stored->crc) {
        return sg_torch_zip_wrong_crc(sg_tensor_source_file(source, stored->file)->path,
                                      stored->record, found, stored->crc, error);
    }
    source->checked[storage] = true;
    return SG_STATUS_OK;
}

/* Read a whole storage only for its CRC-32, unless that is known. */
static sg_status check_storage(sg_tensor_source *source, const sg_source_tensor *tensor,
                               sg_error *error) {
    const sg_torch_storage *stored;
    uint32_t crc = 0;
    if (tensor->storage == SIZE_MAX || source->checked[tensor->storage]) {
        return SG_STATUS_OK;
    }
    stored = sg_torch_checkpoint_storage(source->torch, tensor->storage);
    SG_TRY(read_straight(source, sg_tensor_source_file(source, stored->file), stored->offset,
                         stored->size, &crc, NULL, NULL, error));
    return judge_crc(source, tensor->storage, crc, error);
}

static sg_status read_row_major(sg_tensor_source *source, const sg_source_tensor *tensor,
                                sg_tensor_sink sink, void *context, sg_error *error) {
    uint64_t element = sg_dtype_bits(tensor->dtype) / 8;
    uint64_t size = tensor->numel * element;
    bool whole = tensor->storage != SIZE_MAX && !source->checked[tensor->storage] &&
                 sg_torch_checkpoint_storage(source->torch, tensor->storage)->size == size;
    uint32_t crc = 0;
    if (!whole) {
        SG_TRY(check_storage(source, tensor, error));
    }
    SG_TRY(read_straight(source, sg_tensor_source_file(source, tensor->file),
                         tensor->begin + tensor->offset * element, size, whole ? &crc : NULL, sink,
                         context, error));
    return whole ? judge_crc(source, tensor->storage, crc, error) : SG_STATUS_OK;
}

/* ---- gathering ---- */

/* A walk over a tensor's elements in row-major order. */
typedef struct element_walk {
    const sg_source_tensor *tensor;
    uint64_t index[SG_PICKLE_MAX_RANK];
    uint64_t place; /* of the present element, from the first, in elements */
} element_walk;

static void step(element_walk *walk) {
    for (size_t i = walk->tensor->rank; i-- > 0;) {
        walk->place += walk->tensor->strides[i];
        if (++walk->index[i] < walk->tensor->shape[i]) {
            return;
        }
        walk->place -= walk->tensor->strides[i] * walk->tensor->shape[i];
        walk->index[i] = 0;
    }
}

/* Elements from the first to the last, both counted. */
static uint64_t span_of(const sg_source_tensor *tensor) {
    uint64_t last = 0;
    for (size_t i = 0; i < tensor->rank; i++) {
        last += (tensor->shape[i] - 1) * tensor->strides[i];
    }
    return last + 1;
}

/* Hand out the elements in pieces; `stretch` is a copy of the span, or NULL to read each from the
 * file. */
static sg_status gather(sg_tensor_source *source, const sg_source_tensor *tensor,
                        const unsigned char *stretch, sg_tensor_sink sink, void *context,
                        sg_error *error) {
    const sg_mapped_file *file = sg_tensor_source_file(source, tensor->file);
    size_t element = sg_dtype_bits(tensor->dtype) / 8;
    element_walk walk = {.tensor = tensor};
    size_t used = 0;
    for (uint64_t i = 0; i < tensor->numel; i++) {
        if (stretch != NULL) {
            memcpy(source->piece + used, stretch + walk.place * element, element);
        } else {
            SG_TRY(sg_mapped_file_read(file,
                                       tensor->begin + (tensor->offset + walk.place) * element,
                                       source->piece + used, element, error));
        }
        used += element;
        step(&walk);
        if (used == SG_TENSOR_SOURCE_PIECE || i + 1 == tensor->numel) {
            SG_TRY(sink(context, source->piece, used, error));
            used = 0;
        }
    }
    return SG_STATUS_OK;
}

static sg_status read_strided(sg_tensor_source *source, const sg_source_tensor *tensor,
                              sg_tensor_sink sink, void *context, sg_error *error) {
    uint64_t element = sg_dtype_bits(tensor->dtype) / 8;
    uint64_t bytes = span_of(tensor) * element;
    unsigned char *stretch = NULL;
    sg_status status = SG_STATUS_OK;
    SG_TRY(check_storage(source, tensor, error));
    if (bytes <= STRETCH_MAXIMUM) {
        stretch = sg_memory_alloc((size_t)bytes, 1);
        if (stretch == NULL) {
            return sg_memory_error(error, "a tensor", (size_t)bytes);
        }
        status = sg_mapped_file_read(sg_tensor_source_file(source, tensor->file),
                                     tensor->begin + tensor->offset * element, stretch,
                                     (size_t)bytes, error);
    }
    if (status == SG_STATUS_OK) {
        status = gather(source, tensor, stretch, sink, context, error);
    }
    sg_memory_free(stretch);
    return status;
}

sg_status sg_tensor_source_read(sg_tensor_source *source, size_t position, sg_tensor_sink sink,
                                void *context, sg_error *error) {
    const sg_source_tensor *tensor = sg_tensor_source_at(source, position);
    return tensor->strides == NULL ? read_row_major(source, tensor, sink, context, error)
                                   : read_strided(source, tensor, sink, context, error);
}
