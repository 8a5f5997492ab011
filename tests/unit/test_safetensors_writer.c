/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: its files are what the reader reads and byte for byte what the reference writer
 * makes; shards and their index agree. And the folder that appears only when it is whole. */
#include "storage/safetensors_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "storage/mapped_file.h"
#include "storage/shard_index.h"
#include "support/temp_dir.h"
#include "support/test.h"

static bool is_ours(const char *name) {
    return sg_safetensors_writer_is_name(name);
}

static const uint64_t shape_2_3[] = {2, 3};
static const uint64_t shape_4[] = {4};
static const uint64_t shape_0_5[] = {0, 5};

static const sg_written_tensor tensors[] = {
    {"b", SG_DTYPE_F32, 2, shape_2_3}, {"a", SG_DTYPE_F32, 1, shape_4},
    {"h", SG_DTYPE_F16, 1, shape_4},   {"c", SG_DTYPE_BF16, 1, shape_4},
    {"s", SG_DTYPE_F64, 0, NULL},      {"empty", SG_DTYPE_U8, 2, shape_0_5}};
enum { TENSOR_COUNT = sizeof tensors / sizeof tensors[0] };

static size_t size_of(const sg_written_tensor *tensor) {
    size_t size = sg_dtype_bits(tensor->dtype) / 8;
    for (size_t i = 0; i < tensor->rank; i++) {
        size *= (size_t)tensor->shape[i];
    }
    return size;
}

/* Write all tensors, each filled with the number of its place; true if all went well. */
static bool write_all(const char *target, uint64_t max_shard_bytes,
                      const sg_written_metadata *metadata, size_t metadata_count) {
    sg_target_folder *folder = NULL;
    sg_safetensors_writer *writer = NULL;
    sg_error error = {.code = SG_STATUS_OK};
    bool more = true;
    bool good =
        sg_target_folder_create(target, is_ours, &folder, &error) == SG_STATUS_OK &&
        sg_safetensors_writer_create(folder, tensors, TENSOR_COUNT, max_shard_bytes, metadata,
                                     metadata_count, &writer, &error) == SG_STATUS_OK;
    while (good && more) {
        unsigned char bytes[64];
        size_t index = 0;
        good = sg_safetensors_writer_next(writer, &more, &index, &error) == SG_STATUS_OK;
        if (good && more) {
            size_t half = size_of(&tensors[index]) / 2;
            memset(bytes, (int)index + 1, sizeof bytes);
            good = sg_safetensors_writer_append(writer, bytes, half, &error) == SG_STATUS_OK &&
                   sg_safetensors_writer_append(writer, bytes, size_of(&tensors[index]) - half,
                                                &error) == SG_STATUS_OK;
        }
    }
    good = good && sg_safetensors_writer_finish(writer, &error) == SG_STATUS_OK &&
           sg_target_folder_commit(folder, &error) == SG_STATUS_OK;
    if (!good) {
        printf("%s\n", error.message);
    }
    sg_safetensors_writer_destroy(writer);
    sg_target_folder_close(folder);
    return good;
}

/* Protects: one file, byte for byte as the package safetensors 0.8.0 writes it (metadata
 * {"format":"pt"}). */
static void writes_what_the_reference_writes(void) {
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"s\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[8,24]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,48]},"
        "\"c\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[48,56]},"
        "\"h\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[56,64]},"
        "\"empty\":{\"dtype\":\"U8\",\"shape\":[0,5],\"data_offsets\":[64,64]}}";
    const sg_written_metadata metadata = {"format", "pt"};
    temp_dir dir = temp_dir_create();
    char *bytes = NULL;
    size_t length = 0;
    size_t padded = (sizeof header - 1 + 7) / 8 * 8;
    CHECK(write_all(temp_dir_path(&dir, "out"), 1000, &metadata, 1));
    CHECK_INT(sg_file_read_small(temp_dir_path(&dir, "out/model.safetensors"), 10000, &bytes,
                                 &length, NULL),
              SG_STATUS_OK);
    if (bytes != NULL) {
        CHECK_INT(length, 8 + padded + 64);
        CHECK_INT((unsigned char)bytes[0] + 256 * (unsigned char)bytes[1], padded);
        CHECK(memcmp(bytes + 8, header, sizeof header - 1) == 0);
        CHECK_INT(bytes[8 + padded - 1], padded == sizeof header - 1 ? '}' : ' ');
        CHECK_INT(bytes[8 + padded], 5);      /* s */
        CHECK_INT(bytes[8 + padded + 8], 2);  /* a */
        CHECK_INT(bytes[8 + padded + 63], 3); /* h */
    }
    free(bytes);
    CHECK(access(temp_dir_path(&dir, "out.part"), F_OK) != 0);
    CHECK(access(temp_dir_path(&dir, "out/model.safetensors.index.json"), F_OK) != 0);
    temp_dir_remove(&dir);
}

/* Protects: shards fill in the given order, a larger tensor has one to itself, and the reader finds
 * each tensor in the file that the index says. */
