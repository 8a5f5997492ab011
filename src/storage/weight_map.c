/* SPDX-License-Identifier: Apache-2.0 */
/* From an index file to pairs of names.
 *
 * The index is hostile like any other file: it is read event by event into growing arrays, all of
 * it is checked, and a file name never leaves the index's directory. */
#include "storage/weight_map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "storage/json_reader.h"
#include "storage/mapped_file.h"

#define INDEX_MAXIMUM 100000000u /* bytes; as large as a safetensors header may be */

/* While texts may still move, a pair is two offsets. */
typedef struct offset_pair {
    size_t tensor, file;
} offset_pair;

typedef struct map_reader {
    const char *path; /* begins messages */
    sg_json_reader json;
    offset_pair *pairs;
    size_t count, capacity;
    sg_buffer texts; /* one after the other, NUL-terminated */
    bool found;
} map_reader;

/* To a user bad JSON in the index is a damaged model, not a bad record. */
static sg_status document_status(const map_reader *reader, sg_status status, sg_error *error) {
    if (status != SG_STATUS_BAD_JSON) {
        return status;
    }
    (void)sg_error_prefix(error, status, "%s", reader->path);
    if (error != NULL) {
        error->code = SG_STATUS_MODEL;
    }
    return SG_STATUS_MODEL;
}

static sg_status next(map_reader *reader, sg_json_event *event, sg_error *error) {
    return document_status(reader, sg_json_reader_next(&reader->json, event, error), error);
}

/* Keep the reader's text; *offset is where it begins in reader->texts. */
static sg_status keep_text(map_reader *reader, const char *what, size_t *offset, sg_error *error) {
    *offset = reader->texts.length;
    (void)sg_buffer_append(&reader->texts, reader->json.text, reader->json.text_length);
    if (sg_buffer_append(&reader->texts, "", 1) != SG_STATUS_OK) {
        return sg_memory_error(error, "weight_map", reader->texts.length);
    }
    if (strlen(reader->texts.data + *offset) != reader->json.text_length) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: weight_map has %s that holds a NUL",
                            reader->path, what);
    }
    return SG_STATUS_OK;
}

static sg_status add_pair(map_reader *reader, offset_pair pair, sg_error *error) {
    if (reader->count == reader->capacity) {
        size_t capacity = reader->capacity == 0 ? 64 : reader->capacity * 2;
        offset_pair *pairs = sg_memory_resize(reader->pairs, capacity, sizeof *pairs);
        if (pairs == NULL) {
            return sg_memory_error(error, "weight_map", capacity * sizeof *pairs);
        }
        reader->pairs = pairs;
        reader->capacity = capacity;
    }
    reader->pairs[reader->count++] = pair;
    return SG_STATUS_OK;
}

static sg_status read_weight_map(map_reader *reader, sg_error *error) {
    sg_json_event event;
    if (reader->found) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: weight_map is given twice", reader->path);
    }
    reader->found = true;
    SG_TRY(next(reader, &event, error));
    if (event != SG_JSON_EVENT_OBJECT_BEGIN) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: weight_map is no object", reader->path);
    }
    for (;;) {
        offset_pair pair = {0};
        SG_TRY(next(reader, &event, error));
        if (event == SG_JSON_EVENT_OBJECT_END) {
            return SG_STATUS_OK;
        }
        SG_TRY(keep_text(reader, "a tensor name", &pair.tensor, error));
        SG_TRY(next(reader, &event, error));
        if (event != SG_JSON_EVENT_STRING) {
            return sg_error_set(error, SG_STATUS_MODEL,
                                "%s: weight_map: the file of tensor \"%s\" is no string",
                                reader->path, reader->texts.data + pair.tensor);
        }
        SG_TRY(keep_text(reader, "a file name", &pair.file, error));
        SG_TRY(add_pair(reader, pair, error));
    }
}

