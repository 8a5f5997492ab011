/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of a safetensors file to a checked index of its tensors.
 *
 * File: [N: 8 bytes, little-endian][header: N bytes of JSON][data]. The header is read once, event
 * by event, into four growing arrays (entries, names, dimensions, and nothing else), so memory and
 * time are proportional to it (sorting: n log n). Only then are offsets, shapes and sizes checked
 * against each other and the file. No number of the file sizes an allocation.
 *
 * The rules R1 to R18, in the order of the Rust reference 0.8.0 and stricter where
 * src/storage/README.md says so, are named where they are checked. */
#include "storage/safetensors.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "storage/json_reader.h"

#define PREFIX_SIZE 8u
#define HEADER_MAXIMUM 100000000u /* the reference's MAX_HEADER_SIZE */
#define SHOWN_NAME 200            /* bytes of a tensor's name in a message */

struct sg_safetensors {
    size_t count;
    sg_tensor *tensors; /* [count], ascending by name */
    char *names;
    uint64_t *dimensions;
};

/* A tensor as the header tells it. While the header is read the arrays below may still move, so
 * names and shapes are positions in them. */
typedef struct header_entry {
    size_t name;  /* offset in names */
    size_t shape; /* index in dimensions */
    size_t rank;
    uint64_t begin, end; /* data_offsets */
    size_t position;     /* in the order of names */
    sg_dtype dtype;
} header_entry;

typedef struct header_parser {
    const char *file; /* begins messages */
    sg_json_reader reader;
    header_entry *entries;
    size_t count, capacity;
    uint64_t *dimensions;
    size_t dimension_count, dimension_capacity;
    sg_buffer names; /* NUL-terminated, one after the other */
    bool has_metadata;
} header_parser;

static const struct {
    const char *name;
    unsigned bits;
} dtypes[] = {
#define DTYPE_ENTRY(name, bits) {#name, bits},
    SG_DTYPE_LIST(DTYPE_ENTRY)
#undef DTYPE_ENTRY
};

const char *sg_dtype_name(sg_dtype dtype) {
    return dtypes[dtype].name;
}

unsigned sg_dtype_bits(sg_dtype dtype) {
    return dtypes[dtype].bits;
}

/* Bytes of `name` to show: whole characters, not more than SHOWN_NAME bytes. For "%.*s". */
static int shown(const char *name) {
    size_t length = strnlen(name, SHOWN_NAME + 4);
    size_t end = 0;
    while (end < length) {
        size_t step = sg_utf8_decode(name + end, length - end, NULL);
        if (step == 0 || end + step > SHOWN_NAME) {
            break;
        }
        end += step;
    }
    return (int)end;
}

/* To a user bad JSON in a header is a damaged model, not a bad record. */
static sg_status header_status(const header_parser *parser, sg_status status, sg_error *error) {
    if (status != SG_STATUS_BAD_JSON) {
        return status;
    }
    (void)sg_error_prefix(error, status, "%s: header", parser->file);
    if (error != NULL) {
        error->code = SG_STATUS_MODEL;
    }
    return SG_STATUS_MODEL;
}

static sg_status next(header_parser *parser, sg_json_event *event, sg_error *error) {
    return header_status(parser, sg_json_reader_next(&parser->reader, event, error), error);
}

static sg_status skip(header_parser *parser, sg_json_event begun, sg_error *error) {
    return header_status(parser, sg_json_reader_skip(&parser->reader, begun, error), error);
}

/* The name of the tensor that is being read: the last one. */
static const char *current_name(const header_parser *parser) {
    return parser->names.data + parser->entries[parser->count - 1].name;
}

static sg_status entry_error(const header_parser *parser, const char *what, sg_error *error) {
    const char *name = current_name(parser);
    return sg_error_set(error, SG_STATUS_MODEL, "%s: tensor \"%.*s\": %s", parser->file,
                        shown(name), name, what);
}

