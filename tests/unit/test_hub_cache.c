/* SPDX-License-Identifier: Apache-2.0 */
/* The Hugging Face cache: which snapshot a revision is, and what is said where there is none. */
#include "support/hub_dir.h"
#include "support/temp_dir.h"
#include "support/test.h"

#include "base/memory.h"
#include "storage/hub_cache.h"

#define FOLDER "models--google--switch-base-64"
#define NAME "google/switch-base-64"

/* Expect the snapshot of `revision` to be that of `commit`. */
static void expect_snapshot(const temp_dir *dir, const char *revision, const char *commit) {
    char expected[PATH_MAX];
    char *found = NULL;
    sg_error error = {.message = ""};
    (void)snprintf(expected, sizeof expected, "%s/" FOLDER "/snapshots/%s", dir->path, commit);
    CHECK_INT(sg_hub_cache_find(dir->path, NAME, revision, &found, &error), SG_STATUS_OK);
    CHECK_TEXT(found, expected);
    sg_memory_free(found);
}

/* Expect a failure whose message has `text`. */
static void expect_refused(const temp_dir *dir, const char *revision, sg_status status,
                           const char *text) {
    char *found = NULL;
    sg_error error = {.message = ""};
    CHECK_INT(sg_hub_cache_find(dir->path, NAME, revision, &found, &error), status);
    CHECK_CONTAINS(error.message, text);
    CHECK(found == NULL);
}

/* A branch, a ref with slashes (a folder each), a commit by its digits, and a snapshot by its name.
 */
static void revisions_lead_to_their_snapshots(void) {
    temp_dir dir = temp_dir_create();
    hub_dir_set_ref(&dir, FOLDER, "main", HUB_COMMIT_A);
    hub_dir_set_ref(&dir, FOLDER, "refs/pr/6", HUB_COMMIT_B "\n");
    hub_dir_add_file(&dir, FOLDER, HUB_COMMIT_A, "config.json", "{}");
    hub_dir_add_file(&dir, FOLDER, HUB_COMMIT_B, "config.json", "{}");
    hub_dir_add_file(&dir, FOLDER, "v1", "config.json", "{}");
    expect_snapshot(&dir, "main", HUB_COMMIT_A);
    expect_snapshot(&dir, "refs/pr/6", HUB_COMMIT_B);
    expect_snapshot(&dir, HUB_COMMIT_A, HUB_COMMIT_A);
    expect_snapshot(&dir, HUB_COMMIT_B, HUB_COMMIT_B);
    expect_snapshot(&dir, "v1", "v1");
    CHECK(sg_hub_cache_has(dir.path, NAME));
    CHECK(!sg_hub_cache_has(dir.path, "google/switch-base-6"));
    temp_dir_remove(&dir);
}

/* Of two commits the ref's counts, not the newest folder. */
static void the_ref_chooses_between_snapshots(void) {
    temp_dir dir = temp_dir_create();
    hub_dir_add_file(&dir, FOLDER, HUB_COMMIT_A, "config.json", "{}");
    hub_dir_add_file(&dir, FOLDER, HUB_COMMIT_B, "config.json", "{}");
    hub_dir_set_ref(&dir, FOLDER, "main", HUB_COMMIT_A);
    expect_snapshot(&dir, "main", HUB_COMMIT_A);
    hub_dir_set_ref(&dir, FOLDER, "main", HUB_COMMIT_B);
    expect_snapshot(&dir, "main", HUB_COMMIT_B);
    temp_dir_remove(&dir);
}

/* A revision that was never downloaded: the message lists those that were. */
static void a_missing_revision_is_told_with_those_there_are(void) {
    temp_dir dir = temp_dir_create();
    hub_dir_set_ref(&dir, FOLDER, "refs/pr/6", HUB_COMMIT_A);
    hub_dir_add_file(&dir, FOLDER, HUB_COMMIT_A, "config.json", "{}");
    expect_refused(&dir, "main", SG_STATUS_NOT_FOUND,
                   "revision \"main\" is not in the cache, found refs/pr/6");
    expect_refused(&dir, "refs/pr/7", SG_STATUS_NOT_FOUND, "found refs/pr/6");
    expect_refused(&dir, HUB_COMMIT_B, SG_STATUS_NOT_FOUND, "is not in the cache");
    temp_dir_remove(&dir);
}

