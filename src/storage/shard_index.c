/* SPDX-License-Identifier: Apache-2.0 */
/* From a directory to one sorted list of tensors over all weight files.
 *
 * The index file is hostile like any other: it is read event by event into growing arrays, and a
 * shard name never leaves the directory. All files stay mapped; nothing of their data is read. */
#include "storage/shard_index.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "storage/model_advice.h"
#include "storage/weight_map.h"

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"
#define PICKLE_START "pytorch_model"

/* Where to open from, and whom to tell of flaws (NULL: the first one ends it). */
typedef struct opening {
    const char *directory;
    const sg_problem_sink *sink;
    sg_error *error;
} opening;

/* One weight file. */
typedef struct weight_file {
    char *name; /* in the directory */
    sg_mapped_file mapping;
    sg_safetensors *tensors;
} weight_file;

typedef struct placed_tensor {
    const sg_tensor *tensor;
    size_t file;
} placed_tensor;

struct sg_shard_index {
    weight_file *files; /* [file_count], ascending by name */
    size_t file_count;
    placed_tensor *tensors; /* [count], ascending by name */
    size_t count;
};

/* "DIRECTORY/NAME", owned by the caller; NULL without memory. */
static char *join(const char *directory, const char *name) {
    sg_buffer path;
    char *joined = NULL;
    sg_buffer_init(&path, SIZE_MAX - 1);
    (void)sg_buffer_append_format(&path, "%s/%s", directory, name);
    if (sg_buffer_take(&path, &joined, NULL) != SG_STATUS_OK) {
        sg_buffer_clear(&path);
        return NULL;
    }
    return joined;
}

/* ---- opening the files ---- */

static void close_file(weight_file *file) {
    sg_safetensors_close(file->tensors);
    sg_mapped_file_close(&file->mapping);
    sg_memory_free(file->name);
    *file = (weight_file){0};
}

static sg_status open_file(const char *directory, const char *name, weight_file *file,
                           sg_error *error) {
    char *path = join(directory, name);
    sg_status status;
    file->name = sg_memory_copy_text(name, strlen(name));
    if (path == NULL || file->name == NULL) {
        sg_memory_free(path);
        return sg_memory_error(error, "a file's name", strlen(directory) + strlen(name) + 2);
    }
    status = sg_mapped_file_open(path, &file->mapping, error);
    if (status == SG_STATUS_OK) {
        status = sg_safetensors_open(path, file->mapping.data, file->mapping.size, &file->tensors,
                                     error);
    }
    sg_memory_free(path);
    return status;
}

/* Room for `count` files, none open. */
static sg_status reserve_files(sg_shard_index *index, size_t count, sg_error *error) {
    index->files = sg_memory_alloc_zeroed(count, sizeof *index->files);
    if (index->files == NULL) {
        return sg_memory_error(error, "the list of weight files", count * sizeof *index->files);
    }
    return SG_STATUS_OK;
}

static sg_status open_listed_file(sg_shard_index *index, const opening *from,
                                  const sg_weight_map *map, const char *name) {
    sg_status status;
    status = open_file(from->directory, name, &index->files[index->file_count++], from->error);
    if (status == SG_STATUS_NOT_FOUND) {
        (void)sg_error_hint(from->error, "%s lists this file: the download may be incomplete",
                            map->path);
    }
    return status;
}

/* Open one file; where it fails and that is told, the file is not listed. */
static sg_status try_listed_file(sg_shard_index *index, const opening *from,
                                 const sg_weight_map *map, const char *name) {
    size_t count = index->file_count;
    sg_status status = open_listed_file(index, from, map, name);
    bool failed = status != SG_STATUS_OK;
    SG_TRY(sg_problem_pass(from->sink, status, from->error));
    if (failed && index->file_count > count) {
        index->file_count = count;
        close_file(&index->files[count]);
    }
    return SG_STATUS_OK;
}

/* Open each file that weight_map names. */
static sg_status open_listed_files(sg_shard_index *index, const opening *from,
                                   const sg_weight_map *map) {
    SG_TRY(reserve_files(index, map->file_count, from->error));
    for (size_t i = 0; i < map->count; i++) {
        const sg_weight_map_entry *entry = &map->entries[i];
        if (i == 0 || strcmp(entry[-1].file, entry->file) != 0) {
            SG_TRY(try_listed_file(index, from, map, entry->file));
        }
    }
    return SG_STATUS_OK;
}

static int compare_placed(const void *a, const void *b) {
    const placed_tensor *left = a;
    const placed_tensor *right = b;
    int order = strcmp(left->tensor->name, right->tensor->name);
    return order != 0 ? order : (left->file > right->file) - (left->file < right->file);
}