/* Room for one more element in a growing array. */
static sg_status grow(void **array, size_t count, size_t *capacity, size_t size, sg_error *error) {
    size_t larger = *capacity == 0 ? 16 : *capacity + *capacity / 2;
    void *moved;
    if (count < *capacity) {
        return SG_STATUS_OK;
    }
    moved = sg_memory_resize(*array, larger, size);
    if (moved == NULL) {
        return sg_memory_error(error, "the index of a safetensors file", larger * size);
    }
    *array = moved;
    *capacity = larger;
    return SG_STATUS_OK;
}

static bool text_is(const sg_json_reader *reader, const char *text) {
    return reader->text_length == strlen(text) &&
           memcmp(reader->text, text, reader->text_length) == 0;
}

/* R11. */
static sg_status read_dtype(header_parser *parser, header_entry *entry, sg_error *error) {
    sg_json_event event;
    SG_TRY(next(parser, &event, error));
    if (event != SG_JSON_EVENT_STRING) {
        return entry_error(parser, "dtype is no string", error);
    }
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (text_is(&parser->reader, dtypes[i].name)) {
            entry->dtype = (sg_dtype)i;
            return SG_STATUS_OK;
        }
    }
    return entry_error(parser, "dtype is none of the format's 22 types", error);
}

/* R12. */
static sg_status read_shape(header_parser *parser, header_entry *entry, sg_error *error) {
    sg_json_event event;
    SG_TRY(next(parser, &event, error));
    if (event != SG_JSON_EVENT_ARRAY_BEGIN) {
        return entry_error(parser, "shape is no list", error);
    }
    entry->shape = parser->dimension_count;
    for (;;) {
        void *dimensions = parser->dimensions;
        SG_TRY(next(parser, &event, error));
        if (event == SG_JSON_EVENT_ARRAY_END) {
            entry->rank = parser->dimension_count - entry->shape;
            return SG_STATUS_OK;
        }
        SG_TRY(grow(&dimensions, parser->dimension_count, &parser->dimension_capacity,
                    sizeof *parser->dimensions, error));
        parser->dimensions = dimensions;
        if (event != SG_JSON_EVENT_NUMBER ||
            !sg_json_number_u64(&parser->reader, &parser->dimensions[parser->dimension_count])) {
            return entry_error(parser, "shape holds what is no whole number from 0 to 2^64 - 1",
                               error);
        }
        parser->dimension_count++;
    }
}

/* R13. */
static sg_status read_offsets(header_parser *parser, header_entry *entry, sg_error *error) {
    uint64_t *const out[2] = {&entry->begin, &entry->end};
    sg_json_event event;
    SG_TRY(next(parser, &event, error));
    if (event != SG_JSON_EVENT_ARRAY_BEGIN) {
        return entry_error(parser, "data_offsets is no list", error);
    }
    for (size_t i = 0; i < 2; i++) {
        SG_TRY(next(parser, &event, error));
        if (event != SG_JSON_EVENT_NUMBER || !sg_json_number_u64(&parser->reader, out[i])) {
            return entry_error(parser, "data_offsets is not two whole numbers from 0 to 2^64 - 1",
                               error);
        }
    }
    SG_TRY(next(parser, &event, error));
    if (event != SG_JSON_EVENT_ARRAY_END) {
        return entry_error(parser, "data_offsets holds more than two numbers", error);
    }
    return SG_STATUS_OK;
}

typedef sg_status field_reader(header_parser *parser, header_entry *entry, sg_error *error);

static const struct {
    const char *name;
    field_reader *read;
    const char *twice, *missing;
} fields[] = {
    {"dtype", read_dtype, "dtype is given twice", "dtype is missing"},
    {"shape", read_shape, "shape is given twice", "shape is missing"},
    {"data_offsets", read_offsets, "data_offsets is given twice", "data_offsets is missing"},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

/* At a key of an entry: read its value, or pass it where the key is not one of ours. */
static sg_status read_field(header_parser *parser, header_entry *entry, bool seen[FIELD_COUNT],
                            sg_error *error) {
    sg_json_event event;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (text_is(&parser->reader, fields[i].name)) {
            if (seen[i]) {
                return entry_error(parser, fields[i].twice, error);
            }
            seen[i] = true;
            return fields[i].read(parser, entry, error);
        }
    }
    SG_TRY(next(parser, &event, error));
    return skip(parser, event, error);
}

