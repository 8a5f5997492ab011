/* SPDX-License-Identifier: Apache-2.0 */
/* From a list of tensors and their data, in an order that this file chooses, to safetensors files.
 *
 * A file: [N: 8 bytes][header: N bytes, padded with spaces to a multiple of 8][data]. As the Rust
 * reference 0.8.0 writes it: __metadata__ first, then the tensors by type (the wider first; the
 * format's own order within a width) and name, their data in that order without gaps. Headers are
 * written before the data and once more at the end, when the source's sums are known; their lengths
 * do not change. */
#include "storage/safetensors_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "storage/json_writer.h"

#define HEADER_MAXIMUM 100000000u /* the reference's MAX_HEADER_SIZE */
#define INDEX_NAME "model.safetensors.index.json"
#define NAME_SIZE 64
#define NO_FILE (-1)

/* One tensor in its place. */
typedef struct planned_tensor {
    const sg_written_tensor *tensor;
    size_t shard;
    uint64_t size, begin; /* data_offsets[0] */
} planned_tensor;

typedef struct planned_shard {
    size_t first, count; /* of its tensors */
    uint64_t header_size, data_size;
} planned_shard;

struct sg_safetensors_writer {
    const sg_target_folder *folder;
    const sg_written_tensor *tensors;
    const sg_written_metadata *metadata;
    size_t metadata_count;
    planned_tensor *plan; /* [count], in the order of writing */
    size_t count;
    planned_shard *shards;
    size_t shard_count;
    size_t next;      /* the tensor at work is plan[next - 1] */
    uint64_t written; /* bytes of it */
    int descriptor;   /* of its shard's file */
};

/* ---- the plan ---- */

static uint64_t size_of(const sg_written_tensor *tensor) {
    uint64_t size = sg_dtype_bits(tensor->dtype) / 8;
    for (size_t i = 0; i < tensor->rank; i++) {
        size *= tensor->shape[i];
    }
    return size;
}

/* Fill shards in the given order. */
static void choose_shards(sg_safetensors_writer *writer, uint64_t max_shard_bytes) {
    uint64_t used = 0;
    writer->shard_count = 1;
    for (size_t i = 0; i < writer->count; i++) {
        uint64_t size = size_of(&writer->tensors[i]);
        if (used > 0 && size > 0 && (size > max_shard_bytes || used > max_shard_bytes - size)) {
            writer->shard_count++;
            used = 0;
        }
        used += size;
        writer->plan[i] = (planned_tensor){
            .tensor = &writer->tensors[i], .shard = writer->shard_count - 1, .size = size};
    }
}

static int in_writing_order(const void *a, const void *b) {
    const planned_tensor *left = a;
    const planned_tensor *right = b;
    if (left->shard != right->shard) {
        return left->shard < right->shard ? -1 : 1;
    }
    if (left->tensor->dtype != right->tensor->dtype) {
        return left->tensor->dtype > right->tensor->dtype ? -1 : 1;
    }
    return strcmp(left->tensor->name, right->tensor->name);
}

/* Give each tensor its offset and each shard its range. */
static void lay_out(sg_safetensors_writer *writer) {
    for (size_t i = 0; i < writer->count; i++) {
        planned_shard *shard = &writer->shards[writer->plan[i].shard];
        if (shard->count == 0) {
            shard->first = i;
        }
        writer->plan[i].begin = shard->data_size;
        shard->data_size += writer->plan[i].size;
        shard->count++;
    }
}

static void write_entry(sg_buffer *header, const planned_tensor *planned) {
    const sg_written_tensor *tensor = planned->tensor;
    sg_json_write_string(header, tensor->name, strlen(tensor->name));
    (void)sg_buffer_append_format(header, ":{\"dtype\":\"%s\",\"shape\":[",
                                  sg_dtype_name(tensor->dtype));
    for (size_t i = 0; i < tensor->rank; i++) {
        (void)sg_buffer_append_format(header, "%s%" PRIu64, i == 0 ? "" : ",", tensor->shape[i]);
    }
    (void)sg_buffer_append_format(header, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
                                  planned->begin, planned->begin + planned->size);
}

