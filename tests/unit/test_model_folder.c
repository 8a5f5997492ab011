/* SPDX-License-Identifier: Apache-2.0 */
/* A model's directory from outside: which weights, and the first thing that is missing. */
#include "support/temp_dir.h"
#include "support/test.h"

#include <sys/stat.h>

#include "storage/model_folder.h"

static void links_and_files_say_the_form(void) {
    temp_dir dir = temp_dir_create();
    CHECK_INT(sg_model_folder_form(dir.path), SG_KNOWN_FORM_UNKNOWN);
    CHECK(!sg_model_folder_is_model(dir.path));
    (void)temp_dir_write_text(&dir, "expected.jsonl", "x");
    CHECK(!sg_model_folder_is_model(dir.path));
    CHECK_INT(symlink("nowhere", temp_dir_path(&dir, "pytorch_model.bin.index.json")), 0);
    CHECK_INT(sg_model_folder_form(dir.path), SG_KNOWN_FORM_PICKLE);
    CHECK(sg_model_folder_is_model(dir.path));
    CHECK_INT(symlink("nowhere", temp_dir_path(&dir, "model.safetensors")), 0);
    CHECK_INT(sg_model_folder_form(dir.path), SG_KNOWN_FORM_SAFETENSORS);
    CHECK_INT(sg_model_folder_form("/no/such/directory"), SG_KNOWN_FORM_UNKNOWN);
    CHECK(!sg_model_folder_is_model("/no/such/directory"));
    temp_dir_remove(&dir);
}

static void expect_problem(const temp_dir *dir, sg_status status, const char *text) {
    sg_error error = {.message = ""};
    CHECK_INT(sg_model_folder_check(dir->path, &error), status);
    CHECK_CONTAINS(error.message, text);
}

/* A copy of the small model, completed file by file: each file that is missing is named. */
static void what_is_missing_is_named(void) {
    static const char *const names[] = {
        "model.safetensors.index.json", "model-00001-of-00003.safetensors",
        "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"};
    char target[PATH_MAX];
    sg_error error = {.message = ""};
    temp_dir dir = temp_dir_create();
    expect_problem(&dir, SG_STATUS_NOT_FOUND, "config.json is missing");
    (void)temp_dir_write_text(&dir, "config.json", "{}");
    expect_problem(&dir, SG_STATUS_NOT_FOUND, "spiece.model is missing");
    (void)temp_dir_write_text(&dir, "tokenizer.json", "{}");
    expect_problem(&dir, SG_STATUS_UNSUPPORTED, "found tokenizer.json and no spiece.model");
    (void)temp_dir_write_text(&dir, "spiece.model", "x");
    expect_problem(&dir, SG_STATUS_NOT_FOUND, "found no model.safetensors");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(target, sizeof target, SG_TEST_SOURCE_ROOT "/models/switch-small-64/%s",
                       names[i]);
        CHECK_INT(symlink(target, temp_dir_path(&dir, names[i])), 0);
        if (i + 1 < sizeof names / sizeof names[0]) {
            expect_problem(&dir, SG_STATUS_NOT_FOUND, names[i + 1]);
        }
    }
    CHECK_INT(sg_model_folder_check(dir.path, &error), SG_STATUS_OK);
    CHECK_TEXT(error.message, "");
    CHECK_INT(unlink(temp_dir_path(&dir, names[2])), 0);
    (void)temp_dir_write_text(&dir, names[2], "short");
    expect_problem(&dir, SG_STATUS_MODEL, names[2]);
    temp_dir_remove(&dir);
}

/* A link to nothing or to itself is named; links of other files do not count. */
static void dangling_links_are_named(void) {
    sg_error error = {.message = ""};
    temp_dir dir = temp_dir_create();
    CHECK_INT(symlink("gone", temp_dir_path(&dir, "README.md")), 0);
    CHECK_INT(sg_model_folder_check_links(dir.path, &error), SG_STATUS_OK);
    CHECK_INT(symlink("spiece.model", temp_dir_path(&dir, "spiece.model")), 0);
    CHECK_INT(sg_model_folder_check_links(dir.path, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.message, "/spiece.model: the link leads to nothing");
    CHECK_INT(unlink(temp_dir_path(&dir, "spiece.model")), 0);
    CHECK_INT(symlink("../gone", temp_dir_path(&dir, "a.safetensors")), 0);
    CHECK_INT(sg_model_folder_check_links(dir.path, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.message, "/a.safetensors: the link leads to nothing");
    CHECK_INT(sg_model_folder_check_links("/no/such/directory", &error), SG_STATUS_IO);
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(links_and_files_say_the_form);
    TEST(what_is_missing_is_named);
    TEST(dangling_links_are_named);
    return test_end();
}
