/* SPDX-License-Identifier: Apache-2.0 */
/* From a directory to one list of tensors over its torch files.
 *
 * A file is a zip (torch_zip.h) with the record data.pkl (pickle.h), which describes tensors as
 * views of storages, and a record data/KEY for each storage. Here the two are joined: a storage
 * exists, and its size is exactly what the pickle says (CVE-2026-24747 came from not comparing
 * them). One format only: whatever else torch.load reads (legacy files, tar files, TorchScript) is
 * recognised to be refused by name, never read by another way. */
#include "storage/torch_checkpoint.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "storage/torch_zip.h"
#include "storage/weight_map.h"

#define SINGLE_NAME "pytorch_model.bin"
#define INDEX_NAME "pytorch_model.bin.index.json"

/* One file. */
typedef struct torch_file {
    sg_mapped_file mapping;
    sg_torch_zip *zip;
    sg_pickle *pickle;
} torch_file;

struct sg_torch_checkpoint {
    torch_file *files; /* [file_count] */
    size_t file_count;
    sg_torch_storage *storages; /* [storage_count] */
    size_t storage_count;
    sg_torch_tensor *tensors; /* [count] */
    size_t count;
};

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

/* ---- what a file is ---- */

/* The first bytes of a file of torch before 1.6: a pickle of the number 0x1950a86a20f9469cfc6c
 * (torch/serialization.py, MAGIC_NUMBER). */
static bool is_legacy(const sg_mapped_file *file) {
    static const unsigned char start[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c,
                                          0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    return file->size >= sizeof start && memcmp(file->data, start, sizeof start) == 0;
}

static bool is_tar(const sg_mapped_file *file) {
    return file->size >= 262 && memcmp(file->data + 257, "ustar", 5) == 0;
}

static sg_status refuse_form(const sg_mapped_file *file, const char *what, sg_error *error) {
    (void)sg_error_set(error, SG_STATUS_UNSUPPORTED, "%s: %s", file->path, what);
    return sg_error_hint(error,
                         "load it with Python and write it again with torch.save(state_dict, "
                         "path), or download safetensors");
}

static sg_status check_form(const sg_mapped_file *file, sg_error *error) {
    static const unsigned char zip_start[] = {'P', 'K', 3, 4};
    if (is_legacy(file)) {
        return refuse_form(file, "a legacy torch file (torch before 1.6), expected a zip", error);
    }
    if (is_tar(file)) {
        return refuse_form(file, "a legacy torch file (tar), expected a zip", error);
    }
    if (file->size < sizeof zip_start || memcmp(file->data, zip_start, sizeof zip_start) != 0) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: no torch file: it does not begin as a zip",
                            file->path);
    }
    return SG_STATUS_OK;
}

/* TorchScript is a zip too, with constants and code in it (the code torch_zip.c refuses). */
static sg_status check_records(const torch_file *file, sg_error *error) {
    const sg_zip_record *order = sg_torch_zip_find(file->zip, "byteorder");
    const unsigned char *bytes;
    if (sg_torch_zip_find(file->zip, "constants.pkl") != NULL) {
        return refuse_form(&file->mapping, "a TorchScript program, expected tensors only", error);
    }
    if (order == NULL) {
        return SG_STATUS_OK; /* torch before 2.1 wrote none; it wrote the machine's order */
    }
    SG_TRY(sg_torch_zip_read(file->zip, order, &bytes, error));
    if (order->size != 6 || memcmp(bytes, "little", 6) != 0) {
        return sg_error_set(error, SG_STATUS_UNSUPPORTED,
                            "%s: record \"byteorder\" is not \"little\"", file->mapping.path);
    }
    return SG_STATUS_OK;
}

static sg_status read_tensor_list(torch_file *file, sg_error *error) {
    const sg_zip_record *record = sg_torch_zip_find(file->zip, "data.pkl");
    const unsigned char *bytes;
    char *name;
    sg_status status;
    if (record == NULL) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: it has no record \"data.pkl\"",
                            file->mapping.path);
    }
    if (record->size > SG_PICKLE_MAX_BYTES) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: data.pkl has %zu bytes, expected at most %u", file->mapping.path,
                            record->size, SG_PICKLE_MAX_BYTES);
    }
    SG_TRY(sg_torch_zip_read(file->zip, record, &bytes, error));
    name = join(file->mapping.path, "data.pkl");
    if (name == NULL) {
        return sg_memory_error(error, "a file's name", strlen(file->mapping.path));
    }
    status = sg_pickle_read(name, bytes, record->size, &file->pickle, error);
    sg_memory_free(name);
    return status;
}