/* The header of a shard, padded, without its length. */
static sg_status write_header(const sg_safetensors_writer *writer, const planned_shard *shard,
                              sg_buffer *header, sg_error *error) {
    sg_buffer_reset(header);
    (void)sg_buffer_append_text(header, "{\"__metadata__\":{");
    for (size_t i = 0; i < writer->metadata_count; i++) {
        const sg_written_metadata *pair = &writer->metadata[i];
        (void)sg_buffer_append_text(header, i == 0 ? "" : ",");
        sg_json_write_string(header, pair->key, strlen(pair->key));
        (void)sg_buffer_append_text(header, ":");
        sg_json_write_string(header, pair->value, strlen(pair->value));
    }
    (void)sg_buffer_append_text(header, "}");
    for (size_t i = 0; i < shard->count; i++) {
        (void)sg_buffer_append_text(header, ",");
        write_entry(header, &writer->plan[shard->first + i]);
    }
    (void)sg_buffer_append_text(header, "}");
    while (header->length % 8 != 0 && header->status == SG_STATUS_OK) {
        (void)sg_buffer_append_text(header, " ");
    }
    if (header->status == SG_STATUS_TOO_LONG) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "a safetensors header would have more than %u bytes", HEADER_MAXIMUM);
    }
    return header->status == SG_STATUS_OK ? SG_STATUS_OK
                                          : sg_memory_error(error, "a header", header->length);
}

static sg_status plan_files(sg_safetensors_writer *writer, uint64_t max_shard_bytes,
                            sg_error *error) {
    sg_buffer header;
    sg_status status = SG_STATUS_OK;
    choose_shards(writer, max_shard_bytes);
    writer->shards = sg_memory_alloc_zeroed(writer->shard_count, sizeof *writer->shards);
    if (writer->shards == NULL) {
        return sg_memory_error(error, "the list of shards",
                               writer->shard_count * sizeof *writer->shards);
    }
    if (writer->count > 1) {
        qsort(writer->plan, writer->count, sizeof *writer->plan, in_writing_order);
    }
    lay_out(writer);
    sg_buffer_init(&header, HEADER_MAXIMUM);
    for (size_t i = 0; i < writer->shard_count && status == SG_STATUS_OK; i++) {
        status = write_header(writer, &writer->shards[i], &header, error);
        writer->shards[i].header_size = header.length;
    }
    sg_buffer_clear(&header);
    return status;
}

sg_status sg_safetensors_writer_create(const sg_target_folder *folder,
                                       const sg_written_tensor *tensors, size_t count,
                                       uint64_t max_shard_bytes,
                                       const sg_written_metadata *metadata, size_t metadata_count,
                                       sg_safetensors_writer **writer, sg_error *error) {
    sg_safetensors_writer *made = sg_memory_alloc_zeroed(1, sizeof *made);
    sg_status status;
    if (made == NULL) {
        return sg_memory_error(error, "a writer", sizeof *made);
    }
    *made = (sg_safetensors_writer){.folder = folder,
                                    .tensors = tensors,
                                    .metadata = metadata,
                                    .metadata_count = metadata_count,
                                    .count = count,
                                    .descriptor = NO_FILE};
    made->plan = sg_memory_alloc(count, sizeof *made->plan);
    if (made->plan == NULL) {
        status = sg_memory_error(error, "the list of tensors", count * sizeof *made->plan);
    } else {
        status = plan_files(made, max_shard_bytes, error);
    }
    if (status != SG_STATUS_OK) {
        sg_safetensors_writer_destroy(made);
        return status;
    }
    *writer = made;
    return SG_STATUS_OK;
}

uint64_t sg_safetensors_writer_bytes(const sg_safetensors_writer *writer) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < writer->shard_count; i++) {
        bytes += 8 + writer->shards[i].header_size + writer->shards[i].data_size;
    }
    return bytes;
}

size_t sg_safetensors_writer_shard_count(const sg_safetensors_writer *writer) {
    return writer->shard_count;
}

/* ---- writing ---- */

