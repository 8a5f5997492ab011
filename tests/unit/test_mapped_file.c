/* SPDX-License-Identifier: Apache-2.0 */
/* Files as they lie on a disk: regular ones are mapped, everything else is refused without
 * blocking, and a change is noticed. */
#include "support/temp_dir.h"
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/memory.h"
#include "storage/mapped_file.h"

static sg_status open_and_close(const char *path, sg_error *error) {
    sg_mapped_file file;
    sg_status status = sg_mapped_file_open(path, &file, error);
    sg_mapped_file_close(&file);
    return status;
}

static void regular_files_are_mapped(void) {
    temp_dir dir = temp_dir_create();
    const char *path = temp_dir_write(&dir, "a", "ab\0c", 4);
    sg_mapped_file file;
    CHECK_INT(sg_mapped_file_open(path, &file, NULL), SG_STATUS_OK);
    CHECK(file.size == 4 && memcmp(file.data, "ab\0c", 4) == 0);
    CHECK_TEXT(file.path, path);
    CHECK_INT(file.identity.size, 4);
    CHECK_INT(sg_mapped_file_check_unchanged(&file, NULL), SG_STATUS_OK);
    sg_mapped_file_close(&file);
    CHECK(file.data == NULL && file.path == NULL);
    sg_mapped_file_close(&file);
    sg_mapped_file_close(NULL);
    CHECK(fcntl(0, F_GETFD) != -1 || errno == EBADF);
    temp_dir_remove(&dir);
}

/* Closing what was never opened must not close descriptor 0. */
static void a_zeroed_struct_may_be_closed(void) {
    sg_mapped_file file = {0};
    int before = fcntl(0, F_GETFD);
    sg_mapped_file_close(&file);
    CHECK_INT(fcntl(0, F_GETFD), before);
}

static void an_empty_file_has_no_data(void) {
    temp_dir dir = temp_dir_create();
    sg_mapped_file file;
    char *data = NULL;
    size_t length = 9;
    const char *path = temp_dir_write(&dir, "empty", "", 0);
    CHECK_INT(sg_mapped_file_open(path, &file, NULL), SG_STATUS_OK);
    CHECK(file.data == NULL && file.size == 0);
    sg_mapped_file_close(&file);
    CHECK_INT(sg_file_read_small(path, 0, &data, &length, NULL), SG_STATUS_OK);
    CHECK(length == 0 && data != NULL && data[0] == '\0');
    sg_memory_free(data);
    temp_dir_remove(&dir);
}

static int make_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (descriptor >= 0 && bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(descriptor);
        return -1;
    }
    return descriptor;
}

/* A FIFO without a writer would block an ordinary open for ever: the alarm ends the test program.
 */