/* Drop what an earlier file holds, too; each is a flaw. The list is sorted. */
static sg_status drop_repeated(sg_shard_index *index, const opening *from) {
    size_t kept = 0;
    for (size_t i = 0; i < index->count; i++) {
        const placed_tensor *next = &index->tensors[i];
        const placed_tensor *last = &index->tensors[kept == 0 ? 0 : kept - 1];
        if (kept > 0 && strcmp(last->tensor->name, next->tensor->name) == 0) {
            sg_status status =
                sg_error_set(from->error, SG_STATUS_MODEL, "%s and %s both hold tensor \"%s\"",
                             index->files[last->file].mapping.path, index->files[next->file].name,
                             last->tensor->name);
            SG_TRY(sg_problem_pass(from->sink, status, from->error));
            continue;
        }
        index->tensors[kept++] = *next;
    }
    index->count = kept;
    return SG_STATUS_OK;
}

/* One list over all files. */
static sg_status merge_tensors(sg_shard_index *index, const opening *from) {
    size_t total = 0;
    for (size_t i = 0; i < index->file_count; i++) {
        total += sg_safetensors_count(index->files[i].tensors);
    }
    index->tensors = sg_memory_alloc(total, sizeof *index->tensors);
    if (index->tensors == NULL) {
        return sg_memory_error(from->error, "the list of tensors", total * sizeof *index->tensors);
    }
    for (size_t i = 0; i < index->file_count; i++) {
        for (size_t k = 0; k < sg_safetensors_count(index->files[i].tensors); k++) {
            index->tensors[index->count++] =
                (placed_tensor){.tensor = sg_safetensors_at(index->files[i].tensors, k), .file = i};
        }
    }
    qsort(index->tensors, index->count, sizeof *index->tensors, compare_placed);
    return drop_repeated(index, from);
}