/* Without any ref the folders are listed; without those there is nothing to list. */
static void a_cache_without_refs_lists_its_snapshots(void) {
    temp_dir dir = temp_dir_create();
    hub_dir_make_parents(&dir, FOLDER "/refs/x");
    expect_refused(&dir, "main", SG_STATUS_NOT_FOUND, "found none");
    hub_dir_add_file(&dir, FOLDER, HUB_COMMIT_B, "config.json", "{}");
    expect_refused(&dir, "main", SG_STATUS_NOT_FOUND, "found " HUB_COMMIT_B);
    temp_dir_remove(&dir);
}

/* A ref that outlived its snapshot, and refs that hold no commit. */
static void damaged_refs_are_refused(void) {
    static const char *const contents[] = {
        "", "..", ".", "\n", "a/b", "/etc", "../../../etc", "abc\ndef/", ("../" HUB_COMMIT_A)};
    static char longest[5000];
    temp_dir dir = temp_dir_create();
    hub_dir_add_file(&dir, FOLDER, HUB_COMMIT_A, "config.json", "{}");
    hub_dir_set_ref(&dir, FOLDER, "main", HUB_COMMIT_B);
    expect_refused(&dir, "main", SG_STATUS_NOT_FOUND,
                   "is commit " HUB_COMMIT_B ", whose snapshot is missing");
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        hub_dir_set_ref(&dir, FOLDER, "main", contents[i]);
        expect_refused(&dir, "main", SG_STATUS_MODEL, "expected a commit");
    }
    memset(longest, 'a', 300);
    hub_dir_set_ref(&dir, FOLDER, "main", longest);
    expect_refused(&dir, "main", SG_STATUS_MODEL, "expected a commit");
    memset(longest, 'a', sizeof longest - 1);
    hub_dir_set_ref(&dir, FOLDER, "main", longest);
    expect_refused(&dir, "main", SG_STATUS_MODEL, "4096");
    temp_dir_remove(&dir);
}

/* A revision is a name below refs/, never a way out of the cache. */
static void revisions_do_not_lead_out(void) {
    static const char *const names[] = {"../main", "..",    ".", "a/../main",
                                        "/main",   "main/", "",  "a//b"};
    temp_dir dir = temp_dir_create();
    hub_dir_set_ref(&dir, FOLDER, "main", HUB_COMMIT_A);
    hub_dir_add_file(&dir, FOLDER, HUB_COMMIT_A, "config.json", "{}");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        expect_refused(&dir, names[i], SG_STATUS_ARGUMENT, "is no name of one");
    }
    temp_dir_remove(&dir);
}

/* Names that can be no repository are not looked for, and nothing outside the cache is. */
static void repositories_are_one_or_two_parts(void) {
    static const char *const names[] = {"", "..", "a/b/c", "/a", "a/", "../a", "a/..", "."};
    static char longest[400];
    temp_dir dir = temp_dir_create();
    hub_dir_write(&dir, "models--t5-small/refs/main", HUB_COMMIT_A);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK(!sg_hub_cache_has(dir.path, names[i]));
    }
    memset(longest, 'a', sizeof longest - 1);
    CHECK(!sg_hub_cache_has(dir.path, longest));
    CHECK(!sg_hub_cache_has("", "t5-small"));
    CHECK(sg_hub_cache_has(dir.path, "t5-small"));
    temp_dir_remove(&dir);
}

static void keep_name(void *context, const char *repository) {
    (void)snprintf(context, 100, "%s", repository);
}

/* What "close names" are taken from. */
static void repositories_are_listed_by_their_names(void) {
    char name[100] = "";
    temp_dir dir = temp_dir_create();
    hub_dir_write(&dir, "datasets--a--b/x", "");
    hub_dir_write(&dir, "version.txt", "");
    sg_hub_cache_each(dir.path, keep_name, name);
    CHECK_TEXT(name, "");
    hub_dir_write(&dir, FOLDER "/x", "");
    sg_hub_cache_each(dir.path, keep_name, name);
    CHECK_TEXT(name, NAME);
    sg_hub_cache_each("/no/such/cache", keep_name, name);
    sg_hub_cache_each("", keep_name, name);
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(revisions_lead_to_their_snapshots);
    TEST(the_ref_chooses_between_snapshots);
    TEST(a_missing_revision_is_told_with_those_there_are);
    TEST(a_cache_without_refs_lists_its_snapshots);
    TEST(damaged_refs_are_refused);
    TEST(revisions_do_not_lead_out);
    TEST(repositories_are_one_or_two_parts);
    TEST(repositories_are_listed_by_their_names);
    return test_end();
}