static void name_shard(const sg_safetensors_writer *writer, size_t shard, char name[NAME_SIZE]) {
    if (writer->shard_count == 1) {
        (void)snprintf(name, NAME_SIZE, "model.safetensors");
    } else {
        (void)snprintf(name, NAME_SIZE, "model-%05zu-of-%05zu.safetensors", shard + 1,
                       writer->shard_count);
    }
}

bool sg_safetensors_writer_is_name(const char *name) {
    size_t length = strlen(name);
    static const char ending[] = ".safetensors";
    return strcmp(name, INDEX_NAME) == 0 || strcmp(name, "model.safetensors") == 0 ||
           (strncmp(name, "model-", 6) == 0 && length > sizeof ending &&
            strcmp(name + length - (sizeof ending - 1), ending) == 0);
}

/* Write a shard's length and header to its open file. */
static sg_status put_header(const sg_safetensors_writer *writer, size_t shard, int descriptor,
                            sg_error *error) {
    char name[NAME_SIZE];
    unsigned char length[8];
    sg_buffer header;
    sg_status status;
    name_shard(writer, shard, name);
    sg_buffer_init(&header, HEADER_MAXIMUM);
    status = write_header(writer, &writer->shards[shard], &header, error);
    if (status == SG_STATUS_OK) {
        assert(header.length == writer->shards[shard].header_size);
        for (unsigned i = 0; i < 8; i++) {
            length[i] = (unsigned char)((uint64_t)header.length >> (8 * i));
        }
        status = sg_target_folder_write(writer->folder, name, descriptor, length, 8, 0, error);
    }
    if (status == SG_STATUS_OK) {
        status = sg_target_folder_write(writer->folder, name, descriptor, header.data,
                                        header.length, 8, error);
    }
    sg_buffer_clear(&header);
    return status;
}

static sg_status close_shard(sg_safetensors_writer *writer, size_t shard, sg_error *error) {
    char name[NAME_SIZE];
    int descriptor = writer->descriptor;
    name_shard(writer, shard, name);
    writer->descriptor = NO_FILE;
    return sg_target_folder_close_file(writer->folder, name, descriptor, false, error);
}

static sg_status open_shard(sg_safetensors_writer *writer, size_t shard, sg_error *error) {
    char name[NAME_SIZE];
    name_shard(writer, shard, name);
    SG_TRY(sg_target_folder_open_file(writer->folder, name, &writer->descriptor, error));
    return put_header(writer, shard, writer->descriptor, error);
}

sg_status sg_safetensors_writer_next(sg_safetensors_writer *writer, bool *more, size_t *index,
                                     sg_error *error) {
    size_t before = writer->next == 0 ? SIZE_MAX : writer->plan[writer->next - 1].shard;
    assert(writer->next == 0 || writer->written == writer->plan[writer->next - 1].size);
    *more = writer->next < writer->count;
    if (!*more) {
        return SG_STATUS_OK;
    }
    if (before != writer->plan[writer->next].shard) {
        if (before != SIZE_MAX) {
            SG_TRY(close_shard(writer, before, error));
        }
        SG_TRY(open_shard(writer, writer->plan[writer->next].shard, error));
    }
    *index = (size_t)(writer->plan[writer->next].tensor - writer->tensors);
    writer->next++;
    writer->written = 0;
    return SG_STATUS_OK;
}

sg_status sg_safetensors_writer_append(sg_safetensors_writer *writer, const void *bytes,
                                       size_t length, sg_error *error) {
    const planned_tensor *planned = &writer->plan[writer->next - 1];
    char name[NAME_SIZE];
    assert(writer->next > 0 && length <= planned->size - writer->written);
    name_shard(writer, planned->shard, name);
    SG_TRY(sg_target_folder_write(
        writer->folder, name, writer->descriptor, bytes, length,
        8 + writer->shards[planned->shard].header_size + planned->begin + writer->written, error));
    writer->written += length;
    return SG_STATUS_OK;
}

/* ---- the end ---- */

