/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints as directories: the single file, shards with their index, and everything that may be
 * wrong with either. */
#include "support/alloc_fault.h"
#include "support/temp_dir.h"
#include "support/test.h"

#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "storage/shard_index.h"

/* Write a safetensors file with one U8 tensor of `size` bytes for each name; NULL ends the names.
 */
static void write_weights(const temp_dir *dir, const char *file, const char *const *names,
                          size_t size) {
    sg_buffer bytes;
    size_t offset = 0;
    sg_buffer_init(&bytes, 1000000);
    (void)sg_buffer_append(&bytes, "\0\0\0\0\0\0\0\0{", 9);
    for (size_t i = 0; names[i] != NULL; i++, offset += size) {
        (void)sg_buffer_append_format(
            &bytes, "%s\"%s\":{\"dtype\":\"U8\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]}",
            i == 0 ? "" : ",", names[i], size, offset, offset + size);
    }
    (void)sg_buffer_append(&bytes, "}", 1);
    for (unsigned i = 0; i < 8; i++) {
        bytes.data[i] = (char)((bytes.length - 8) >> (8 * i) & 0xffu);
    }
    for (size_t i = 0; i < offset; i++) {
        (void)sg_buffer_append(&bytes, file, 1);
    }
    (void)temp_dir_write(dir, file, bytes.data, bytes.length);
    sg_buffer_clear(&bytes);
}

static const char *const ab[] = {"a", "b", NULL};
static const char *const cd[] = {"d", "c", NULL};

static void write_index(const temp_dir *dir, const char *text) {
    (void)temp_dir_write_text(dir, "model.safetensors.index.json", text);
}

/* Open the directory, expecting `status` and a message with `part` in it. */
static void expect_failure(const temp_dir *dir, sg_status status, const char *part) {
    sg_shard_index *index = NULL;
    sg_error error = {.message = ""};
    CHECK_INT(sg_shard_index_open(dir->path, &index, &error), status);
    CHECK_INT(error.code, status);
    CHECK(index == NULL);
    CHECK_CONTAINS(error.message, part);
    CHECK_INT(sg_shard_index_open(dir->path, &index, NULL), status);
}

static void one_file_is_a_checkpoint(void) {
    temp_dir dir = temp_dir_create();
    sg_shard_index *index = NULL;
    write_weights(&dir, "model.safetensors", ab, 3);
    CHECK_INT(sg_shard_index_open(dir.path, &index, NULL), SG_STATUS_OK);
    CHECK_INT(sg_shard_index_count(index), 2);
    CHECK_INT(sg_shard_index_file_count(index), 1);
    CHECK_TEXT(sg_shard_index_at(index, 0)->name, "a");
    CHECK_INT(sg_shard_index_find(index, "b")->size, 3);
    CHECK(sg_shard_index_find(index, "c") == NULL);
    CHECK_CONTAINS(sg_shard_index_file(index, 0)->path, "/model.safetensors");
    CHECK_INT(sg_shard_index_check_unchanged(index, NULL), SG_STATUS_OK);
    sg_shard_index_close(index);
    sg_shard_index_close(NULL);
    temp_dir_remove(&dir);
}

/* All tensors of all listed files, in the order of names, also one that weight_map does not name; a
 * file that is not listed plays no part. */
static void shards_are_one_checkpoint(void) {
    temp_dir dir = temp_dir_create();
    sg_shard_index *index = NULL;
    static const char *const e[] = {"e", NULL};
    write_weights(&dir, "2.safetensors", ab, 3);
    write_weights(&dir, "1.safetensors", cd, 4);
    write_weights(&dir, "3.safetensors", e, 1);
    write_index(&dir, "{\"metadata\":{\"total_size\":14.0,\"weight_map\":1},\"weight_map\":"
                      "{\"d\":\"1.safetensors\",\"a\":\"2.safetensors\",\"b\":\"2.safetensors\"},"
                      "\"x\":[{}]}");
    CHECK_INT(sg_shard_index_open(dir.path, &index, NULL), SG_STATUS_OK);
    CHECK_INT(sg_shard_index_count(index), 4);
    CHECK_INT(sg_shard_index_file_count(index), 2);
    for (size_t i = 0; i < 4; i++) {
        const char name[2] = {(char)('a' + i), '\0'};
        CHECK_TEXT(sg_shard_index_at(index, i)->name, name);
        CHECK(sg_shard_index_find(index, name) == sg_shard_index_at(index, i));
    }
    CHECK_INT(sg_shard_index_find(index, "c")->data[0], '1');
    CHECK_INT(sg_shard_index_find(index, "b")->data[2], '2');
    CHECK(sg_shard_index_find(index, "e") == NULL);
    CHECK(sg_shard_index_find(index, "") == NULL);
    CHECK_CONTAINS(sg_shard_index_file(index, 0)->path, "/1.safetensors");
    CHECK_CONTAINS(sg_shard_index_file(index, 1)->path, "/2.safetensors");
    sg_shard_index_close(index);
    temp_dir_remove(&dir);
}

