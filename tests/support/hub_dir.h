/* SPDX-License-Identifier: Apache-2.0 */
/* A Hugging Face cache in a test's directory, laid out as huggingface_hub 2.4.0 does. */
#ifndef SG_TEST_HUB_DIR_H
#define SG_TEST_HUB_DIR_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "support/temp_dir.h"

/* Names below the cache; short, so that none can be cut. */
#define HUB_NAME_SIZE 1000

#define HUB_COMMIT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HUB_COMMIT_B "0123456789abcdef0123456789abcdef01234567"

/* Make each directory of DIR/NAME up to its last slash. */
static inline void hub_dir_make_parents(const temp_dir *dir, const char *name) {
    char part[HUB_NAME_SIZE];
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        (void)mkdir(temp_dir_path(dir, part), 0700);
    }
}

/* Write a text to DIR/NAME, with its directories. */
static inline void hub_dir_write(const temp_dir *dir, const char *name, const char *text) {
    hub_dir_make_parents(dir, name);
    (void)temp_dir_write_text(dir, name, text);
}

/* Say in the folder of `repository` ("models--ORG--NAME", under DIR) that `revision` is `commit`.
 */
static inline void hub_dir_set_ref(const temp_dir *dir, const char *repository,
                                   const char *revision, const char *commit) {
    char name[HUB_NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s/refs/%s", repository, revision);
    hub_dir_write(dir, name, commit);
}

/* Add a file to a snapshot: a blob with `text`, or none where it is NULL, and a link to it. */
static inline void hub_dir_add_file(const temp_dir *dir, const char *repository, const char *commit,
                                    const char *file, const char *text) {
    char name[HUB_NAME_SIZE];
    char target[HUB_NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s/blobs/%s-%.4s", repository, file, commit);
    hub_dir_make_parents(dir, name);
    if (text != NULL) {
        (void)temp_dir_write_text(dir, name, text);
    }
    (void)snprintf(name, sizeof name, "%s/snapshots/%s/%s", repository, commit, file);
    (void)snprintf(target, sizeof target, "../../blobs/%s-%.4s", file, commit);
    hub_dir_make_parents(dir, name);
    if (symlink(target, temp_dir_path(dir, name)) != 0) {
        perror(name);
        exit(1);
    }
}

#endif
