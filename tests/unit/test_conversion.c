/* SPDX-License-Identifier: Apache-2.0 */
/* convert as a whole: what torch wrote comes out bit for bit, or rounded; what is wrong leaves
 * nothing behind. */
#include "cli/conversion.h"

#include <sys/stat.h>

#include "cli/element_types.h"
#include "storage/mapped_file.h"
#include "storage/shard_index.h"
#include "support/temp_dir.h"
#include "support/test.h"
#include "support/torch_bytes.h"

#define FIXTURE(name) SG_TEST_FIXTURES "/torch/" name

static sg_status convert(const char *source, const char *target, sg_conversion_dtype dtype,
                         uint64_t shard, sg_conversion_summary *summary, sg_error *error) {
    sg_conversion_options options = {.dtype = dtype, .max_shard_bytes = shard};
    memset(error, 0, sizeof *error);
    return sg_conversion_run(source, target, &options, summary, error);
}

/* Every tensor of expected.safetensors, but those in `left_out`, is in the folder with the same
 * bytes. */
static void compare(const char *folder, const char *expected_path, const char *left_out) {
    sg_shard_index *found = NULL;
    sg_mapped_file file;
    sg_safetensors *expected = NULL;
    CHECK_INT(sg_shard_index_open(folder, &found, NULL), SG_STATUS_OK);
    CHECK_INT(sg_mapped_file_open(expected_path, &file, NULL), SG_STATUS_OK);
    CHECK_INT(sg_safetensors_open("expected", file.data, file.size, &expected, NULL), SG_STATUS_OK);
    for (size_t i = 0; found != NULL && i < sg_safetensors_count(expected); i++) {
        const sg_tensor *want = sg_safetensors_at(expected, i);
        const sg_tensor *have = sg_shard_index_find(found, want->name);
        bool skipped = left_out != NULL && strstr(left_out, want->name) != NULL;
        CHECK((have == NULL) == skipped);
        if (have != NULL) {
            CHECK(have->dtype == want->dtype && have->rank == want->rank &&
                  have->size == want->size);
            CHECK(want->rank == 0 ||
                  memcmp(have->shape, want->shape, want->rank * sizeof *want->shape) == 0);
            CHECK(want->size == 0 || memcmp(have->data, want->data, want->size) == 0);
        }
    }
    sg_safetensors_close(expected);
    sg_mapped_file_close(&file);
    sg_shard_index_close(found);
}

/* Protects: every form that torch writes, in one file and in many, against what torch itself says
 * it holds. */
static void keeps_every_bit(void) {
    static const struct {
        const char *source, *expected, *left_out;
    } cases[] = {
        {FIXTURE("views"), FIXTURE("views/expected.safetensors"), NULL},
        {FIXTURE("torch-1.13"), FIXTURE("torch-1.13/expected.safetensors"), NULL},
        {FIXTURE("module"), FIXTURE("module/expected.safetensors"), NULL},
        {FIXTURE("shards"), FIXTURE("shards/expected.safetensors"), NULL},
        /* No config.json says that the head is tied: it is kept. */
        {FIXTURE("tied"), FIXTURE("tied/expected.safetensors"), "encoder.embed_tokens.weight"},
    };
    temp_dir dir = temp_dir_create();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint64_t shard = 10; shard <= 1000000; shard *= 10) {
            sg_conversion_summary summary;
            sg_error error;
            char name[64];
            (void)snprintf(name, sizeof name, "out-%zu-%llu", i, (unsigned long long)shard);
            CHECK_INT(convert(cases[i].source, temp_dir_path(&dir, name), SG_CONVERSION_DTYPE_KEEP,
                              shard, &summary, &error),
                      SG_STATUS_OK);
            CHECK_TEXT(error.message, "");
            compare(temp_dir_path(&dir, name), cases[i].expected, cases[i].left_out);
        }
    }
    temp_dir_remove(&dir);
}

/* Protects: safetensors in, the same safetensors out; and config.json and its like are copied. */
static void converts_safetensors_and_copies_files(void) {
    temp_dir dir = temp_dir_create();
    sg_conversion_summary summary;
    sg_error error;
    struct stat found;
    CHECK_INT(convert(SG_TEST_FIXTURES "/checkpoints/every-layer", temp_dir_path(&dir, "out"),
                      SG_CONVERSION_DTYPE_KEEP, 100000, &summary, &error),
              SG_STATUS_OK);
    CHECK_TEXT(error.message, "");
    compare(temp_dir_path(&dir, "out"),
            SG_TEST_FIXTURES "/checkpoints/every-layer/model.safetensors", NULL);
    CHECK_INT(stat(temp_dir_path(&dir, "out/config.json"), &found), 0);
    CHECK_INT(stat(temp_dir_path(&dir, "out/tokenizer_config.json"), &found), 0);
    temp_dir_remove(&dir);
}

