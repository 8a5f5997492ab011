/* SPDX-License-Identifier: Apache-2.0 */
/* Torch files as a whole: what torch wrote (tests/fixtures/torch) is joined right, and what does
 * not fit together is refused with its reason. */
#include "storage/torch_checkpoint.h"

#include "support/temp_dir.h"
#include "support/test.h"
#include "support/torch_bytes.h"

#define FIXTURE(name) SG_TEST_FIXTURES "/torch/" name

static const sg_torch_tensor *find(const sg_torch_checkpoint *checkpoint, const char *name) {
    for (size_t i = 0; i < sg_torch_checkpoint_count(checkpoint); i++) {
        const sg_torch_tensor *tensor = sg_torch_checkpoint_at(checkpoint, i);
        if (strcmp(tensor->view->name, name) == 0) {
            return tensor;
        }
    }
    return NULL;
}

/* Protects: files of torch 2.13 and, in its layout, 1.13: views of one storage share it, types and
 * sizes fit. */
static void joins_what_torch_wrote(void) {
    static const char *const folders[] = {FIXTURE("views"), FIXTURE("torch-1.13")};
    for (size_t i = 0; i < 2; i++) {
        sg_torch_checkpoint *checkpoint = NULL;
        const sg_torch_tensor *base, *block;
        sg_error error = {.code = SG_STATUS_OK};
        CHECK_INT(sg_torch_checkpoint_open(folders[i], &checkpoint, &error), SG_STATUS_OK);
        CHECK_TEXT(error.message, "");
        if (checkpoint == NULL) {
            continue;
        }
        CHECK_INT(sg_torch_checkpoint_count(checkpoint), 17);
        CHECK_INT(sg_torch_checkpoint_storage_count(checkpoint), 12);
        base = find(checkpoint, "base");
        block = find(checkpoint, "block");
        CHECK(base != NULL && block != NULL && base->storage == block->storage);
        if (base != NULL && block != NULL) {
            const sg_torch_storage *storage =
                sg_torch_checkpoint_storage(checkpoint, base->storage);
            CHECK_INT(storage->size, 6 * 8 * 4);
            CHECK_INT(storage->dtype, SG_DTYPE_F32);
            CHECK_INT(block->view->offset, 8 + 2);
            CHECK_INT(block->view->shape[1], 3);
            CHECK_INT(block->view->strides[1], 2);
        }
        sg_torch_checkpoint_close(checkpoint);
    }
}

/* Protects: shards by their index, a module's own state dict, and the forms that are refused by
 * name. */