static void other_kinds_are_refused_without_blocking(void) {
    temp_dir dir = temp_dir_create();
    const char *fifo = temp_dir_path(&dir, "fifo");
    const char *bound = temp_dir_path(&dir, "socket");
    int descriptor = make_socket(bound);
    char *data;
    size_t length;
    sg_error error;
    (void)alarm(20);
    CHECK_INT(mkfifo(fifo, 0600), 0);
    CHECK_INT(open_and_close(fifo, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "fifo: found a pipe, expected a regular file");
    CHECK_INT(sg_file_read_small(fifo, 10, &data, &length, &error), SG_STATUS_MODEL);
    CHECK_INT(open_and_close(dir.path, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "found a directory");
    CHECK_INT(open_and_close("/dev/zero", &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "found a device");
    CHECK_INT(sg_file_read_small("/dev/zero", 10, &data, &length, &error), SG_STATUS_MODEL);
    if (descriptor >= 0) {
        CHECK_INT(open_and_close(bound, &error), SG_STATUS_MODEL);
        CHECK_CONTAINS(error.message, "found a socket");
        (void)close(descriptor);
    }
    (void)alarm(0);
    temp_dir_remove(&dir);
}

static void links_are_followed_and_loops_end(void) {
    temp_dir dir = temp_dir_create();
    sg_error error;
    (void)temp_dir_write_text(&dir, "file", "x");
    CHECK_INT(symlink("file", temp_dir_path(&dir, "link")), 0);
    CHECK_INT(symlink("nothing", temp_dir_path(&dir, "dangling")), 0);
    CHECK_INT(symlink("loop", temp_dir_path(&dir, "loop")), 0);
    CHECK_INT(symlink(".", temp_dir_path(&dir, "here")), 0);
    CHECK_INT(open_and_close(temp_dir_path(&dir, "link"), &error), SG_STATUS_OK);
    CHECK_INT(open_and_close(temp_dir_path(&dir, "dangling"), &error), SG_STATUS_NOT_FOUND);
    CHECK_INT(open_and_close(temp_dir_path(&dir, "loop"), &error), SG_STATUS_MODEL);
    CHECK_INT(open_and_close(temp_dir_path(&dir, "here"), &error), SG_STATUS_MODEL);
    temp_dir_remove(&dir);
}

static void missing_paths_are_not_found(void) {
    temp_dir dir = temp_dir_create();
    char longest[600];
    sg_error error;
    (void)temp_dir_write_text(&dir, "file", "x");
    CHECK_INT(open_and_close(temp_dir_path(&dir, "none"), &error), SG_STATUS_NOT_FOUND);
    CHECK_CONTAINS(error.message, "none: no such file");
    CHECK_INT(open_and_close(temp_dir_path(&dir, "file/inner"), &error), SG_STATUS_NOT_FOUND);
    CHECK_INT(open_and_close("", &error), SG_STATUS_NOT_FOUND);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK_INT(open_and_close(longest, &error), SG_STATUS_NOT_FOUND);
    temp_dir_remove(&dir);
}

/* Write `text` over the file from its beginning, without truncating it first. */
static void overwrite(const char *path, const char *text) {
    int descriptor = open(path, O_WRONLY);
    CHECK(descriptor >= 0 && write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(descriptor);
}

static void changes_are_noticed(void) {
    temp_dir dir = temp_dir_create();
    const char *path = temp_dir_write_text(&dir, "a", "12345678");
    struct timespec past[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    sg_mapped_file file;
    sg_error error;
    CHECK_INT(utimensat(AT_FDCWD, path, past, 0), 0);
    for (int kind = 0; kind < 4; kind++) {
        CHECK_INT(sg_mapped_file_open(path, &file, NULL), SG_STATUS_OK);
        CHECK_INT(sg_mapped_file_check_unchanged(&file, NULL), SG_STATUS_OK);
        (void)usleep(20000); /* longer than the clock of a file system's times */
        if (kind == 0) {
            overwrite(path, "87654321");
        } else if (kind == 1) {
            overwrite(path, "1234567890");
        } else if (kind == 2) {
            CHECK_INT(truncate(path, 3), 0);
        } else {
            CHECK_INT(rename(temp_dir_write_text(&dir, "b", "123"), path), 0);
        }
        CHECK_INT(sg_mapped_file_check_unchanged(&file, &error), SG_STATUS_CHANGED);
        CHECK_CONTAINS(error.message, "changed while it was used");
        sg_mapped_file_close(&file);
    }
    temp_dir_remove(&dir);
}

static void small_files_are_read_whole(void) {
    temp_dir dir = temp_dir_create();
    char text[10000];
    char *data = NULL;
    size_t length = 0;
    sg_error error;
    memset(text, 'x', sizeof text);
    const char *path = temp_dir_write(&dir, "a", text, sizeof text);
    CHECK_INT(sg_file_read_small(path, sizeof text, &data, &length, NULL), SG_STATUS_OK);
    CHECK(length == sizeof text && memcmp(data, text, length) == 0 && data[length] == '\0');
    sg_memory_free(data);
    CHECK_INT(sg_file_read_small(path, sizeof text - 1, &data, &length, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "has 10000 bytes, expected at most 9999");
    /* A file of the kernel tells a size of 0 and has bytes all the same. */
    CHECK_INT(sg_file_read_small("/proc/self/maps", 20, &data, &length, &error), SG_STATUS_MODEL);
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(regular_files_are_mapped);
    TEST(a_zeroed_struct_may_be_closed);
    TEST(an_empty_file_has_no_data);
    TEST(other_kinds_are_refused_without_blocking);
    TEST(links_are_followed_and_loops_end);
    TEST(missing_paths_are_not_found);
    TEST(changes_are_noticed);
    TEST(small_files_are_read_whole);
    return test_end();
}