/* Write a header once more and synchronise the file. A checkpoint without a tensor is made here. */
static sg_status finish_shard(const sg_safetensors_writer *writer, size_t shard, sg_error *error) {
    char name[NAME_SIZE];
    int descriptor;
    sg_status status, closed;
    name_shard(writer, shard, name);
    SG_TRY(sg_target_folder_open_file(writer->folder, name, &descriptor, error));
    status = put_header(writer, shard, descriptor, error);
    closed = sg_target_folder_close_file(writer->folder, name, descriptor, status == SG_STATUS_OK,
                                         status == SG_STATUS_OK ? error : NULL);
    return status == SG_STATUS_OK ? closed : status;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const planned_tensor *const *)a)->tensor->name,
                  (*(const planned_tensor *const *)b)->tensor->name);
}

/* The index as save_pretrained writes it: names ascending, two spaces of indentation. */
static sg_status write_index(const sg_safetensors_writer *writer, const planned_tensor **sorted,
                             sg_buffer *text, sg_error *error) {
    uint64_t total = 0;
    for (size_t i = 0; i < writer->count; i++) {
        sorted[i] = &writer->plan[i];
        total += writer->plan[i].size;
    }
    qsort(sorted, writer->count, sizeof *sorted, by_name);
    (void)sg_buffer_append_format(
        text, "{\n  \"metadata\": {\n    \"total_size\": %" PRIu64 "\n  },\n  \"weight_map\": {",
        total);
    for (size_t i = 0; i < writer->count; i++) {
        char name[NAME_SIZE];
        name_shard(writer, sorted[i]->shard, name);
        (void)sg_buffer_append_text(text, i == 0 ? "\n    " : ",\n    ");
        sg_json_write_string(text, sorted[i]->tensor->name, strlen(sorted[i]->tensor->name));
        (void)sg_buffer_append_format(text, ": \"%s\"", name);
    }
    return sg_buffer_append_text(text, "\n  }\n}\n") == SG_STATUS_OK
               ? SG_STATUS_OK
               : sg_memory_error(error, "an index", text->length);
}

static sg_status put_index(const sg_safetensors_writer *writer, const sg_buffer *text,
                           sg_error *error) {
    int descriptor;
    sg_status status, closed;
    SG_TRY(sg_target_folder_open_file(writer->folder, INDEX_NAME, &descriptor, error));
    status = sg_target_folder_write(writer->folder, INDEX_NAME, descriptor, text->data,
                                    text->length, 0, error);
    closed =
        sg_target_folder_close_file(writer->folder, INDEX_NAME, descriptor, status == SG_STATUS_OK,
                                    status == SG_STATUS_OK ? error : NULL);
    return status == SG_STATUS_OK ? closed : status;
}

static sg_status finish_index(const sg_safetensors_writer *writer, sg_error *error) {
    const planned_tensor **sorted = sg_memory_alloc(writer->count, sizeof *sorted);
    sg_buffer text;
    sg_status status;
    if (sorted == NULL) {
        return sg_memory_error(error, "an index", writer->count * sizeof *sorted);
    }
    sg_buffer_init(&text, SIZE_MAX - 1);
    status = write_index(writer, sorted, &text, error);
    if (status == SG_STATUS_OK) {
        status = put_index(writer, &text, error);
    }
    sg_buffer_clear(&text);
    sg_memory_free(sorted);
    return status;
}

sg_status sg_safetensors_writer_finish(sg_safetensors_writer *writer, sg_error *error) {
    assert(writer->next == writer->count);
    if (writer->descriptor != NO_FILE) {
        SG_TRY(close_shard(writer, writer->plan[writer->count - 1].shard, error));
    }
    for (size_t i = 0; i < writer->shard_count; i++) {
        SG_TRY(finish_shard(writer, i, error));
    }
    return writer->shard_count > 1 ? finish_index(writer, error) : SG_STATUS_OK;
}

void sg_safetensors_writer_destroy(sg_safetensors_writer *writer) {
    if (writer == NULL) {
        return;
    }
    if (writer->descriptor != NO_FILE) {
        (void)close_shard(writer, 0, NULL);
    }
    sg_memory_free(writer->plan);
    sg_memory_free(writer->shards);
    sg_memory_free(writer);
}