/* The reference asks for a regular file of the single name first and then never reads the index. */
static void the_single_file_wins(void) {
    temp_dir dir = temp_dir_create();
    sg_shard_index *index = NULL;
    write_weights(&dir, "model.safetensors", ab, 3);
    write_index(&dir, "not JSON at all");
    CHECK_INT(sg_shard_index_open(dir.path, &index, NULL), SG_STATUS_OK);
    CHECK_INT(sg_shard_index_count(index), 2);
    sg_shard_index_close(index);
    CHECK_INT(remove(temp_dir_path(&dir, "model.safetensors")), 0);
    CHECK_INT(mkdir(temp_dir_path(&dir, "model.safetensors"), 0700), 0);
    write_weights(&dir, "1.safetensors", cd, 4);
    write_index(&dir, "{\"weight_map\":{\"d\":\"1.safetensors\"}}");
    CHECK_INT(sg_shard_index_open(dir.path, &index, NULL), SG_STATUS_OK);
    CHECK(sg_shard_index_find(index, "d") != NULL);
    sg_shard_index_close(index);
    temp_dir_remove(&dir);
}

/* As the Hugging Face cache lays files out: links to blobs elsewhere. */
static void links_to_weights_are_followed(void) {
    temp_dir dir = temp_dir_create();
    sg_shard_index *index = NULL;
    write_weights(&dir, "blob", ab, 3);
    CHECK_INT(symlink("blob", temp_dir_path(&dir, "model.safetensors")), 0);
    CHECK_INT(sg_shard_index_open(dir.path, &index, NULL), SG_STATUS_OK);
    sg_shard_index_close(index);
    temp_dir_remove(&dir);
}

static void missing_weights_are_explained(void) {
    char expected[2 * PATH_MAX];
    temp_dir dir = temp_dir_create();
    sg_shard_index *index = NULL;
    sg_error error;
    expect_failure(&dir, SG_STATUS_NOT_FOUND, "found no model.safetensors");
    (void)temp_dir_write_text(&dir, "pytorch_model.bin", "x");
    (void)temp_dir_write_text(&dir, "config.json", "{}");
    CHECK_INT(sg_shard_index_open(dir.path, &index, &error), SG_STATUS_NOT_FOUND);
    (void)snprintf(
        expected, sizeof expected,
        "the directory holds pytorch_model.bin: convert the weights to safetensors with: "
        "switch-gen convert %s %s-safetensors",
        dir.path, dir.path);
    CHECK_TEXT(error.hint, expected);
    temp_dir_remove(&dir);
    expect_failure(&dir, SG_STATUS_NOT_FOUND, "found no model.safetensors");
}

/* The hub's converter drops all but one of the names that share their values in a shard and lists
 * them all the same: what no file holds is nobody's error until it is needed. */
static void names_without_a_tensor_are_let_pass(void) {
    temp_dir dir = temp_dir_create();
    sg_shard_index *index = NULL;
    write_weights(&dir, "1.safetensors", ab, 3);
    write_index(&dir, "{\"weight_map\":{\"a\":\"1.safetensors\",\"z\":\"1.safetensors\"}}");
    CHECK_INT(sg_shard_index_open(dir.path, &index, NULL), SG_STATUS_OK);
    CHECK(sg_shard_index_find(index, "a") != NULL);
    CHECK(sg_shard_index_find(index, "b") != NULL);
    CHECK(sg_shard_index_find(index, "z") == NULL);
    sg_shard_index_close(index);
    temp_dir_remove(&dir);
}