static sg_status open_file(const char *path, torch_file *file, sg_error *error) {
    SG_TRY(sg_mapped_file_open(path, &file->mapping, error));
    SG_TRY(check_form(&file->mapping, error));
    SG_TRY(sg_torch_zip_open(file->mapping.path, file->mapping.data, file->mapping.size, &file->zip,
                             error));
    SG_TRY(check_records(file, error));
    return read_tensor_list(file, error);
}

/* ---- storages ---- */

/* A tensor of one file, to be sorted by its storage. */
typedef struct storage_use {
    const sg_pickle_tensor *view;
    size_t position; /* among the checkpoint's tensors */
} storage_use;

static int by_storage(const void *a, const void *b) {
    const storage_use *left = a;
    const storage_use *right = b;
    int order = strcmp(left->view->storage_key, right->view->storage_key);
    return order != 0 ? order
                      : (left->position > right->position) - (left->position < right->position);
}

static sg_status refuse_storage(const torch_file *file, const sg_pickle_tensor *view,
                                const char *what, sg_error *error) {
    return sg_error_set(error, SG_STATUS_MODEL, "%s: tensor \"%.100s\": storage %s: %s",
                        file->mapping.path, view->name, view->storage_key, what);
}

/* Find the record of a storage and compare its size with what the pickle says. */
static sg_status find_storage(const sg_torch_checkpoint *checkpoint, size_t file_number,
                              const sg_pickle_tensor *view, sg_torch_storage *out,
                              sg_error *error) {
    const torch_file *file = &checkpoint->files[file_number];
    char name[32] = "data/";
    const sg_zip_record *record;
    uint64_t bytes;
    (void)strncpy(name + 5, view->storage_key, sizeof name - 6);
    record = sg_torch_zip_find(file->zip, name);
    if (record == NULL) {
        return refuse_storage(file, view, "the file has no such record", error);
    }
    if (__builtin_mul_overflow(view->storage_numel, (uint64_t)sg_dtype_bits(view->dtype) / 8,
                               &bytes) ||
        bytes != record->size) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%s: tensor \"%.100s\": storage %s has %zu bytes, expected %llu "
                            "elements of %s",
                            file->mapping.path, view->name, view->storage_key, record->size,
                            (unsigned long long)view->storage_numel, sg_dtype_name(view->dtype));
    }
    *out = (sg_torch_storage){.record = record->name,
                              .file = file_number,
                              .offset = record->offset,
                              .size = record->size,
                              .crc = record->crc,
                              .dtype = view->dtype};
    return SG_STATUS_OK;
}

/* Give each tensor of a file, sorted by storage, its storage. */
static sg_status join_storages(sg_torch_checkpoint *checkpoint, size_t file_number,
                               const storage_use *uses, size_t count, sg_error *error) {
    for (size_t i = 0; i < count; i++) {
        const sg_pickle_tensor *view = uses[i].view;
        if (i == 0 || strcmp(uses[i - 1].view->storage_key, view->storage_key) != 0) {
            SG_TRY(find_storage(checkpoint, file_number, view,
                                &checkpoint->storages[checkpoint->storage_count], error));
            checkpoint->storage_count++;
        } else if (uses[i - 1].view->dtype != view->dtype ||
                   uses[i - 1].view->storage_numel != view->storage_numel) {
            return refuse_storage(&checkpoint->files[file_number], view,
                                  "another tensor gives it another type or size", error);
        }
        checkpoint->tensors[uses[i].position].storage = checkpoint->storage_count - 1;
    }
    return SG_STATUS_OK;
}

static sg_status add_tensors(sg_torch_checkpoint *checkpoint, size_t file_number, sg_error *error) {
    const sg_pickle *pickle = checkpoint->files[file_number].pickle;
    size_t count = sg_pickle_count(pickle);
    storage_use *uses = sg_memory_alloc(count, sizeof *uses);
    sg_status status;
    if (uses == NULL) {
        return sg_memory_error(error, "the list of storages", count * sizeof *uses);
    }
    for (size_t i = 0; i < count; i++) {
        uses[i] = (storage_use){sg_pickle_at(pickle, i), checkpoint->count};
        checkpoint->tensors[checkpoint->count++] = (sg_torch_tensor){.view = uses[i].view};
    }
    if (count > 1) {
        qsort(uses, count, sizeof *uses, by_storage);
    }
    status = join_storages(checkpoint, file_number, uses, count, error);
    sg_memory_free(uses);
    return status;
}

/* ---- all files ---- */

static int by_name(const void *a, const void *b) {
    return strcmp((*(const sg_torch_tensor *const *)a)->view->name,
                  (*(const sg_torch_tensor *const *)b)->view->name);
}