static void opens_or_names_each_form(void) {
    static const struct {
        const char *folder;
        sg_status status;
        size_t tensors;
        const char *message;
    } cases[] = {
        {FIXTURE("shards"), SG_STATUS_OK, 7, ""},
        {FIXTURE("module"), SG_STATUS_OK, 6, ""},
        {FIXTURE("tied"), SG_STATUS_OK, 4, ""},
        {FIXTURE("legacy"), SG_STATUS_UNSUPPORTED, 0, "legacy torch file (torch before 1.6)"},
        {FIXTURE("script"), SG_STATUS_UNSUPPORTED, 0, "TorchScript"},
        {SG_TEST_FIXTURES, SG_STATUS_NOT_FOUND, 0, "found no pytorch_model.bin"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sg_torch_checkpoint *checkpoint = NULL;
        sg_error error = {.code = SG_STATUS_OK};
        CHECK_INT(sg_torch_checkpoint_open(cases[i].folder, &checkpoint, &error), cases[i].status);
        CHECK_CONTAINS(error.message, cases[i].message);
        CHECK(checkpoint == NULL || sg_torch_checkpoint_count(checkpoint) == cases[i].tensors);
        sg_torch_checkpoint_close(checkpoint);
    }
}

/* A file of the given pickle, one storage of `floats` floats and a few records more. */
static void write_file(const temp_dir *dir, const char *words, size_t floats,
                       const char *extra_name, const char *extra_data, const unsigned char *first) {
    static test_bytes pickle;
    static test_zip zip;
    static const unsigned char zeroes[4096];
    memset(&zip, 0, sizeof zip);
    test_pickle(&pickle, words);
    test_zip_add(&zip, "m/data.pkl", pickle.data, pickle.length);
    test_zip_add(&zip, "m/data/0", zeroes, 4 * floats);
    if (extra_name != NULL) {
        test_zip_add(&zip, extra_name, extra_data, strlen(extra_data));
    }
    test_zip_finish(&zip, 0);
    if (first != NULL) {
        zip.bytes.data[zip.data[0]] ^= *first;
    }
    (void)temp_dir_write(dir, "pytorch_model.bin", zip.bytes.data, zip.bytes.length);
}

/* Protects: pickle and records must fit together: sizes, types, keys, byte order, sums. */
static void refuses_what_does_not_fit(void) {
    static const unsigned char flip = 1;
    static const struct {
        const char *words;
        size_t floats;
        const char *extra_name, *extra_data;
        const unsigned char *first;
        const char *message;
    } cases[] = {
        {PICKLE_OF(PICKLE_MATRIX), 24, NULL, NULL, NULL, ""},
        {PICKLE_OF(PICKLE_MATRIX), 24, "m/byteorder", "little", NULL, ""},
        {PICKLE_OF(PICKLE_MATRIX), 24, "m/byteorder", "big", NULL, "byteorder"},
        {PICKLE_OF(PICKLE_MATRIX), 24, "m/byteorder", "", NULL, "byteorder"},
        {PICKLE_OF(PICKLE_MATRIX), 23, NULL, NULL, NULL,
         "has 92 bytes, expected 24 elements of F32"},
        {PICKLE_OF(PICKLE_MATRIX), 25, NULL, NULL, NULL, "has 100 bytes, expected 24 elements"},
        {PICKLE_OF(PICKLE_MATRIX), 0, NULL, NULL, NULL, "has 0 bytes, expected 24 elements"},
        {PICKLE_OF(PICKLE_TENSOR(PICKLE_STORAGE("FloatStorage", "1", "24"), "0", "()", "()")), 24,
         NULL, NULL, NULL, "no such record"},
        {PICKLE_OF(PICKLE_TENSOR(PICKLE_STORAGE("FloatStorage", "0", "4611686018427387928"), "0",
                                 "()", "()")),
         24, NULL, NULL, NULL, "has 96 bytes"}, /* 2^62 + 24: times 4 it would be 96 again */
        {PICKLE_OF(PICKLE_MATRIX
                   "'b' " PICKLE_TENSOR(PICKLE_STORAGE("IntStorage", "0", "24"), "0", "()", "()")),
         24, NULL, NULL, NULL, "another type or size"},
        {PICKLE_OF(PICKLE_MATRIX "'b' " PICKLE_TENSOR(PICKLE_STORAGE("FloatStorage", "0", "12"),
                                                      "0", "()", "()")),
         24, NULL, NULL, NULL, "another type or size"},
        {PICKLE_OF(PICKLE_MATRIX), 24, "m/constants.pkl", "x", NULL, "TorchScript"},
        {PICKLE_OF(PICKLE_MATRIX), 24, "m/code/__torch__.py", "x", NULL, "TorchScript"},
        {PICKLE_OF(PICKLE_MATRIX), 24, NULL, NULL, &flip, "CRC-32"},
        {"proto @posix:system 'id' tuple1 reduce stop", 24, NULL, NULL, NULL, "posix.system"},
    };
    temp_dir dir = temp_dir_create();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sg_torch_checkpoint *checkpoint = NULL;
        sg_error error = {.code = SG_STATUS_OK};
        sg_status status;
        write_file(&dir, cases[i].words, cases[i].floats, cases[i].extra_name, cases[i].extra_data,
                   cases[i].first);
        status = sg_torch_checkpoint_open(dir.path, &checkpoint, &error);
        CHECK(cases[i].message[0] == '\0'
                  ? status == SG_STATUS_OK
                  : status == SG_STATUS_MODEL || status == SG_STATUS_UNSUPPORTED);
        CHECK_CONTAINS(error.message, cases[i].message);
        sg_torch_checkpoint_close(checkpoint);
    }
    temp_dir_remove(&dir);
}