/* Add an entry under the name that the reader holds. */
static sg_status add_entry(header_parser *parser, sg_error *error) {
    void *entries = parser->entries;
    const sg_json_reader *reader = &parser->reader;
    size_t name = parser->names.length;
    SG_TRY(grow(&entries, parser->count, &parser->capacity, sizeof *parser->entries, error));
    parser->entries = entries;
    (void)sg_buffer_append(&parser->names, reader->text, reader->text_length);
    if (sg_buffer_append(&parser->names, "", 1) != SG_STATUS_OK) {
        return sg_memory_error(error, "the names of tensors", parser->names.length);
    }
    parser->entries[parser->count++] = (header_entry){.name = name};
    if (memchr(parser->names.data + name, '\0', reader->text_length) != NULL) {
        return entry_error(parser, "the name holds a NUL", error);
    }
    return SG_STATUS_OK;
}

/* R9, R10: at a tensor's name. */
static sg_status read_entry(header_parser *parser, sg_error *error) {
    bool seen[FIELD_COUNT] = {false};
    header_entry entry;
    sg_json_event event;
    SG_TRY(add_entry(parser, error));
    entry = parser->entries[parser->count - 1];
    SG_TRY(next(parser, &event, error));
    if (event != SG_JSON_EVENT_OBJECT_BEGIN) {
        return entry_error(parser, "the entry is no object", error);
    }
    for (;;) {
        SG_TRY(next(parser, &event, error));
        if (event == SG_JSON_EVENT_OBJECT_END) {
            break;
        }
        SG_TRY(read_field(parser, &entry, seen, error));
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!seen[i]) {
            return entry_error(parser, fields[i].missing, error);
        }
    }
    parser->entries[parser->count - 1] = entry;
    return SG_STATUS_OK;
}

static sg_status metadata_error(const header_parser *parser, const char *what, sg_error *error) {
    return sg_error_set(error, SG_STATUS_MODEL, "%s: header: __metadata__ %s", parser->file, what);
}

/* R8: null, or an object of strings; a key inside may come twice. */
static sg_status read_metadata(header_parser *parser, sg_error *error) {
    sg_json_event event;
    if (parser->has_metadata) {
        return metadata_error(parser, "is given twice", error);
    }
    parser->has_metadata = true;
    SG_TRY(next(parser, &event, error));
    if (event == SG_JSON_EVENT_NULL) {
        return SG_STATUS_OK;
    }
    if (event != SG_JSON_EVENT_OBJECT_BEGIN) {
        return metadata_error(parser, "is neither null nor an object", error);
    }
    for (;;) {
        SG_TRY(next(parser, &event, error));
        if (event == SG_JSON_EVENT_OBJECT_END) {
            return SG_STATUS_OK;
        }
        SG_TRY(next(parser, &event, error));
        if (event != SG_JSON_EVENT_STRING) {
            return metadata_error(parser, "holds a value that is no string", error);
        }
    }
}

/* R5, R6, R7. */
static sg_status read_header(header_parser *parser, sg_error *error) {
    sg_json_event event;
    SG_TRY(next(parser, &event, error));
    if (event != SG_JSON_EVENT_OBJECT_BEGIN) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: the header is no JSON object",
                            parser->file);
    }
    for (;;) {
        SG_TRY(next(parser, &event, error));
        if (event == SG_JSON_EVENT_OBJECT_END) {
            return next(parser, &event, error);
        }
        if (text_is(&parser->reader, "__metadata__")) {
            SG_TRY(read_metadata(parser, error));
        } else {
            SG_TRY(read_entry(parser, error));
        }
    }
}

static int compare_by_name(const void *a, const void *b) {
    return strcmp(((const sg_tensor *)a)->name, ((const sg_tensor *)b)->name);
}

/* R14 sorts on the pair: tensors of no bytes tie on their begin. */
static int compare_by_offsets(const void *a, const void *b) {
    const header_entry *left = a;
    const header_entry *right = b;
    if (left->begin != right->begin) {
        return left->begin < right->begin ? -1 : 1;
    }
    return (left->end > right->end) - (left->end < right->end);
}