static const char *path_of(const sg_torch_checkpoint *checkpoint, const sg_torch_tensor *tensor) {
    return checkpoint->files[checkpoint->storages[tensor->storage].file].mapping.path;
}

/* The last part of a path. */
static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* A name in two files: which one counts differs between readers. Within a file pickle.c looked. */
static sg_status check_names(const sg_torch_checkpoint *checkpoint,
                             const sg_torch_tensor *const *sorted, sg_error *error) {
    for (size_t i = 1; i < checkpoint->count; i++) {
        if (by_name(&sorted[i - 1], &sorted[i]) == 0) {
            return sg_error_set(error, SG_STATUS_MODEL, "%s and %s both hold tensor \"%.100s\"",
                                path_of(checkpoint, sorted[i - 1]),
                                file_name(path_of(checkpoint, sorted[i])), sorted[i]->view->name);
        }
    }
    return SG_STATUS_OK;
}

/* As for safetensors (shard_index.h): a tensor must not lie in another file than weight_map says;
 * one that lies in none is let pass. */
static sg_status check_places(const sg_torch_checkpoint *checkpoint,
                              const sg_torch_tensor *const *sorted, const sg_weight_map *map,
                              sg_error *error) {
    for (size_t i = 0; i < map->count; i++) {
        const sg_weight_map_entry *entry = &map->entries[i];
        sg_pickle_tensor view = {.name = entry->tensor};
        sg_torch_tensor key = {.view = &view};
        const sg_torch_tensor *wanted = &key;
        const sg_torch_tensor *const *found =
            bsearch(&wanted, sorted, checkpoint->count, sizeof *sorted, by_name);
        if (found != NULL && strcmp(file_name(path_of(checkpoint, *found)), entry->file) != 0) {
            return sg_error_set(error, SG_STATUS_MODEL,
                                "%s: weight_map puts tensor \"%s\" in %s, it lies in %s", map->path,
                                entry->tensor, entry->file, file_name(path_of(checkpoint, *found)));
        }
    }
    return SG_STATUS_OK;
}

/* Compare all files' tensors with each other and with the index. */
static sg_status check_shards(const sg_torch_checkpoint *checkpoint, const sg_weight_map *map,
                              sg_error *error) {
    const sg_torch_tensor **sorted = sg_memory_alloc(checkpoint->count, sizeof *sorted);
    sg_status status;
    if (sorted == NULL) {
        return sg_memory_error(error, "the list of tensors", checkpoint->count * sizeof *sorted);
    }
    for (size_t i = 0; i < checkpoint->count; i++) {
        sorted[i] = &checkpoint->tensors[i];
    }
    if (checkpoint->count > 1) {
        qsort(sorted, checkpoint->count, sizeof *sorted, by_name);
    }
    status = check_names(checkpoint, sorted, error);
    if (status == SG_STATUS_OK) {
        status = check_places(checkpoint, sorted, map, error);
    }
    sg_memory_free(sorted);
    return status;
}

static sg_status join_files(sg_torch_checkpoint *checkpoint, sg_error *error) {
    size_t total = 0;
    for (size_t i = 0; i < checkpoint->file_count; i++) {
        total += sg_pickle_count(checkpoint->files[i].pickle);
    }
    checkpoint->tensors = sg_memory_alloc(total, sizeof *checkpoint->tensors);
    checkpoint->storages = sg_memory_alloc(total, sizeof *checkpoint->storages);
    if (checkpoint->tensors == NULL || checkpoint->storages == NULL) {
        return sg_memory_error(error, "the list of tensors", total * sizeof *checkpoint->tensors);
    }
    for (size_t i = 0; i < checkpoint->file_count; i++) {
        SG_TRY(add_tensors(checkpoint, i, error));
    }
    return SG_STATUS_OK;
}

static sg_status reserve_files(sg_torch_checkpoint *checkpoint, size_t count, sg_error *error) {
    checkpoint->files = sg_memory_alloc_zeroed(count, sizeof *checkpoint->files);
    return checkpoint->files != NULL ? SG_STATUS_OK
                                     : sg_memory_error(error, "the list of weight files",
                                                       count * sizeof *checkpoint->files);
}

static sg_status open_listed_file(sg_torch_checkpoint *checkpoint, const char *directory,
                                  const char *index_path, const char *name, sg_error *error) {
    char *path = join(directory, name);
    sg_status status;
    if (path == NULL) {
        return sg_memory_error(error, "a file's name", strlen(directory) + strlen(name) + 2);
    }
    status = open_file(path, &checkpoint->files[checkpoint->file_count++], error);
    sg_memory_free(path);
    if (status == SG_STATUS_NOT_FOUND) {
        (void)sg_error_hint(error, "%s lists this file: the download may be incomplete",
                            index_path);
    }
    return status;
}

