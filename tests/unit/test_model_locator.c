/* SPDX-License-Identifier: Apache-2.0 */
/* From a name to a directory: the order of the places, names that lead out of them, and what a user
 * reads when nothing is found. */
#include "support/alloc_fault.h"
#include "support/hub_dir.h"
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

/* A directory that counts as a model. */
static void make_model(const char *parent, const char *name) {
    char path[PATH_MAX];
    FILE *config;
    make_directory(parent, name);
    (void)snprintf(path, sizeof path, "%.2000s/%.100s/config.json", parent, name);
    config = fopen(path, "w");
    CHECK(config != NULL);
    if (config != NULL) {
        CHECK_INT(fclose(config), 0);
    }
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
    (void)snprintf(list, sizeof list, "%.500s/hub", made.dir.path);
    CHECK_INT(setenv("HF_HUB_CACHE", list, 1), 0);
    return made;
}

/* What warnings came, one after the other. */
static char warnings[2000];

static void keep_warning(void *context, sg_log_level level, const char *message) {
    size_t used = strlen(warnings);
    (void)context;
    if (level == SG_LOG_LEVEL_WARNING) {
        (void)snprintf(warnings + used, sizeof warnings - used, "%s\n", message);
    }
}

static sg_status find_revision(const char *name, const char *revision, bool needs_weights,
                               char **found, sg_error *error) {
    sg_log log = {.write = keep_warning, .context = NULL};
    sg_model_request request = {
        .name = name, .revision = revision, .needs_weights = needs_weights, .log = &log};
    warnings[0] = '\0';
    return sg_model_locator_find(&request, found, error);
}

static sg_status find(const char *name, char **found, sg_error *error) {
    return find_revision(name, NULL, true, found, error);
}

/* Expect `name` to be found at PLACE/INNER. */
static void expect_found(const char *name, const char *place, const char *inner) {
    char expected[PATH_MAX];
    char *found = NULL;
    sg_error error = {.message = ""};
    (void)snprintf(expected, sizeof expected, "%s%s%s", place, inner[0] == '\0' ? "" : "/", inner);
    CHECK_INT(find(name, &found, &error), SG_STATUS_OK);
    CHECK_TEXT(found, expected);
    sg_memory_free(found);
}

static void places_are_searched_in_order(void) {
    places made = make_places();
    make_model(made.data, "m-one");
    expect_found("m-one", made.data, "m-one");
    make_model(made.second, "m-one");
    expect_found("m-one", made.second, "m-one");
    make_model(made.first, "m-one");
    expect_found("m-one", made.first, "m-one");
    make_directory(made.first, "org");
    make_model(made.first, "org/m-two");
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
    make_model(made.second, "m");
    expect_found("m", made.second, "m");
    CHECK_INT(find(temp_dir_path(&made.dir, "first/m"), &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.message, "found a file, expected a model's directory");
    temp_dir_remove(&made.dir);
}

/* A folder that holds only a known model's expectations does not hide the model further on. */
static void expectations_alone_are_no_model(void) {
    places made = make_places();
    make_directory(made.first, "m");
    make_model(made.second, "m");
    (void)temp_dir_write_text(&made.dir, "first/m/expected.jsonl", "x");
    expect_found("m", made.second, "m");
    (void)temp_dir_write_text(&made.dir, "first/m/config.json", "x");
    expect_found("m", made.first, "m");
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
            CHECK_INT(find(names[i], &found, NULL), SG_STATUS_NOT_FOUND);
        }
    }
    CHECK_INT(find("", &found, NULL), SG_STATUS_NOT_FOUND);
    CHECK_INT(find("/no/such/directory", &found, NULL), SG_STATUS_NOT_FOUND);
    CHECK(found == NULL);
    temp_dir_remove(&made.dir);
}

