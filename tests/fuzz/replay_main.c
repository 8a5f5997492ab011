/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target without a fuzzer over files and over the files of directories, each once whole
 * and once without its last byte. No input at all is a failure: a corpus that went missing protects
 * nothing. */
#include "fuzz/fuzz_target.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* Run the target on bytes[0..size) in a block of that size, so that a read past it is seen. */
static void run(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        perror("input");
        exit(1);
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_file(const char *path, size_t size) {
    uint8_t *bytes = malloc(size == 0 ? 1 : size);
    FILE *file = fopen(path, "rb");
    if (bytes == NULL || file == NULL || fread(bytes, 1, size, file) != size) {
        perror(path);
        exit(1);
    }
    (void)fclose(file);
    run(bytes, size);
    run(bytes, size == 0 ? 0 : size - 1);
    free(bytes);
}

/* Run one file; returns how many were run (what is no regular file is passed over). */
static size_t run_path(const char *path) {
    struct stat found;
    if (stat(path, &found) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISREG(found.st_mode)) {
        return 0;
    }
    run_file(path, (size_t)found.st_size);
    return 1;
}

static size_t run_directory(const char *path, DIR *directory) {
    const struct dirent *entry;
    size_t count = 0;
    while ((entry = readdir(directory)) != NULL) {
        char inner[PATH_MAX];
        if (entry->d_name[0] != '.') {
            (void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            count += run_path(inner);
        }
    }
    return count;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        count += directory == NULL ? run_path(argv[i]) : run_directory(argv[i], directory);
        if (directory != NULL) {
            (void)closedir(directory);
        }
    }
    printf("%zu inputs\n", count);
    return count > 0 ? 0 : 1;
}