/* Open each file that weight_map names. */
static sg_status open_listed_files(sg_torch_checkpoint *checkpoint, const char *directory,
                                   const sg_weight_map *map, sg_error *error) {
    SG_TRY(reserve_files(checkpoint, map->file_count, error));
    for (size_t i = 0; i < map->count; i++) {
        const sg_weight_map_entry *entry = &map->entries[i];
        if (i == 0 || strcmp(entry[-1].file, entry->file) != 0) {
            SG_TRY(open_listed_file(checkpoint, directory, map->path, entry->file, error));
        }
    }
    SG_TRY(join_files(checkpoint, error));
    return check_shards(checkpoint, map, error);
}

static bool is_regular_file(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode);
}

static sg_status open_sharded(sg_torch_checkpoint *checkpoint, const char *directory,
                              const char *index_path, sg_error *error) {
    sg_weight_map map;
    sg_status status = sg_weight_map_read(index_path, &map, error);
    if (status == SG_STATUS_OK) {
        status = open_listed_files(checkpoint, directory, &map, error);
    }
    sg_weight_map_clear(&map);
    return status;
}

static sg_status open_either(sg_torch_checkpoint *checkpoint, const char *directory,
                             const char *single_path, const char *index_path, sg_error *error) {
    if (is_regular_file(single_path)) {
        SG_TRY(reserve_files(checkpoint, 1, error));
        checkpoint->file_count = 1;
        SG_TRY(open_file(single_path, &checkpoint->files[0], error));
        return join_files(checkpoint, error);
    }
    if (is_regular_file(index_path)) {
        return open_sharded(checkpoint, directory, index_path, error);
    }
    return sg_error_set(error, SG_STATUS_NOT_FOUND, "%s: found no %s and no %s", directory,
                        SINGLE_NAME, INDEX_NAME);
}

sg_status sg_torch_checkpoint_open(const char *directory, sg_torch_checkpoint **checkpoint,
                                   sg_error *error) {
    sg_torch_checkpoint *opened = sg_memory_alloc_zeroed(1, sizeof *opened);
    char *single_path = join(directory, SINGLE_NAME);
    char *index_path = join(directory, INDEX_NAME);
    sg_status status;
    if (opened == NULL || single_path == NULL || index_path == NULL) {
        status = sg_memory_error(error, "a checkpoint's index", sizeof *opened);
    } else {
        status = open_either(opened, directory, single_path, index_path, error);
    }
    sg_memory_free(single_path);
    sg_memory_free(index_path);
    if (status != SG_STATUS_OK) {
        sg_torch_checkpoint_close(opened);
        return status;
    }
    *checkpoint = opened;
    return SG_STATUS_OK;
}

void sg_torch_checkpoint_close(sg_torch_checkpoint *checkpoint) {
    if (checkpoint == NULL) {
        return;
    }
    for (size_t i = 0; i < checkpoint->file_count; i++) {
        sg_pickle_destroy(checkpoint->files[i].pickle);
        sg_torch_zip_close(checkpoint->files[i].zip);
        sg_mapped_file_close(&checkpoint->files[i].mapping);
    }
    sg_memory_free(checkpoint->files);
    sg_memory_free(checkpoint->storages);
    sg_memory_free(checkpoint->tensors);
    sg_memory_free(checkpoint);
}

size_t sg_torch_checkpoint_count(const sg_torch_checkpoint *checkpoint) {
    return checkpoint->count;
}

const sg_torch_tensor *sg_torch_checkpoint_at(const sg_torch_checkpoint *checkpoint,
                                              size_t position) {
    assert(position < checkpoint->count);
    return &checkpoint->tensors[position];
}

size_t sg_torch_checkpoint_storage_count(const sg_torch_checkpoint *checkpoint) {
    return checkpoint->storage_count;
}

const sg_torch_storage *sg_torch_checkpoint_storage(const sg_torch_checkpoint *checkpoint,
                                                    size_t position) {
    assert(position < checkpoint->storage_count);
    return &checkpoint->storages[position];
}

size_t sg_torch_checkpoint_file_count(const sg_torch_checkpoint *checkpoint) {
    return checkpoint->file_count;
}

const sg_mapped_file *sg_torch_checkpoint_file(const sg_torch_checkpoint *checkpoint,
                                               size_t position) {
    assert(position < checkpoint->file_count);
    return &checkpoint->files[position].mapping;
}