/* Protects: float tensors are rounded, others kept; the metadata has the sums of the source. */
static void changes_types(void) {
    static const struct {
        sg_conversion_dtype option;
        sg_dtype dtype;
    } cases[] = {{SG_CONVERSION_DTYPE_F32, SG_DTYPE_F32},
                 {SG_CONVERSION_DTYPE_BF16, SG_DTYPE_BF16},
                 {SG_CONVERSION_DTYPE_F16, SG_DTYPE_F16}};
    temp_dir dir = temp_dir_create();
    for (size_t i = 0; i < 3; i++) {
        sg_shard_index *found = NULL;
        sg_conversion_summary summary;
        sg_error error;
        char name[32];
        (void)snprintf(name, sizeof name, "out-%zu", i);
        CHECK_INT(convert(FIXTURE("views"), temp_dir_path(&dir, name), cases[i].option, 1000000,
                          &summary, &error),
                  SG_STATUS_OK);
        CHECK_INT(summary.overflows, 0);
        CHECK_INT(sg_shard_index_open(temp_dir_path(&dir, name), &found, NULL), SG_STATUS_OK);
        if (found != NULL) {
            static const char *const floats[] = {"base", "transposed", "permuted", "double",
                                                 "frozen"};
            for (size_t k = 0; k < 5; k++) {
                const sg_tensor *tensor = sg_shard_index_find(found, floats[k]);
                CHECK(tensor != NULL && tensor->dtype == cases[i].dtype);
            }
            CHECK_INT(sg_shard_index_find(found, "whole")->dtype, SG_DTYPE_I64);
            CHECK_INT(sg_shard_index_find(found, "truth")->dtype, SG_DTYPE_BOOL);
        }
        sg_shard_index_close(found);
    }
    temp_dir_remove(&dir);
}

/* A source of one tensor of 24 floats that are all `value`. */
static void write_source(const temp_dir *dir, const char *words, float value, bool wrong_crc) {
    static test_bytes pickle;
    static test_zip zip;
    float values[24];
    for (size_t i = 0; i < 24; i++) {
        values[i] = value;
    }
    memset(&zip, 0, sizeof zip);
    test_pickle(&pickle, words);
    test_zip_add(&zip, "m/data.pkl", pickle.data, pickle.length);
    test_zip_add(&zip, "m/data/0", values, sizeof values);
    test_zip_finish(&zip, 0);
    zip.bytes.data[zip.data[1] + 5] ^= wrong_crc ? 1 : 0;
    (void)mkdir(temp_dir_path(dir, "in"), 0777);
    (void)temp_dir_write(dir, "in/pytorch_model.bin", zip.bytes.data, zip.bytes.length);
}

/* Protects: overflow to infinity is counted. */
static void counts_overflow(void) {
    temp_dir dir = temp_dir_create();
    sg_conversion_summary summary;
    sg_error error;
    write_source(&dir, PICKLE_OF(PICKLE_MATRIX), 1e5f, false);
    CHECK_INT(convert(temp_dir_path(&dir, "in"), temp_dir_path(&dir, "out"),
                      SG_CONVERSION_DTYPE_F16, 1000, &summary, &error),
              SG_STATUS_OK);
    CHECK_INT(summary.overflows, 24);
    temp_dir_remove(&dir);
}

/* Tensor "a" and as many views of the same storage as make more than 1.01 times the file. */
static const char *many_views(void) {
    static char words[65536];
    size_t length = (size_t)snprintf(words, sizeof words, "proto odict ");
    for (int i = 0; i < 60; i++) {
        length +=
            (size_t)snprintf(words + length, sizeof words - length, "'n%d' %s %s %s", i,
                             i == 0 ? "@torch._utils:_rebuild_tensor_v2 #7101 mark " PICKLE_FLOATS
                                      "0 24 tuple1 1 tuple1 false odict tuple #7102 reduce "
                                    : "#6801 #6802 reduce ",
                             "setitem ", "");
    }
    (void)snprintf(words + length, sizeof words - length, "stop");
    return words;
}

/* Protects: a source that is damaged, or that is little and would become much, ends with nothing
 * under the target's name nor beside it. */
