/* SPDX-License-Identifier: Apache-2.0 */
/* From a name to a directory: the order of the places, names that lead out of them, and what a user
 * reads when nothing is found. */
#include "support/alloc_fault.h"
#include "support/temp_dir.h"
#include "support/test.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "storage/model_locator.h"

/* The environment of each test: two entries of the model path, a data home, and nothing of the
 * user's. */
typedef struct places {
    temp_dir dir;
    char first[600], second[600], data[600];
} places;

static void make_directory(const char *parent, const char *name) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", parent, name);
    CHECK_INT(mkdir(path, 0700), 0);
}

static places make_places(void) {
    places made = {.dir = temp_dir_create()};
    char list[PATH_MAX];
    (void)snprintf(made.first, sizeof made.first, "%.500s/first", made.dir.path);
    (void)snprintf(made.second, sizeof made.second, "%.500s/second", made.dir.path);
    (void)snprintf(made.data, sizeof made.data, "%.500s/data/switch-gen/models", made.dir.path);
    make_directory(made.dir.path, "first");
    make_directory(made.dir.path, "second");
    make_directory(made.dir.path, "data");
    make_directory(made.dir.path, "data/switch-gen");
    make_directory(made.dir.path, "data/switch-gen/models");
    (void)snprintf(list, sizeof list, "%s::%s", made.first, made.second);
    CHECK_INT(setenv("SWITCH_GEN_MODEL_PATH", list, 1), 0);
    (void)snprintf(list, sizeof list, "%.500s/data", made.dir.path);
    CHECK_INT(setenv("XDG_DATA_HOME", list, 1), 0);
    return made;
}

/* Expect `name` to be found at PLACE/INNER. */
static void expect_found(const char *name, const char *place, const char *inner) {
    char expected[PATH_MAX];
    char *found = NULL;
    sg_error error = {.message = ""};
    (void)snprintf(expected, sizeof expected, "%s%s%s", place, inner[0] == '\0' ? "" : "/", inner);
    CHECK_INT(sg_model_locator_find(name, &found, &error), SG_STATUS_OK);
    CHECK_TEXT(found, expected);
    sg_memory_free(found);
}

static void places_are_searched_in_order(void) {
    places made = make_places();
    make_directory(made.data, "m-one");
    expect_found("m-one", made.data, "m-one");
    make_directory(made.second, "m-one");
    expect_found("m-one", made.second, "m-one");
    make_directory(made.first, "m-one");
    expect_found("m-one", made.first, "m-one");
    make_directory(made.first, "org");
    make_directory(made.first, "org/m-two");
    expect_found("org/m-two", made.first, "org/m-two");
    temp_dir_remove(&made.dir);
}

/* An existing directory is taken as it is written, before any place. */
static void a_directory_is_taken_as_written(void) {
    places made = make_places();
    expect_found(made.second, made.second, "");
    expect_found("/", "/", "");
    expect_found(".", ".", "");
    temp_dir_remove(&made.dir);
}

/* A file or a dangling link of the name is no model. */
static void only_directories_are_models(void) {
    places made = make_places();
    char *found = NULL;
    sg_error error;
    (void)temp_dir_write_text(&made.dir, "first/m", "x");
    make_directory(made.second, "m");
    expect_found("m", made.second, "m");
    CHECK_INT(sg_model_locator_find(temp_dir_path(&made.dir, "first/m"), &found, &error),
              SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.message, "found a file, expected a model's directory");
    temp_dir_remove(&made.dir);
}

/* Of names under the places no part may lead out. */
static void names_do_not_lead_out(void) {
    static const char *const names[] = {"../second", "a/../../second", "./../second",
                                        "..",        "a/..",           "../../nothing"};
    places made = make_places();
    char *found = NULL;
    CHECK_INT(chdir(made.first), 0);
    make_directory(made.first, "a");
    CHECK_INT(chdir("/usr"), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat exists;
        if (stat(names[i], &exists) != 0) { /* else it is an existing directory as written */
            CHECK_INT(sg_model_locator_find(names[i], &found, NULL), SG_STATUS_NOT_FOUND);
        }
    }
    CHECK_INT(sg_model_locator_find("", &found, NULL), SG_STATUS_NOT_FOUND);
    CHECK_INT(sg_model_locator_find("/no/such/directory", &found, NULL), SG_STATUS_NOT_FOUND);
    CHECK(found == NULL);
    temp_dir_remove(&made.dir);
}