/* Protects: what is no zip at all. */
static void refuses_other_files(void) {
    static char tar[512];
    sg_torch_checkpoint *checkpoint = NULL;
    sg_error error = {.code = SG_STATUS_OK};
    temp_dir dir = temp_dir_create();
    memcpy(tar + 257, "ustar", 5);
    (void)temp_dir_write(&dir, "pytorch_model.bin", tar, sizeof tar);
    CHECK_INT(sg_torch_checkpoint_open(dir.path, &checkpoint, &error), SG_STATUS_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "(tar)");
    (void)temp_dir_write_text(&dir, "pytorch_model.bin", "");
    CHECK_INT(sg_torch_checkpoint_open(dir.path, &checkpoint, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "does not begin as a zip");
    (void)temp_dir_write_text(&dir, "pytorch_model.bin",
                              "version https://git-lfs.github.com/spec/v1\n");
    CHECK_INT(sg_torch_checkpoint_open(dir.path, &checkpoint, &error), SG_STATUS_MODEL);
    temp_dir_remove(&dir);
}

/* Protects: an index that names a missing file, a file outside the folder, or a tensor elsewhere;
 * and a tensor in two files. */
static void refuses_mixed_up_shards(void) {
    static const struct {
        const char *index, *message;
        sg_status status;
    } cases[] = {
        {"{\"weight_map\":{\"a\":\"x.bin\"}}", "no such file", SG_STATUS_NOT_FOUND},
        {"{\"weight_map\":{\"a\":\"../x.bin\"}}", "plain file name", SG_STATUS_MODEL},
        {"{\"weight_map\":{\"a\":\"other.bin\",\"c\":\"shard.bin\"}}", "it lies in shard.bin",
         SG_STATUS_MODEL},
        {"{\"weight_map\":{\"a\":\"shard.bin\",\"a\":\"shard.bin\"}}", "twice", SG_STATUS_MODEL},
        {"{\"weight_map\":{}}", "names no tensor", SG_STATUS_MODEL},
        {"{}", "weight_map is missing", SG_STATUS_MODEL},
    };
    sg_torch_checkpoint *checkpoint = NULL;
    sg_error error = {.code = SG_STATUS_OK};
    temp_dir dir = temp_dir_create();
    write_file(&dir, "proto odict 'b' " PICKLE_MATRIX "setitem stop", 24, NULL, NULL, NULL);
    CHECK_INT(rename(temp_dir_path(&dir, "pytorch_model.bin"), temp_dir_path(&dir, "other.bin")),
              0);
    write_file(&dir, PICKLE_OF(PICKLE_MATRIX), 24, NULL, NULL, NULL);
    CHECK_INT(rename(temp_dir_path(&dir, "pytorch_model.bin"), temp_dir_path(&dir, "shard.bin")),
              0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)temp_dir_write_text(&dir, "pytorch_model.bin.index.json", cases[i].index);
        CHECK_INT(sg_torch_checkpoint_open(dir.path, &checkpoint, &error), cases[i].status);
        CHECK_CONTAINS(error.message, cases[i].message);
    }
    CHECK_INT(link(temp_dir_path(&dir, "shard.bin"), temp_dir_path(&dir, "again.bin")), 0);
    (void)temp_dir_write_text(&dir, "pytorch_model.bin.index.json",
                              "{\"weight_map\":{\"a\":\"shard.bin\",\"c\":\"again.bin\"}}");
    CHECK_INT(sg_torch_checkpoint_open(dir.path, &checkpoint, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "both hold tensor \"a\"");
    /* A name that no file holds is let pass. */
    (void)temp_dir_write_text(&dir, "pytorch_model.bin.index.json",
                              "{\"weight_map\":{\"a\":\"shard.bin\",\"c\":\"shard.bin\"}}");
    CHECK_INT(sg_torch_checkpoint_open(dir.path, &checkpoint, &error), SG_STATUS_OK);
    sg_torch_checkpoint_close(checkpoint);
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(joins_what_torch_wrote);
    TEST(opens_or_names_each_form);
    TEST(refuses_what_does_not_fit);
    TEST(refuses_other_files);
    TEST(refuses_mixed_up_shards);
    return test_end();
}