static sg_status tensor_error(const header_parser *parser, const sg_tensor *tensor,
                              const char *what, sg_error *error) {
    return sg_error_set(error, SG_STATUS_MODEL, "%s: tensor \"%.*s\" %s", parser->file,
                        shown(tensor->name), tensor->name, what);
}

/* R15, R16: the bytes that dtype and shape ask for. The product runs from left to right as in the
 * reference: [0, MAX, MAX] fits, [MAX, MAX, 0] does not. */
static sg_status tensor_bytes(const header_parser *parser, const sg_tensor *tensor, size_t *bytes,
                              sg_error *error) {
    size_t bits = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (!sg_checked_mul(bits, tensor->shape[i], &bits)) {
            return tensor_error(parser, tensor, "has a shape whose product overflows", error);
        }
    }
    if (!sg_checked_mul(bits, sg_dtype_bits(tensor->dtype), &bits)) {
        return tensor_error(parser, tensor, "has a shape whose size in bits overflows", error);
    }
    if (bits % 8 != 0) {
        return tensor_error(parser, tensor, "does not fill whole bytes", error);
    }
    *bytes = bits / 8;
    return SG_STATUS_OK;
}

/* R14 to R17 for the tensor that comes next in the data, which is to begin at `expected`. */
static sg_status place_tensor(const header_parser *parser, const header_entry *entry,
                              sg_tensor *tensor, uint64_t expected, const unsigned char *data,
                              size_t data_size, sg_error *error) {
    size_t bytes = 0;
    if (entry->begin != expected || entry->end < entry->begin) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: tensor \"%.*s\" has data_offsets [%llu, %llu], expected to begin "
                            "at %llu, where the tensor before it ends, and not to end before that",
                            parser->file, shown(tensor->name), tensor->name,
                            (unsigned long long)entry->begin, (unsigned long long)entry->end,
                            (unsigned long long)expected);
    }
    SG_TRY(tensor_bytes(parser, tensor, &bytes, error));
    if (entry->end - entry->begin != bytes) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: tensor \"%.*s\" has data_offsets [%llu, %llu], expected %zu bytes "
                            "by its dtype and shape",
                            parser->file, shown(tensor->name), tensor->name,
                            (unsigned long long)entry->begin, (unsigned long long)entry->end,
                            bytes);
    }
    if (entry->end > data_size) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: tensor \"%.*s\" ends at byte %llu of the data, which has %zu",
                            parser->file, shown(tensor->name), tensor->name,
                            (unsigned long long)entry->end, data_size);
    }
    tensor->size = bytes;
    tensor->data = bytes == 0 ? NULL : data + entry->begin;
    return SG_STATUS_OK;
}

/* Give every tensor its place; R18: nothing may be left over. */
static sg_status place_tensors(header_parser *parser, sg_tensor *tensors, const unsigned char *data,
                               size_t data_size, sg_error *error) {
    uint64_t end = 0;
    if (parser->count > 0) { /* without entries there is no array to hand to qsort */
        qsort(parser->entries, parser->count, sizeof *parser->entries, compare_by_offsets);
    }
    for (size_t i = 0; i < parser->count; i++) {
        const header_entry *entry = &parser->entries[i];
        SG_TRY(place_tensor(parser, entry, &tensors[entry->position], end, data, data_size, error));
        end = entry->end;
    }
    if (end != data_size) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: the tensors fill %llu bytes, but the data has %zu", parser->file,
                            (unsigned long long)end, data_size);
    }
    return SG_STATUS_OK;
}

/* Tensors in the order of names, each still without its data; `size` holds its entry's number until
 * the entry knows the tensor's position. */