static const placed_tensor *find_placed(const sg_shard_index *index, const char *name) {
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, index->tensors[middle].tensor->name);
        if (order == 0) {
            return &index->tensors[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

/* A tensor must not lie in another file than weight_map says. One that lies in none is let pass:
 * the hub's converter leaves out all but one of the names that share their values in a shard, and
 * lists them all the same (google/switch-base-64, refs/pr/6). Whoever needs it will miss it. */
static sg_status check_places(const sg_shard_index *index, const opening *from,
                              const sg_weight_map *map) {
    for (size_t i = 0; i < map->count; i++) {
        const sg_weight_map_entry *entry = &map->entries[i];
        const placed_tensor *placed = find_placed(index, entry->tensor);
        if (placed != NULL && strcmp(index->files[placed->file].name, entry->file) != 0) {
            sg_status status =
                sg_error_set(from->error, SG_STATUS_MODEL,
                             "%s: weight_map puts tensor \"%s\" in %s, it lies in %s", map->path,
                             entry->tensor, entry->file, index->files[placed->file].name);
            SG_TRY(sg_problem_pass(from->sink, status, from->error));
        }
    }
    return SG_STATUS_OK;
}

/* ---- choosing the form ---- */

static bool is_regular_file(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode);
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* Files that look like weights in other forms, for the hint; as many as fit. */
static void list_other_weights(const char *directory, sg_buffer *list) {
    static const char *const ends[] = {".bin", ".h5",   ".msgpack", ".ckpt",
                                       ".pt",  ".gguf", ".onnx",    ".safetensors"};
    DIR *opened = opendir(directory);
    const struct dirent *entry;
    while (opened != NULL && (entry = readdir(opened)) != NULL) {
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            if (ends_with(entry->d_name, ends[i])) {
                (void)sg_buffer_append_format(list, "%s%s", list->length == 0 ? "" : ", ",
                                              entry->d_name);
                break;
            }
        }
    }
    if (opened != NULL) {
        (void)closedir(opened);
    }
}

/* The hint for a directory with other files only, `list`; pickle files come with the command to
 * run. */
static void explain_other_weights(const char *directory, const char *list, sg_error *error) {
    sg_buffer command;
    sg_buffer_init(&command, SG_ERROR_HINT_SIZE);
    if (strstr(list, PICKLE_START) != NULL) {
        sg_model_advice_conversion(directory, NULL, &command);
    }
    (void)sg_error_hint(
        error, "the directory holds %s: convert the weights to safetensors%s%s", list,
        command.length == 0 ? "" : " with: ", command.length == 0 ? "" : command.data);
    sg_buffer_clear(&command);
}

static sg_status no_weights(const char *directory, sg_error *error) {
    struct stat found;
    sg_buffer list;
    sg_status status;
    if (stat(directory, &found) != 0 && errno != ENOENT && errno != ENOTDIR) {
        return sg_error_from_errno(error, errno, "%s", directory);
    }
    status = sg_error_set(error, SG_STATUS_NOT_FOUND, "%s: found no %s and no %s", directory,
                          SINGLE_NAME, INDEX_NAME);
    sg_buffer_init(&list, SG_ERROR_HINT_SIZE / 2);
    list_other_weights(directory, &list);
    if (list.length > 0) {
        explain_other_weights(directory, list.data, error);
    }
    sg_buffer_clear(&list);
    return status;
}

static sg_status open_sharded(sg_shard_index *index, const opening *from, const char *index_path) {
    sg_weight_map map;
    sg_status status = sg_weight_map_read(index_path, &map, from->error);
    if (status == SG_STATUS_OK) {
        status = open_listed_files(index, from, &map);
    }
    if (status == SG_STATUS_OK) {
        status = merge_tensors(index, from);
    }
    if (status == SG_STATUS_OK) {
        status = check_places(index, from, &map);
    }
    sg_weight_map_clear(&map);
    return status;
}

static sg_status open_single(sg_shard_index *index, const opening *from) {
    SG_TRY(reserve_files(index, 1, from->error));
    index->file_count = 1;
    SG_TRY(open_file(from->directory, SINGLE_NAME, &index->files[0], from->error));
    return merge_tensors(index, from);
}

/* The order of the reference: a regular file of the single name, else the index. */
static sg_status open_either(sg_shard_index *index, const opening *from, const char *single_path,
                             const char *index_path) {
    if (is_regular_file(single_path)) {
        return open_single(index, from);
    }
    if (is_regular_file(index_path)) {
        return open_sharded(index, from, index_path);
    }
    return no_weights(from->directory, from->error);
}

sg_status sg_shard_index_examine(const char *directory, const sg_problem_sink *sink,
                                 sg_shard_index **index, sg_error *error) {
    const opening from = {directory, sink, error};
    sg_shard_index *opened = sg_memory_alloc_zeroed(1, sizeof *opened);
    char *single_path = join(directory, SINGLE_NAME);
    char *index_path = join(directory, INDEX_NAME);
    sg_status status;
    if (opened == NULL || single_path == NULL || index_path == NULL) {
        status = sg_memory_error(error, "a checkpoint's index", sizeof *opened);
    } else {
        status = open_either(opened, &from, single_path, index_path);
    }
    sg_memory_free(single_path);
    sg_memory_free(index_path);
    if (status != SG_STATUS_OK) {
        sg_shard_index_close(opened);
        return status;
    }
    *index = opened;
    return SG_STATUS_OK;
}

sg_status sg_shard_index_open(const char *directory, sg_shard_index **index, sg_error *error) {
    return sg_shard_index_examine(directory, NULL, index, error);
}

void sg_shard_index_close(sg_shard_index *index) {
    if (index == NULL) {
        return;
    }
    for (size_t i = 0; i < index->file_count; i++) {
        close_file(&index->files[i]);
    }
    sg_memory_free(index->files);
    sg_memory_free(index->tensors);
    sg_memory_free(index);
}

size_t sg_shard_index_count(const sg_shard_index *index) {
    return index->count;
}

const sg_tensor *sg_shard_index_at(const sg_shard_index *index, size_t position) {
    assert(position < index->count);
    return index->tensors[position].tensor;
}

const sg_tensor *sg_shard_index_find(const sg_shard_index *index, const char *name) {
    const placed_tensor *placed = find_placed(index, name);
    return placed == NULL ? NULL : placed->tensor;
}

size_t sg_shard_index_file_count(const sg_shard_index *index) {
    return index->file_count;
}

const sg_mapped_file *sg_shard_index_file(const sg_shard_index *index, size_t position) {
    assert(position < index->file_count);
    return &index->files[position].mapping;
}

sg_status sg_shard_index_check_unchanged(const sg_shard_index *index, sg_error *error) {
    for (size_t i = 0; i < index->file_count; i++) {
        SG_TRY(sg_mapped_file_check_unchanged(&index->files[i].mapping, error));
    }
    return SG_STATUS_OK;
}

uint64_t sg_shard_index_bytes(const sg_shard_index *index) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < index->file_count; i++) {
        bytes += index->files[i].mapping.identity.size;
    }
    return bytes;
}

sg_status sg_shard_index_read_in(sg_shard_index *index, sg_error *error) {
    for (size_t i = 0; i < index->file_count; i++) {
        SG_TRY(sg_mapped_file_read_in(&index->files[i].mapping, error));
    }
    return SG_STATUS_OK;
}

sg_status sg_shard_index_lock(const sg_shard_index *index, sg_error *error) {
    for (size_t i = 0; i < index->file_count; i++) {
        SG_TRY(sg_mapped_file_lock(&index->files[i].mapping, error));
    }
    return SG_STATUS_OK;
}