/* Every index that must not be believed. */
static void hostile_indexes_are_refused(void) {
    static const struct {
        const char *index;
        sg_status status;
        const char *message;
    } cases[] = {
        {"", SG_STATUS_MODEL, "index.json: byte 0"},
        {"{", SG_STATUS_MODEL, "index.json: byte 1"},
        {"[]", SG_STATUS_MODEL, "no JSON object"},
        {"null", SG_STATUS_MODEL, "no JSON object"},
        {"{}", SG_STATUS_MODEL, "weight_map is missing"},
        {"{\"metadata\":{\"weight_map\":{\"a\":\"1.safetensors\"}}}", SG_STATUS_MODEL,
         "weight_map is missing"},
        {"{\"Weight_Map\":{\"a\":\"1.safetensors\"}}", SG_STATUS_MODEL, "weight_map is missing"},
        {"{\"weight_map\":{}}", SG_STATUS_MODEL, "names no tensor"},
        {"{\"weight_map\":null}", SG_STATUS_MODEL, "no object"},
        {"{\"weight_map\":[\"1.safetensors\"]}", SG_STATUS_MODEL, "no object"},
        {"{\"weight_map\":\"1.safetensors\"}", SG_STATUS_MODEL, "no object"},
        {"{\"weight_map\":{\"a\":1}}", SG_STATUS_MODEL, "no string"},
        {"{\"weight_map\":{\"a\":null}}", SG_STATUS_MODEL, "no string"},
        {"{\"weight_map\":{\"a\":[\"1.safetensors\"]}}", SG_STATUS_MODEL, "no string"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"a\":\"1.safetensors\"}}", SG_STATUS_MODEL,
         "\"a\" twice"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"\\u0061\":\"2.safetensors\"}}",
         SG_STATUS_MODEL, "\"a\" twice"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\"},\"weight_map\":{}}", SG_STATUS_MODEL,
         "given twice"},
        {"{\"weight_map\":{\"a\":\"../1.safetensors\"}}", SG_STATUS_MODEL, "plain file name"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", SG_STATUS_MODEL, "plain file name"},
        {"{\"weight_map\":{\"a\":\"./1.safetensors\"}}", SG_STATUS_MODEL, "plain file name"},
        {"{\"weight_map\":{\"a\":\"sub/1.safetensors\"}}", SG_STATUS_MODEL, "plain file name"},
        {"{\"weight_map\":{\"a\":\"\\u002e\\u002e\"}}", SG_STATUS_MODEL, "plain file name"},
        {"{\"weight_map\":{\"a\":\".\"}}", SG_STATUS_MODEL, "plain file name"},
        {"{\"weight_map\":{\"a\":\"\"}}", SG_STATUS_MODEL, "plain file name"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\\u0000.x\"}}", SG_STATUS_MODEL, "NUL"},
        {"{\"weight_map\":{\"a\\u0000\":\"1.safetensors\"}}", SG_STATUS_MODEL, "NUL"},
        {"{\"weight_map\":{\"a\":\"fifo\"}}", SG_STATUS_MODEL, "found a pipe"},
        {"{\"weight_map\":{\"a\":\"directory\"}}", SG_STATUS_MODEL, "found a directory"},
        {"{\"weight_map\":{\"a\":\"model.safetensors.index.json\"}}", SG_STATUS_MODEL,
         "no safetensors file"},
        {"{\"weight_map\":{\"a\":\"empty\"}}", SG_STATUS_MODEL, "has 0 bytes"},
        {"{\"weight_map\":{\"a\":\"none.safetensors\"}}", SG_STATUS_NOT_FOUND,
         "none.safetensors: no such file"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"c\":\"1.safetensors\",\"d\":\"2.safetensors\"}"
         "}",
         SG_STATUS_MODEL,
         "weight_map puts tensor \"c\" in 1.safetensors, it lies in 2.safetensors"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"copy.safetensors\"}}", SG_STATUS_MODEL,
         "both hold tensor \"a\""},
        {"{\"weight_map\":{\"a\":\"1.safetensors\"}} x", SG_STATUS_MODEL, "nothing after"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\"},\"m\":01}", SG_STATUS_MODEL,
         "index.json: byte"},
        {"{\"weight_map\":{\"a\":\"\xff\"}}", SG_STATUS_MODEL, "UTF-8"},
    };
    temp_dir dir = temp_dir_create();
    (void)alarm(60);
    write_weights(&dir, "1.safetensors", ab, 3);
    write_weights(&dir, "copy.safetensors", ab, 3);
    write_weights(&dir, "2.safetensors", cd, 4);
    (void)temp_dir_write_text(&dir, "empty", "");
    CHECK_INT(mkfifo(temp_dir_path(&dir, "fifo"), 0600), 0);
    CHECK_INT(mkdir(temp_dir_path(&dir, "directory"), 0700), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int before = test_failures;
        write_index(&dir, cases[i].index);
        expect_failure(&dir, cases[i].status, cases[i].message);
        if (test_failures != before) {
            printf("index: %s\n", cases[i].index);
        }
    }
    (void)alarm(0);
    temp_dir_remove(&dir);
}

/* 100,000 entries, all in one file, and again each in a file of its own that is not there. */
static void large_indexes_are_read(void) {
    temp_dir dir = temp_dir_create();
    sg_buffer map;
    sg_buffer header;
    sg_shard_index *index = NULL;
    sg_error error;
    sg_buffer_init(&map, 100000000);
    sg_buffer_init(&header, 100000000);
    (void)sg_buffer_append_text(&map, "{\"weight_map\":{");
    (void)sg_buffer_append(&header, "\0\0\0\0\0\0\0\0{", 9);
    for (int i = 0; i < 100000; i++) {
        (void)sg_buffer_append_format(&map, "%s\"t%d\":\"1\"", i == 0 ? "" : ",", i);
        (void)sg_buffer_append_format(
            &header, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
            i == 0 ? "" : ",", i);
    }
    (void)sg_buffer_append_text(&map, "}}");
    (void)sg_buffer_append_text(&header, "}");
    for (unsigned i = 0; i < 8; i++) {
        header.data[i] = (char)((header.length - 8) >> (8 * i) & 0xffu);
    }
    (void)temp_dir_write(&dir, "1", header.data, header.length);
    write_index(&dir, map.data);
    CHECK_INT(sg_shard_index_open(dir.path, &index, &error), SG_STATUS_OK);
    CHECK_INT(sg_shard_index_count(index), 100000);
    CHECK(sg_shard_index_find(index, "t99999") != NULL);
    sg_shard_index_close(index);
    sg_buffer_reset(&map);
    (void)sg_buffer_append_text(&map, "{\"weight_map\":{");
    for (int i = 0; i < 100000; i++) {
        (void)sg_buffer_append_format(&map, "%s\"t%d\":\"f%d\"", i == 0 ? "" : ",", i, i);
    }
    (void)sg_buffer_append_text(&map, "}}");
    write_index(&dir, map.data);
    expect_failure(&dir, SG_STATUS_NOT_FOUND, "f0: no such file");
    sg_buffer_clear(&map);
    sg_buffer_clear(&header);
    temp_dir_remove(&dir);
}

static void a_change_of_any_file_is_noticed(void) {
    temp_dir dir = temp_dir_create();
    sg_shard_index *index = NULL;
    sg_error error;
    write_weights(&dir, "1.safetensors", ab, 3);
    write_weights(&dir, "2.safetensors", cd, 4);
    write_index(&dir, "{\"weight_map\":{\"a\":\"1.safetensors\",\"c\":\"2.safetensors\"}}");
    CHECK_INT(sg_shard_index_open(dir.path, &index, NULL), SG_STATUS_OK);
    CHECK_INT(truncate(temp_dir_path(&dir, "2.safetensors"), 5), 0);
    CHECK_INT(sg_shard_index_check_unchanged(index, &error), SG_STATUS_CHANGED);
    CHECK_CONTAINS(error.message, "2.safetensors: changed while it was used: size was");
    sg_shard_index_close(index);
    temp_dir_remove(&dir);
}

/* Each allocation of opening a sharded checkpoint fails once: a clean error each time, and no leak
 * (AddressSanitizer and valgrind look). */
static void every_failed_allocation_is_an_error(void) {
    temp_dir dir = temp_dir_create();
    sg_shard_index *index = NULL;
    size_t failures = 0;
    write_weights(&dir, "1.safetensors", ab, 3);
    write_weights(&dir, "2.safetensors", cd, 4);
    write_index(&dir, "{\"weight_map\":{\"\\u0061\":\"1.safetensors\",\"c\":\"2.safetensors\"}}");
    for (size_t fail_at = 0; fail_at < 1000; fail_at++) {
        sg_error error = {.code = SG_STATUS_OK};
        sg_status status;
        alloc_fault_reset(fail_at);
        status = sg_shard_index_open(dir.path, &index, &error);
        alloc_fault_reset(SIZE_MAX);
        if (status == SG_STATUS_OK) {
            break;
        }
        failures++;
        CHECK_INT(status, SG_STATUS_MEMORY);
        CHECK_INT(error.code, SG_STATUS_MEMORY);
        CHECK_CONTAINS(error.message, "out of memory");
        CHECK(index == NULL);
    }
    CHECK(index != NULL && failures > 20);
    sg_shard_index_close(index);
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(one_file_is_a_checkpoint);
    TEST(shards_are_one_checkpoint);
    TEST(the_single_file_wins);
    TEST(links_to_weights_are_followed);
    TEST(missing_weights_are_explained);
    TEST(names_without_a_tensor_are_let_pass);
    TEST(hostile_indexes_are_refused);
    TEST(large_indexes_are_read);
    TEST(a_change_of_any_file_is_noticed);
    TEST(every_failed_allocation_is_an_error);
    return test_end();
}