static sg_status sort_tensors(header_parser *parser, sg_tensor *tensors, sg_error *error) {
    for (size_t i = 0; i < parser->count; i++) {
        const header_entry *entry = &parser->entries[i];
        tensors[i] =
            (sg_tensor){.name = parser->names.data + entry->name,
                        .dtype = entry->dtype,
                        .rank = entry->rank,
                        .shape = entry->rank == 0 ? NULL : parser->dimensions + entry->shape,
                        .size = i};
    }
    qsort(tensors, parser->count, sizeof *tensors, compare_by_name);
    for (size_t i = 0; i < parser->count; i++) {
        if (i > 0 && strcmp(tensors[i - 1].name, tensors[i].name) == 0) {
            return tensor_error(parser, &tensors[i], "is given twice", error);
        }
        parser->entries[tensors[i].size].position = i;
    }
    return SG_STATUS_OK;
}

/* R1 to R4: find the header. */
static sg_status find_header(const char *name, const unsigned char *bytes, size_t length,
                             size_t *header_length, sg_error *error) {
    uint64_t value = 0;
    if (length < PREFIX_SIZE) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: has %zu bytes, expected at least %u: it is no safetensors file",
                            name, length, PREFIX_SIZE);
    }
    for (unsigned i = 0; i < PREFIX_SIZE; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    if (value > HEADER_MAXIMUM) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: the header has %llu bytes, expected at most %u: it is no "
                            "safetensors file",
                            name, (unsigned long long)value, HEADER_MAXIMUM);
    }
    if (value > length - PREFIX_SIZE) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: the header has %llu bytes, but only %zu follow: the file is cut "
                            "off or no safetensors file",
                            name, (unsigned long long)value, length - PREFIX_SIZE);
    }
    *header_length = (size_t)value;
    return SG_STATUS_OK;
}

/* Everything after the header's place is known. `file` receives what it is to own, also on failure.
 */
static sg_status build_index(header_parser *parser, const unsigned char *data, size_t data_size,
                             sg_safetensors *file, sg_error *error) {
    SG_TRY(read_header(parser, error));
    file->tensors = sg_memory_alloc(parser->count, sizeof *file->tensors);
    if (file->tensors == NULL) {
        return sg_memory_error(error, "the index of a safetensors file",
                               parser->count * sizeof *file->tensors);
    }
    SG_TRY(sort_tensors(parser, file->tensors, error));
    SG_TRY(place_tensors(parser, file->tensors, data, data_size, error));
    file->count = parser->count;
    return SG_STATUS_OK;
}

sg_status sg_safetensors_open(const char *name, const unsigned char *bytes, size_t length,
                              sg_safetensors **file, sg_error *error) {
    header_parser parser = {.file = name};
    sg_safetensors *opened;
    size_t header_length = 0;
    sg_status status;
    SG_TRY(find_header(name, bytes, length, &header_length, error));
    opened = sg_memory_alloc_zeroed(1, sizeof *opened);
    if (opened == NULL) {
        return sg_memory_error(error, "a safetensors file", sizeof *opened);
    }
    sg_json_reader_init(&parser.reader, (const char *)bytes + PREFIX_SIZE, header_length);
    sg_buffer_init(&parser.names, header_length); /* a name's NUL takes less than its quotes */
    status = build_index(&parser, bytes + PREFIX_SIZE + header_length,
                         length - PREFIX_SIZE - header_length, opened, error);
    opened->names = parser.names.data;
    opened->dimensions = parser.dimensions;
    sg_memory_free(parser.entries);
    sg_json_reader_clear(&parser.reader);
    if (status != SG_STATUS_OK) {
        sg_safetensors_close(opened);
        return status;
    }
    *file = opened;
    return SG_STATUS_OK;
}

void sg_safetensors_close(sg_safetensors *file) {
    if (file != NULL) {
        sg_memory_free(file->tensors);
        sg_memory_free(file->names);
        sg_memory_free(file->dimensions);
        sg_memory_free(file);
    }
}

size_t sg_safetensors_count(const sg_safetensors *file) {
    return file->count;
}

const sg_tensor *sg_safetensors_at(const sg_safetensors *file, size_t index) {
    assert(index < file->count);
    return &file->tensors[index];
}

const sg_tensor *sg_safetensors_find(const sg_safetensors *file, const char *name) {
    const sg_tensor key = {.name = name};
    return bsearch(&key, file->tensors, file->count, sizeof *file->tensors, compare_by_name);
}