/* The whole document is read, so that all of it is checked. */
static sg_status read_document(map_reader *reader, sg_error *error) {
    sg_json_event event;
    SG_TRY(next(reader, &event, error));
    if (event != SG_JSON_EVENT_OBJECT_BEGIN) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: the document is no JSON object",
                            reader->path);
    }
    for (;;) {
        SG_TRY(next(reader, &event, error));
        if (event == SG_JSON_EVENT_OBJECT_END) {
            break;
        }
        if (reader->json.text_length == strlen("weight_map") &&
            memcmp(reader->json.text, "weight_map", reader->json.text_length) == 0) {
            SG_TRY(read_weight_map(reader, error));
            continue;
        }
        SG_TRY(next(reader, &event, error));
        SG_TRY(document_status(reader, sg_json_reader_skip(&reader->json, event, error), error));
    }
    SG_TRY(next(reader, &event, error));
    if (reader->count == 0) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: %s", reader->path,
                            reader->found ? "weight_map names no tensor" : "weight_map is missing");
    }
    return SG_STATUS_OK;
}

/* --- from offsets to a sorted list -------------------------------------------------------------
 */

static int compare_tensors(const void *a, const void *b) {
    return strcmp(((const sg_weight_map_entry *)a)->tensor,
                  ((const sg_weight_map_entry *)b)->tensor);
}

static int compare_files(const void *a, const void *b) {
    return strcmp(((const sg_weight_map_entry *)a)->file, ((const sg_weight_map_entry *)b)->file);
}

/* The name of a file in the directory itself: no way out of it. */
static bool is_plain_name(const char *name) {
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static sg_status check_files(sg_weight_map *map, sg_error *error) {
    for (size_t i = 0; i < map->count; i++) {
        const char *file = map->entries[i].file;
        if (!is_plain_name(file)) {
            return sg_error_set(error, SG_STATUS_MODEL,
                                "%s: weight_map names file \"%s\", expected a plain file name in "
                                "the same directory",
                                map->path, file);
        }
        map->file_count += i == 0 || strcmp(map->entries[i - 1].file, file) != 0 ? 1 : 0;
    }
    return SG_STATUS_OK;
}

/* Refuse what is given twice, sort by file, and count the files. */
static sg_status sort_entries(sg_weight_map *map, sg_error *error) {
    qsort(map->entries, map->count, sizeof *map->entries, compare_tensors);
    for (size_t i = 1; i < map->count; i++) {
        if (strcmp(map->entries[i - 1].tensor, map->entries[i].tensor) == 0) {
            return sg_error_set(error, SG_STATUS_MODEL, "%s: weight_map names tensor \"%s\" twice",
                                map->path, map->entries[i].tensor);
        }
    }
    qsort(map->entries, map->count, sizeof *map->entries, compare_files);
    return check_files(map, error);
}

/* Texts have stopped moving: point at them. */
static sg_status finish(map_reader *reader, sg_weight_map *map, sg_error *error) {
    if (sg_buffer_take(&reader->texts, &map->texts, NULL) != SG_STATUS_OK) {
        return sg_memory_error(error, "weight_map", 1);
    }
    map->entries = sg_memory_alloc(reader->count, sizeof *map->entries);
    if (map->entries == NULL) {
        return sg_memory_error(error, "weight_map", reader->count * sizeof *map->entries);
    }
    map->count = reader->count;
    for (size_t i = 0; i < map->count; i++) {
        map->entries[i] = (sg_weight_map_entry){.tensor = map->texts + reader->pairs[i].tensor,
                                                .file = map->texts + reader->pairs[i].file};
    }
    return sort_entries(map, error);
}

sg_status sg_weight_map_read(const char *path, sg_weight_map *map, sg_error *error) {
    map_reader reader = {.path = path};
    char *bytes = NULL;
    size_t length = 0;
    sg_status status;
    *map = (sg_weight_map){.path = path};
    SG_TRY(sg_file_read_small(path, INDEX_MAXIMUM, &bytes, &length, error));
    sg_buffer_init(&reader.texts, length + 1); /* a text's NUL takes less than its quotes */
    sg_json_reader_init(&reader.json, bytes, length);
    status = read_document(&reader, error);
    if (status == SG_STATUS_OK) {
        status = finish(&reader, map, error);
    }
    sg_json_reader_clear(&reader.json);
    sg_buffer_clear(&reader.texts);
    sg_memory_free(reader.pairs);
    sg_memory_free(bytes);
    return status;
}

void sg_weight_map_clear(sg_weight_map *map) {
    sg_memory_free(map->entries);
    sg_memory_free(map->texts);
    *map = (sg_weight_map){0};
}