/* The shipped model of the source is found from a build tree, wherever the program is started. */
static void the_build_tree_finds_the_source(void) {
    char *found = NULL;
    places made = make_places();
    CHECK_INT(chdir("/"), 0);
    CHECK_INT(find(SG_MODEL_LOCATOR_SHIPPED, &found, NULL), SG_STATUS_OK);
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
    CHECK_INT(find("swich-base-8", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_TEXT(error.message, "model \"swich-base-8\" was not found");
    CHECK_CONTAINS(error.hint, "close names: switch-base-8, switch-base-");
    CHECK(strstr(error.hint, "entirely-different") == NULL);
    CHECK_CONTAINS(error.hint, made.first);
    CHECK_CONTAINS(error.hint, made.second);
    CHECK_CONTAINS(error.hint, made.data);
    CHECK_CONTAINS(error.hint, "/share/switch-gen/models");
    CHECK_INT(find("zzzzzzzzzzzzzz", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK(strncmp(error.hint, "searched: ", 10) == 0);
    CHECK_CONTAINS(error.hint, "the Hugging Face cache");
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
    make_model(made.dir.path, ".local/share/switch-gen/models/m-home");
    expect_found("m-home", made.dir.path, ".local/share/switch-gen/models/m-home");
    CHECK_INT(setenv("XDG_DATA_HOME", "relative", 1), 0);
    expect_found("m-home", made.dir.path, ".local/share/switch-gen/models/m-home");
    CHECK_INT(unsetenv("HOME"), 0);
    CHECK_INT(unsetenv("SWITCH_GEN_MODEL_PATH"), 0);
    CHECK_INT(find("m-home", &found, NULL), SG_STATUS_NOT_FOUND);
    temp_dir_remove(&made.dir);
}

/* A path of many kilobytes is no place, and a name of many kilobytes no model; nothing is cut. */
static void long_names_are_not_found(void) {
    static char longest[20000];
    places made = make_places();
    char *found = NULL;
    sg_error error;
    memset(longest, 'x', sizeof longest - 1);
    CHECK_INT(find(longest, &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_INT(setenv("SWITCH_GEN_MODEL_PATH", longest, 1), 0);
    CHECK_INT(find("m", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK(strstr(error.hint, "xxxx") == NULL);
    temp_dir_remove(&made.dir);
}

/* An allocation fails, early or late (the known models take thousands), also while the hint of a
 * name that is not found is written. */
static void every_failed_allocation_is_an_error(void) {
    places made = make_places();
    char *found = NULL;
    size_t failures = 0;
    make_model(made.second, "m-one");
    for (size_t fail_at = 0; fail_at < 100000; fail_at += 1 + fail_at / 16) {
        sg_status status;
        alloc_fault_reset(fail_at);
        status = find("m-one", &found, NULL);
        if (status == SG_STATUS_OK) {
            break;
        }
        failures++;
        CHECK_INT(status, SG_STATUS_MEMORY);
        CHECK(found == NULL);
        alloc_fault_reset(fail_at);
        status = find("m-none", &found, NULL);
        CHECK(status == SG_STATUS_MEMORY || status == SG_STATUS_NOT_FOUND);
    }
    alloc_fault_reset(SIZE_MAX);
    CHECK(found != NULL && failures > 1);
    sg_memory_free(found);
    temp_dir_remove(&made.dir);
}

#define FOLDER "hub/models--google--switch-base-64"
#define WEIGHTS "model.safetensors"
#define PICKLE "pytorch_model.bin"

/* Expect a snapshot of FOLDER, and a warning that has `warning` ("": none). */
static void expect_snapshot(const places *made, const char *name, const char *revision,
                            const char *commit, const char *warning) {
    char expected[PATH_MAX];
    char *found = NULL;
    sg_error error = {.message = ""};
    (void)snprintf(expected, sizeof expected, "%s/" FOLDER "/snapshots/%s", made->dir.path, commit);
    CHECK_INT(find_revision(name, revision, true, &found, &error), SG_STATUS_OK);
    CHECK_TEXT(error.message, "");
    CHECK_TEXT(found, expected);
    if (warning[0] == '\0') {
        CHECK_TEXT(warnings, "");
    } else {
        CHECK_CONTAINS(warnings, warning);
    }
    sg_memory_free(found);
}

/* A cached model by its repository, by its bare name, by a revision and by a commit. */
static void the_cache_is_searched_last(void) {
    places made = make_places();
    hub_dir_set_ref(&made.dir, FOLDER, "main", HUB_COMMIT_A);
    hub_dir_set_ref(&made.dir, FOLDER, "v2", HUB_COMMIT_B);
    hub_dir_add_file(&made.dir, FOLDER, HUB_COMMIT_A, WEIGHTS, "x");
    hub_dir_add_file(&made.dir, FOLDER, HUB_COMMIT_B, WEIGHTS, "x");
    expect_snapshot(&made, "google/switch-base-64", NULL, HUB_COMMIT_A, "");
    expect_snapshot(&made, "switch-base-64", NULL, HUB_COMMIT_A, "");
    expect_snapshot(&made, "switch-base-64", "v2", HUB_COMMIT_B, "");
    expect_snapshot(&made, "switch-base-64", HUB_COMMIT_B, HUB_COMMIT_B, "");
    make_model(made.data, "switch-base-64");
    expect_found("google/switch-base-64", made.data, "switch-base-64");
    expect_found("switch-base-64", made.data, "switch-base-64");
    make_directory(made.first, "google");
    make_model(made.first, "google/switch-base-64");
    expect_found("switch-base-64", made.first, "google/switch-base-64");
    temp_dir_remove(&made.dir);
}

/* A bare name that the manifest does not know: as itself, then google/NAME, then google-t5/NAME. */
static void bare_names_are_tried_with_their_organisations(void) {
    static const char *const folders[] = {"hub/models--google-t5--m", "hub/models--google--m",
                                          "hub/models--m"};
    places made = make_places();
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char inner[200];
        hub_dir_set_ref(&made.dir, folders[i], "main", HUB_COMMIT_A);
        hub_dir_add_file(&made.dir, folders[i], HUB_COMMIT_A, WEIGHTS, "x");
        (void)snprintf(inner, sizeof inner, "%s/snapshots/" HUB_COMMIT_A, folders[i]);
        expect_found("m", made.dir.path, inner);
    }
    expect_found("google/m", made.dir.path, "hub/models--google--m/snapshots/" HUB_COMMIT_A);
    temp_dir_remove(&made.dir);
}

/* main has pickle files only: the known revision with safetensors is taken, with a warning that
 * names it. */
static void a_known_revision_with_safetensors_is_taken(void) {
    places made = make_places();
    hub_dir_set_ref(&made.dir, FOLDER, "main", HUB_COMMIT_A);
    hub_dir_set_ref(&made.dir, FOLDER, "refs/pr/6", HUB_COMMIT_B);
    hub_dir_add_file(&made.dir, FOLDER, HUB_COMMIT_A, PICKLE ".index.json", "x");
    hub_dir_add_file(&made.dir, FOLDER, HUB_COMMIT_B, WEIGHTS ".index.json", "x");
    expect_snapshot(&made, "switch-base-64", NULL, HUB_COMMIT_B,
                    "main has no safetensors, revision refs/pr/6 is used");
    hub_dir_add_file(&made.dir, FOLDER, HUB_COMMIT_A, WEIGHTS, "x");
    expect_snapshot(&made, "switch-base-64", NULL, HUB_COMMIT_A, "");
    temp_dir_remove(&made.dir);
}

/* `hf download --revision refs/pr/6` leaves no main at all. */
static void a_known_revision_is_taken_without_main(void) {
    places made = make_places();
    hub_dir_set_ref(&made.dir, FOLDER, "refs/pr/6", HUB_COMMIT_B);
    hub_dir_add_file(&made.dir, FOLDER, HUB_COMMIT_B, WEIGHTS, "x");
    expect_snapshot(&made, "google/switch-base-64", NULL, HUB_COMMIT_B,
                    "main is not in the cache, revision refs/pr/6 is used");
    temp_dir_remove(&made.dir);
}

/* Only pickle files: the exact commands; and where weights are not needed, the snapshot. */
static void only_pickle_names_the_conversion(void) {
    char expected[PATH_MAX * 2];
    char *found = NULL;
    sg_error error;
    places made = make_places();
    hub_dir_set_ref(&made.dir, FOLDER, "main", HUB_COMMIT_A);
    hub_dir_add_file(&made.dir, FOLDER, HUB_COMMIT_A, PICKLE, "x");
    CHECK_INT(find("switch-base-64", &found, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "found only pytorch_model.bin files, expected safetensors");
    (void)snprintf(expected, sizeof expected,
                   "switch-gen convert %s/" FOLDER "/snapshots/" HUB_COMMIT_A " %s/switch-base-64;",
                   made.dir.path, made.data);
    CHECK_CONTAINS(error.hint, expected);
    CHECK_CONTAINS(error.hint,
                   "hf download google/switch-base-64 --revision refs/pr/6 --exclude \"*.bin\"");
    CHECK_INT(find_revision("switch-base-64", NULL, false, &found, &error), SG_STATUS_OK);
    sg_memory_free(found);
    temp_dir_remove(&made.dir);
}

/* In a plain directory under its name the result goes beside it, quoted where a shell needs that.
 */
static void only_pickle_in_a_directory(void) {
    char *found = NULL;
    sg_error error;
    places made = make_places();
    hub_dir_write(&made.dir, "data/switch-gen/models/my model/" PICKLE, "x");
    CHECK_INT(find("my model", &found, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.hint, "/my model' '");
    CHECK_CONTAINS(error.hint, "/my model-safetensors'");
    temp_dir_remove(&made.dir);
}

/* What was wrong with a cached repository is told, rather than that there is none. */
static void damage_in_the_cache_is_told(void) {
    char *found = NULL;
    sg_error error;
    places made = make_places();
    hub_dir_set_ref(&made.dir, FOLDER, "main", HUB_COMMIT_A);
    CHECK_INT(find("switch-base-64", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.message, "whose snapshot is missing");
    hub_dir_add_file(&made.dir, FOLDER, HUB_COMMIT_A, WEIGHTS, NULL);
    CHECK_INT(find("switch-base-64", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.message, WEIGHTS ": the link leads to nothing");
    CHECK_INT(find_revision("switch-base-64", "v9", true, &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.message, "revision \"v9\" is not in the cache, found main");
    CHECK(found == NULL);
    temp_dir_remove(&made.dir);
}

/* A revision has no meaning for a plain directory; it is used with one warning. */
static void a_revision_of_a_directory_is_warned_of(void) {
    char *found = NULL;
    places made = make_places();
    make_model(made.first, "m");
    CHECK_INT(find_revision("m", "v1", true, &found, NULL), SG_STATUS_OK);
    CHECK_CONTAINS(warnings, "--revision has no effect on the directory ");
    sg_memory_free(found);
    CHECK_INT(find_revision(made.first, "v1", true, &found, NULL), SG_STATUS_OK);
    CHECK_CONTAINS(warnings, "--revision has no effect");
    sg_memory_free(found);
    temp_dir_remove(&made.dir);
}

/* Which cache: $HF_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub,
 * ~/.cache/huggingface/hub. */
static void the_cache_follows_its_variables(void) {
    static const char *const inner[] = {"hub", "home/hub", "cache/huggingface/hub",
                                        "user/.cache/huggingface/hub"};
    static const char *const variables[] = {"HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"};
    static const char *const values[] = {"hub", "home", "cache", "user"};
    places made = make_places();
    for (size_t i = 0; i < 4; i++) {
        char folder[200];
        (void)snprintf(folder, sizeof folder, "%s/models--google--m", inner[i]);
        hub_dir_set_ref(&made.dir, folder, "main", HUB_COMMIT_A);
        hub_dir_add_file(&made.dir, folder, HUB_COMMIT_A, WEIGHTS, "x");
        CHECK_INT(setenv(variables[i], temp_dir_path(&made.dir, values[i]), 1), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        char expected[PATH_MAX];
        (void)snprintf(expected, sizeof expected, "%s/models--google--m/snapshots/" HUB_COMMIT_A,
                       inner[i]);
        expect_found("m", made.dir.path, expected);
        CHECK_INT(i % 2 == 0 ? setenv(variables[i], "", 1) : unsetenv(variables[i]), 0);
    }
    CHECK_INT(setenv("HOME", temp_dir_path(&made.dir, "user"), 1), 0);
    CHECK_INT(setenv("HF_HUB_CACHE", "~/.cache/huggingface/hub", 1), 0);
    expect_found("m", made.dir.path,
                 "user/.cache/huggingface/hub/models--google--m/snapshots/" HUB_COMMIT_A);
    CHECK_INT(unsetenv("HOME"), 0);
    CHECK_INT(unsetenv("HF_HUB_CACHE"), 0);
    temp_dir_remove(&made.dir);
}

/* A known model that is not there: what downloads it; an unknown repository: what would. */
static void the_download_is_named(void) {
    char *found = NULL;
    sg_error error;
    places made = make_places();
    CHECK_INT(find("switch-base-64", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.hint, "hf download google/switch-base-64 --revision refs/pr/6 --exclude "
                               "\"*.bin\"; or: tools/fetch-model switch-base-64 (15.3 GB)");
    CHECK(strstr(error.hint, "close names") == NULL);
    CHECK_INT(find("google-t5/t5-small", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.hint, "hf download google-t5/t5-small --include");
    CHECK_INT(find("somebody/model", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.hint, "hf download somebody/model;");
    CHECK_INT(find("some body/model", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK(strstr(error.hint, "hf download") == NULL);
    CHECK_INT(find("switch-base-46", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.hint, "close names: switch-base-16, switch-base-64");
    hub_dir_write(&made.dir, "hub/models--me--switch-base-47/x", "");
    CHECK_INT(find("switch-base-46", &found, &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.hint, "close names: me/switch-base-47, switch-base-16, switch-base-64");
    temp_dir_remove(&made.dir);
}

int main(void) {
    TEST(places_are_searched_in_order);
    TEST(a_directory_is_taken_as_written);
    TEST(only_directories_are_models);
    TEST(expectations_alone_are_no_model);
    TEST(names_do_not_lead_out);
    TEST(the_build_tree_finds_the_source);
    TEST(close_names_and_places_are_told);
    TEST(the_data_directory_has_a_default);
    TEST(long_names_are_not_found);
    TEST(the_cache_is_searched_last);
    TEST(bare_names_are_tried_with_their_organisations);
    TEST(a_known_revision_with_safetensors_is_taken);
    TEST(a_known_revision_is_taken_without_main);
    TEST(only_pickle_names_the_conversion);
    TEST(only_pickle_in_a_directory);
    TEST(damage_in_the_cache_is_told);
    TEST(a_revision_of_a_directory_is_warned_of);
    TEST(the_cache_follows_its_variables);
    TEST(the_download_is_named);
    TEST(every_failed_allocation_is_an_error);
    return test_end();
}