static void leaves_nothing_of_a_bad_source(void) {
    temp_dir dir = temp_dir_create();
    sg_conversion_summary summary;
    sg_error error;
    write_source(&dir, PICKLE_OF(PICKLE_MATRIX), 1.0f, true);
    CHECK_INT(convert(temp_dir_path(&dir, "in"), temp_dir_path(&dir, "out"),
                      SG_CONVERSION_DTYPE_KEEP, 1000, &summary, &error),
              SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "CRC-32");
    CHECK(access(temp_dir_path(&dir, "out"), F_OK) != 0);
    CHECK(access(temp_dir_path(&dir, "out.part"), F_OK) != 0);
    /* The same where only a part of the storage is a tensor. */
    write_source(&dir, PICKLE_OF(PICKLE_TENSOR(PICKLE_FLOATS, "6", "2 2 tuple2", "1 3 tuple2")),
                 1.0f, true);
    CHECK_INT(convert(temp_dir_path(&dir, "in"), temp_dir_path(&dir, "out"),
                      SG_CONVERSION_DTYPE_KEEP, 1000, &summary, &error),
              SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "CRC-32");
    write_source(&dir, many_views(), 1.0f, false);
    CHECK_INT(convert(temp_dir_path(&dir, "in"), temp_dir_path(&dir, "out"),
                      SG_CONVERSION_DTYPE_KEEP, 1000, &summary, &error),
              SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "share their storage");
    CHECK(access(temp_dir_path(&dir, "out"), F_OK) != 0);
    CHECK(access(temp_dir_path(&dir, "out.part"), F_OK) != 0);
    CHECK_INT(convert(temp_dir_path(&dir, "nowhere"), temp_dir_path(&dir, "out"),
                      SG_CONVERSION_DTYPE_KEEP, 1000, &summary, &error),
              SG_STATUS_NOT_FOUND);
    CHECK_INT(convert(FIXTURE("views"), temp_dir_path(&dir, "in"), SG_CONVERSION_DTYPE_KEEP, 1000,
                      &summary, &error),
              SG_STATUS_ARGUMENT);
    temp_dir_remove(&dir);
}

static bool stop_at_once(void *context, uint64_t done, uint64_t total) {
    size_t *calls = context;
    CHECK(done <= total);
    return ++*calls < 3;
}

/* Protects: a run that is asked to stop does, and leaves nothing. */
static void stops_when_asked(void) {
    temp_dir dir = temp_dir_create();
    size_t calls = 0;
    sg_conversion_options options = {
        .max_shard_bytes = 1000, .progress = stop_at_once, .context = &calls};
    sg_conversion_summary summary;
    sg_error error;
    CHECK_INT(
        sg_conversion_run(FIXTURE("views"), temp_dir_path(&dir, "out"), &options, &summary, &error),
        SG_STATUS_IO);
    CHECK_INT(calls, 3);
    CHECK(access(temp_dir_path(&dir, "out"), F_OK) != 0);
    CHECK(access(temp_dir_path(&dir, "out.part"), F_OK) != 0);
    temp_dir_remove(&dir);
}

/* Protects: the head goes with the embedding only where config.json ties it. */
static void leaves_out_only_what_the_loader_finds(void) {
    static const struct {
        const char *config;
        size_t aliases;
    } cases[] = {{"{}", 2},
                 {"{\"tie_word_embeddings\":true}", 2},
                 {"{\"tie_word_embeddings\":false}", 1},
                 {"{\"tie_word_embeddings\":7}", 1}};
    temp_dir dir = temp_dir_create();
    char *bytes = NULL;
    size_t length = 0;
    CHECK_INT(sg_file_read_small(FIXTURE("tied/pytorch_model.bin"), 100000, &bytes, &length, NULL),
              SG_STATUS_OK);
    (void)mkdir(temp_dir_path(&dir, "in"), 0777);
    (void)temp_dir_write(&dir, "in/pytorch_model.bin", bytes, length);
    free(bytes);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sg_conversion_summary summary = {0};
        sg_error error;
        char name[32];
        (void)snprintf(name, sizeof name, "out-%zu", i);
        (void)temp_dir_write_text(&dir, "in/config.json", cases[i].config);
        CHECK_INT(convert(temp_dir_path(&dir, "in"), temp_dir_path(&dir, name),
                          SG_CONVERSION_DTYPE_KEEP, 1000, &summary, &error),
                  SG_STATUS_OK);
        CHECK_INT(summary.aliases, cases[i].aliases);
    }
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(keeps_every_bit);
    TEST(converts_safetensors_and_copies_files);
    TEST(changes_types);
    TEST(counts_overflow);
    TEST(leaves_nothing_of_a_bad_source);
    TEST(stops_when_asked);
    TEST(leaves_out_only_what_the_loader_finds);
    return test_end();
}
