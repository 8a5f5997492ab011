/* SPDX-License-Identifier: Apache-2.0 */
/* Results on their way out.
 *
 * A regular file is written under PATH.part and takes its name by rename once everything is in it,
 * so PATH is always the old content or the whole new one. The lock on the .part tells a run that is
 * still at work from one that died. Links are resolved first: the rename must replace the file, not
 * the link. */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

static const char standard_output[] = "standard output";

/* How often a FIFO is asked whether somebody reads it. */
#define FIFO_RETRY_MS 50

static sg_status refuse_input(const char *name, sg_error *error) {
    (void)sg_error_set(error, SG_STATUS_ARGUMENT, "%s: is both input and output", name);
    return sg_error_hint(error, "write to another file with -o, then rename it");
}

static sg_status cannot_open(const char *path, sg_error *error) {
    int reason = errno;
    (void)sg_error_from_errno(error, reason, "%s: cannot be written", path);
    if (error != NULL) {
        error->code = SG_STATUS_ARGUMENT;
    }
    return SG_STATUS_ARGUMENT;
}

/* A regular file that is also read would grow under the reader. */
static sg_status check_descriptor(const sg_output *output, const sg_input *input, sg_error *error) {
    struct stat found;
    if (input != NULL && fstat(output->descriptor, &found) == 0 && S_ISREG(found.st_mode) &&
        sg_input_reads(input, (uint64_t)found.st_dev, (uint64_t)found.st_ino)) {
        return refuse_input(output->name, error);
    }
    return SG_STATUS_OK;
}

static sg_status open_standard_output(sg_output *output, const sg_input *input, sg_error *error) {
    output->descriptor = STDOUT_FILENO;
    output->name = sg_memory_copy_text(standard_output, sizeof standard_output - 1);
    if (output->name == NULL) {
        return sg_memory_error(error, standard_output, sizeof standard_output);
    }
    return check_descriptor(output, input, error);
}

/* A device, a FIFO: no name to keep safe. A FIFO that nobody reads is tried again and again, so
 * that a signal can end the run; open(2) itself would wait without looking. */
static sg_status open_directly(sg_output *output, const char *path, const sg_input *input,
                               sg_error *error) {
    const int stop_descriptor = input == NULL ? -1 : input->source.stop_descriptor;
    const int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    while ((output->descriptor = open(path, flags)) < 0 && errno == ENXIO) {
        struct stat found;
        struct pollfd stop = {.fd = stop_descriptor, .events = POLLIN};
        if (stat(path, &found) != 0 || !S_ISFIFO(found.st_mode)) {
            errno = ENXIO;
            break;
        }
        if (poll(&stop, 1, FIFO_RETRY_MS) > 0) {
            return sg_error_set(error, SG_STATUS_IO, "%s: nobody reads it", path);
        }
    }
    if (output->descriptor < 0) {
        return cannot_open(path, error);
    }
    output->owned = true;
    return SG_STATUS_OK;
}

