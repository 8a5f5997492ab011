/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for a test's files, gone when the test ends. */
#ifndef SG_TEST_TEMP_DIR_H
#define SG_TEST_TEMP_DIR_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct temp_dir {
    char path[PATH_MAX / 2];
} temp_dir;

/* Make a fresh directory under $TMPDIR or /tmp; ends the test program if that fails. */
static inline temp_dir temp_dir_create(void) {
    temp_dir dir;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(dir.path, sizeof dir.path, "%s/switch-gen-test-XXXXXX",
                   parent == NULL ? "/tmp" : parent);
    if (mkdtemp(dir.path) == NULL) {
        perror(dir.path);
        exit(1);
    }
    return dir;
}

static inline int temp_dir_remove_entry(const char *path, const struct stat *found, int kind,
                                        struct FTW *place) {
    (void)found;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Remove the directory and all that is in it. */
static inline void temp_dir_remove(const temp_dir *dir) {
    (void)nftw(dir->path, temp_dir_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* "DIR/NAME", in one of four places that are used in turn. */
static inline const char *temp_dir_path(const temp_dir *dir, const char *name) {
    static char paths[4][PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    (void)snprintf(path, PATH_MAX, "%s/%s", dir->path, name);
    return path;
}

/* Write bytes[0..length) to a file of the directory and return its path. */
static inline const char *temp_dir_write(const temp_dir *dir, const char *name, const void *bytes,
                                         size_t length) {
    const char *path = temp_dir_path(dir, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    return path;
}

/* The same for a NUL-terminated text. */
static inline const char *temp_dir_write_text(const temp_dir *dir, const char *name,
                                              const char *text) {
    return temp_dir_write(dir, name, text, strlen(text));
}

#endif