static void writes_shards(void) {
    static const struct {
        uint64_t maximum;
        size_t files;
    } cases[] = {{1, 5}, {24, 3}, {39, 3}, {40, 2}, {63, 2}, {64, 1}, {1000, 1}};
    temp_dir dir = temp_dir_create();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sg_shard_index *index = NULL;
        char name[32];
        sg_error error = {.code = SG_STATUS_OK};
        (void)snprintf(name, sizeof name, "out-%zu", i);
        CHECK(write_all(temp_dir_path(&dir, name), cases[i].maximum, NULL, 0));
        CHECK_INT(sg_shard_index_open(temp_dir_path(&dir, name), &index, &error), SG_STATUS_OK);
        CHECK_TEXT(error.message, "");
        if (index == NULL) {
            continue;
        }
        CHECK_INT(sg_shard_index_file_count(index), cases[i].files);
        CHECK_INT(sg_shard_index_count(index), TENSOR_COUNT);
        for (size_t k = 0; k < TENSOR_COUNT; k++) {
            const sg_tensor *tensor = sg_shard_index_find(index, tensors[k].name);
            CHECK(tensor != NULL && tensor->dtype == tensors[k].dtype &&
                  tensor->size == size_of(&tensors[k]));
            for (size_t b = 0; tensor != NULL && b < tensor->size; b++) {
                CHECK_INT(tensor->data[b], k + 1);
            }
        }
        sg_shard_index_close(index);
    }
    temp_dir_remove(&dir);
}

/* Protects: a target that exists is refused and stays as it is. */
static void refuses_an_existing_target(void) {
    sg_target_folder *folder = NULL;
    sg_error error;
    temp_dir dir = temp_dir_create();
    CHECK_INT(sg_target_folder_create(dir.path, is_ours, &folder, &error), SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message, "exists already");
    CHECK_INT(symlink("nowhere", temp_dir_path(&dir, "link")), 0);
    CHECK_INT(sg_target_folder_create(temp_dir_path(&dir, "link"), is_ours, &folder, &error),
              SG_STATUS_ARGUMENT);
    CHECK_INT(sg_target_folder_create("", is_ours, &folder, &error), SG_STATUS_ARGUMENT);
    CHECK_INT(sg_target_folder_create(temp_dir_path(&dir, "no/folder"), is_ours, &folder, &error),
              SG_STATUS_IO);
    temp_dir_remove(&dir);
}

/* Protects: what a killed run left is removed, what is not ours is not touched, a run at work is
 * not disturbed, and an abandoned run leaves nothing. */
static void knows_leftovers(void) {
    sg_target_folder *folder = NULL;
    sg_target_folder *second = NULL;
    sg_error error = {.code = SG_STATUS_OK};
    temp_dir dir = temp_dir_create();
    CHECK_INT(mkdir(temp_dir_path(&dir, "out.part"), 0777), 0);
    (void)temp_dir_write_text(&dir, "out.part/model-00001-of-00009.safetensors", "half");
    CHECK_INT(sg_target_folder_create(temp_dir_path(&dir, "out///"), is_ours, &folder, &error),
              SG_STATUS_OK);
    CHECK(access(temp_dir_path(&dir, "out.part/model-00001-of-00009.safetensors"), F_OK) != 0);
    CHECK_INT(sg_target_folder_create(temp_dir_path(&dir, "out"), is_ours, &second, &error),
              SG_STATUS_IO);
    CHECK_CONTAINS(error.message, "another run");
    sg_target_folder_close(folder);
    CHECK(access(temp_dir_path(&dir, "out.part"), F_OK) != 0);
    CHECK(access(temp_dir_path(&dir, "out"), F_OK) != 0);

    CHECK_INT(mkdir(temp_dir_path(&dir, "out.part"), 0777), 0);
    (void)temp_dir_write_text(&dir, "out.part/thesis.txt", "mine");
    CHECK_INT(sg_target_folder_create(temp_dir_path(&dir, "out"), is_ours, &folder, &error),
              SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message, "thesis.txt");
    CHECK(access(temp_dir_path(&dir, "out.part/thesis.txt"), F_OK) == 0);
    temp_dir_remove(&dir);
}

/* Protects: a target that appears while the work is done is not replaced. */
static void never_replaces(void) {
    sg_target_folder *folder = NULL;
    sg_error error = {.code = SG_STATUS_OK};
    temp_dir dir = temp_dir_create();
    CHECK_INT(sg_target_folder_create(temp_dir_path(&dir, "out"), is_ours, &folder, &error),
              SG_STATUS_OK);
    CHECK_INT(mkdir(temp_dir_path(&dir, "out"), 0777), 0);
    if (folder != NULL) {
        CHECK_INT(sg_target_folder_commit(folder, &error), SG_STATUS_ARGUMENT);
    }
    sg_target_folder_close(folder);
    CHECK(access(temp_dir_path(&dir, "out"), F_OK) == 0);
    CHECK(access(temp_dir_path(&dir, "out.part"), F_OK) != 0);
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(writes_what_the_reference_writes);
    TEST(writes_shards);
    TEST(refuses_an_existing_target);
    TEST(knows_leftovers);
    TEST(never_replaces);
    return test_end();
}