/* PATH.part is there already: is somebody at work on it, or was it left behind? */
static sg_status refuse_part(const char *part, sg_error *error) {
    int descriptor = open(part, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool locked =
        descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    if (locked) {
        return sg_error_set(error, SG_STATUS_IO, "%s: another run is writing it", part);
    }
    (void)sg_error_set(error, SG_STATUS_ARGUMENT,
                       "%s: exists already, left by a run that did not finish", part);
    return sg_error_hint(error, "remove it, or give another -o");
}

static sg_status open_part(sg_output *output, sg_error *error) {
    output->descriptor =
        open(output->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
    if (output->descriptor < 0) {
        return errno == EEXIST ? refuse_part(output->part, error)
                               : cannot_open(output->part, error);
    }
    output->owned = true;
    if (flock(output->descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return sg_error_set(error, SG_STATUS_IO, "%s: another run is writing it", output->part);
    }
    return SG_STATUS_OK;
}

static sg_status name_part(sg_output *output, const char *path, sg_error *error) {
    char resolved[PATH_MAX];
    sg_buffer part;
    const char *target = realpath(path, resolved) == NULL ? path : resolved;
    output->path = sg_memory_copy_text(target, strlen(target));
    sg_buffer_init(&part, PATH_MAX);
    (void)sg_buffer_append_text(&part, target);
    (void)sg_buffer_append_text(&part, ".part");
    if (output->path == NULL || sg_buffer_take(&part, &output->part, NULL) != SG_STATUS_OK) {
        sg_buffer_clear(&part);
        return sg_error_set(error, SG_STATUS_ARGUMENT, "%s: the path is too long", path);
    }
    return SG_STATUS_OK;
}

sg_status sg_output_open(sg_output *output, const char *path, const sg_input *input,
                         sg_error *error) {
    struct stat found;
    bool exists;
    memset(output, 0, sizeof *output);
    output->descriptor = -1;
    if (path == NULL || strcmp(path, "-") == 0) {
        return open_standard_output(output, input, error);
    }
    if (path[0] == '\0') {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "the output's name is empty");
    }
    output->name = sg_memory_copy_text(path, strlen(path));
    if (output->name == NULL) {
        return sg_memory_error(error, "a file name", strlen(path));
    }
    exists = stat(path, &found) == 0;
    if (exists && !S_ISREG(found.st_mode)) {
        return open_directly(output, path, input, error);
    }
    if (exists && input != NULL &&
        sg_input_reads(input, (uint64_t)found.st_dev, (uint64_t)found.st_ino)) {
        return refuse_input(path, error);
    }
    SG_TRY(name_part(output, path, error));
    return open_part(output, error);
}

sg_status sg_output_check_apart(const char *path, const char *input_path, sg_error *error) {
    struct stat output;
    struct stat input;
    if (path == NULL || stat(path, &output) != 0 || stat(input_path, &input) != 0 ||
        !S_ISREG(output.st_mode)) {
        return SG_STATUS_OK;
    }
    if (output.st_dev == input.st_dev && output.st_ino == input.st_ino) {
        return refuse_input(path, error);
    }
    return SG_STATUS_OK;
}

/* A descriptor that somebody set to non-blocking: wait until it takes more. */
static bool wait_until_writable(int descriptor) {
    struct pollfd wanted = {.fd = descriptor, .events = POLLOUT};
    return poll(&wanted, 1, -1) >= 0 || errno == EINTR;
}

sg_status sg_output_write(sg_output *output, const void *bytes, size_t length, sg_error *error) {
    const char *rest = bytes;
    while (length > 0) {
        ssize_t written = write(output->descriptor, rest, length);
        if (written > 0) {
            rest += written;
            length -= (size_t)written;
            output->wrote = true;
            continue;
        }
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0 && errno == EAGAIN && wait_until_writable(output->descriptor)) {
            continue;
        }
        output->reader_closed = written < 0 && errno == EPIPE;
        return sg_error_from_errno(error, written < 0 ? errno : EIO, "%s: cannot be written",
                                   output->part == NULL ? output->name : output->part);
    }
    return SG_STATUS_OK;
}

/* Make the rename itself durable. Not every file system can; a failure here loses nothing. */
static void sync_folder(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    int descriptor;
    if (length >= sizeof folder) {
        return;
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    descriptor = open(length == 0 ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        (void)close(descriptor);
    }
}

sg_status sg_output_finish(sg_output *output, sg_error *error) {
    if (output->part == NULL) {
        return SG_STATUS_OK;
    }
    if (fsync(output->descriptor) != 0) {
        return sg_error_from_errno(error, errno, "%s: cannot be written to disk", output->part);
    }
    if (rename(output->part, output->path) != 0) {
        return sg_error_from_errno(error, errno, "%s: cannot be renamed to %s", output->part,
                                   output->path);
    }
    sync_folder(output->path);
    sg_memory_free(output->part);
    output->part = NULL;
    return SG_STATUS_OK;
}

void sg_output_clear(sg_output *output) {
    if (output->owned && output->part != NULL && !output->wrote) {
        (void)unlink(output->part);
    }
    if (output->owned && output->descriptor >= 0) {
        (void)close(output->descriptor);
    }
    sg_memory_free(output->name);
    sg_memory_free(output->path);
    sg_memory_free(output->part);
    memset(output, 0, sizeof *output);
    output->descriptor = -1;
}