/* The shipped model of the source is found from a build tree, wherever the program is started. */
static void the_build_tree_finds_the_source(void) {
    char *found = NULL;
    places made = make_places();
    CHECK_INT(chdir("/"), 0);
    CHECK_INT(sg_model_locator_find(SG_MODEL_LOCATOR_SHIPPED, &found, NULL), SG_STATUS_OK);
    CHECK_TEXT(found, SG_TEST_SOURCE_ROOT "/models/" SG_MODEL_LOCATOR_SHIPPED);
    sg_memory_free(found);
    temp_dir_remove(&made.dir);
}

static void close_names_and_places_are_told(void) {
    places made = make_places();
    char *found = NULL;
    sg_error error;
    make_directory(made.first, "switch-base-8");
    make_directory(made.second, "switch-base-128");
    make_directory(made.second, "entirely-different");
    CHECK_INT(sg_model_locator_find("swich-base-8", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_TEXT(error.message, "model \"swich-base-8\" was not found");
    CHECK_CONTAINS(error.hint, "close names: switch-base-8, switch-base-128");
    CHECK(strstr(error.hint, "entirely-different") == NULL);
    CHECK_CONTAINS(error.hint, made.first);
    CHECK_CONTAINS(error.hint, made.second);
    CHECK_CONTAINS(error.hint, made.data);
    CHECK_CONTAINS(error.hint, "/share/switch-gen/models");
    CHECK_INT(sg_model_locator_find("zzzzzzzzzzzzzz", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK(strncmp(error.hint, "searched: ", 10) == 0);
    temp_dir_remove(&made.dir);
}

/* The data directory of the XDG specification: a relative one is ignored, without one it is under
 * HOME. */
static void the_data_directory_has_a_default(void) {
    places made = make_places();
    char *found = NULL;
    CHECK_INT(unsetenv("XDG_DATA_HOME"), 0);
    CHECK_INT(setenv("HOME", made.dir.path, 1), 0);
    make_directory(made.dir.path, ".local");
    make_directory(made.dir.path, ".local/share");
    make_directory(made.dir.path, ".local/share/switch-gen");
    make_directory(made.dir.path, ".local/share/switch-gen/models");
    make_directory(made.dir.path, ".local/share/switch-gen/models/m-home");
    expect_found("m-home", made.dir.path, ".local/share/switch-gen/models/m-home");
    CHECK_INT(setenv("XDG_DATA_HOME", "relative", 1), 0);
    expect_found("m-home", made.dir.path, ".local/share/switch-gen/models/m-home");
    CHECK_INT(unsetenv("HOME"), 0);
    CHECK_INT(unsetenv("SWITCH_GEN_MODEL_PATH"), 0);
    CHECK_INT(sg_model_locator_find("m-home", &found, NULL), SG_STATUS_NOT_FOUND);
    temp_dir_remove(&made.dir);
}

/* A path of many kilobytes is no place, and a name of many kilobytes no model; nothing is cut. */
static void long_names_are_not_found(void) {
    static char longest[20000];
    places made = make_places();
    char *found = NULL;
    sg_error error;
    memset(longest, 'x', sizeof longest - 1);
    CHECK_INT(sg_model_locator_find(longest, &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_INT(setenv("SWITCH_GEN_MODEL_PATH", longest, 1), 0);
    CHECK_INT(sg_model_locator_find("m", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK(strstr(error.hint, "xxxx") == NULL);
    temp_dir_remove(&made.dir);
}

/* Each allocation fails once, also while the hint of a name that is not found is written. */
static void every_failed_allocation_is_an_error(void) {
    places made = make_places();
    char *found = NULL;
    size_t failures = 0;
    make_directory(made.second, "m-one");
    for (size_t fail_at = 0; fail_at < 100; fail_at++) {
        sg_status status;
        alloc_fault_reset(fail_at);
        status = sg_model_locator_find("m-one", &found, NULL);
        if (status == SG_STATUS_OK) {
            break;
        }
        failures++;
        CHECK_INT(status, SG_STATUS_MEMORY);
        CHECK(found == NULL);
        alloc_fault_reset(fail_at);
        status = sg_model_locator_find("m-none", &found, NULL);
        CHECK(status == SG_STATUS_MEMORY || status == SG_STATUS_NOT_FOUND);
    }
    alloc_fault_reset(SIZE_MAX);
    CHECK(found != NULL && failures > 1);
    sg_memory_free(found);
    temp_dir_remove(&made.dir);
}

int main(void) {
    TEST(places_are_searched_in_order);
    TEST(a_directory_is_taken_as_written);
    TEST(only_directories_are_models);
    TEST(names_do_not_lead_out);
    TEST(the_build_tree_finds_the_source);
    TEST(close_names_and_places_are_told);
    TEST(the_data_directory_has_a_default);
    TEST(long_names_are_not_found);
    TEST(every_failed_allocation_is_an_error);
    return test_end();
}
