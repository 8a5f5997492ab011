/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to read-only bytes.
 *
 * A path from outside may name anything: a FIFO without a writer, a terminal, a device. So it is
 * looked at before it is opened, opened without blocking, and looked at again through the
 * descriptor: only a regular file passes. What the file was at that moment is kept, because a
 * mapping is no snapshot: another process's write shows through, and a truncation takes pages away.
 */
#include "storage/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

#define READ_PIECE 4096

static int64_t nanoseconds(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_nsec;
}

static sg_file_identity identity_of(const struct stat *found) {
    return (sg_file_identity){.device = (uint64_t)found->st_dev,
                              .inode = (uint64_t)found->st_ino,
                              .size = (uint64_t)found->st_size,
                              .modified_ns = nanoseconds(found->st_mtim),
                              .changed_ns = nanoseconds(found->st_ctim)};
}

static const char *kind_of(const struct stat *found) {
    return S_ISDIR(found->st_mode)    ? "a directory"
           : S_ISFIFO(found->st_mode) ? "a pipe"
           : S_ISSOCK(found->st_mode) ? "a socket"
                                      : "a device";
}

/* A path that cannot exist was not found, one that is closed to us is no use; anything else is a
 * failure of the system. */
static sg_status path_error(sg_error *error, int errnum, const char *path) {
    if (errnum == ENOENT || errnum == ENOTDIR || errnum == ENAMETOOLONG) {
        return sg_error_set(error, SG_STATUS_NOT_FOUND, "%s: no such file", path);
    }
    (void)sg_error_from_errno(error, errnum, "%s", path);
    if (errnum != EACCES && errnum != ELOOP) {
        return errnum == ENOMEM ? SG_STATUS_MEMORY : SG_STATUS_IO;
    }
    if (error != NULL) {
        error->code = SG_STATUS_MODEL;
    }
    return SG_STATUS_MODEL;
}

static sg_status require_regular(const char *path, const struct stat *found, sg_error *error) {
    if (!S_ISREG(found->st_mode)) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: found %s, expected a regular file", path,
                            kind_of(found));
    }
    return SG_STATUS_OK;
}

sg_status sg_file_open(const char *path, int *descriptor, sg_file_identity *identity,
                       sg_error *error) {
    struct stat found;
    int opened;
    sg_status status;
    if (stat(path, &found) != 0) {
        return path_error(error, errno, path);
    }
    SG_TRY(require_regular(path, &found, error));
    do {
        opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    } while (opened < 0 && errno == EINTR);
    if (opened < 0) {
        return path_error(error, errno, path);
    }
    status = fstat(opened, &found) != 0 ? sg_error_from_errno(error, errno, "%s", path)
                                        : require_regular(path, &found, error);
    if (status != SG_STATUS_OK) {
        (void)close(opened);
        return status;
    }
    *descriptor = opened;
    *identity = identity_of(&found);
    return SG_STATUS_OK;
}

sg_status sg_file_read(int descriptor, const char *path, void *bytes, size_t size, size_t *count,
                       sg_error *error) {
    ssize_t got;
    do {
        got = read(descriptor, bytes, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return sg_error_from_errno(error, errno, "%s", path);
    }
    *count = (size_t)got;
    return SG_STATUS_OK;
}

/* Map file->descriptor. An empty file has no pages to map. */
static sg_status map_pages(sg_mapped_file *file, sg_error *error) {
    void *pages;
    if (file->identity.size > SIZE_MAX) {
        return sg_error_set(error, SG_STATUS_MEMORY, "%s: too large to map", file->path);
    }
    if (file->identity.size == 0) {
        return SG_STATUS_OK;
    }
    pages = mmap(NULL, (size_t)file->identity.size, PROT_READ, MAP_PRIVATE, file->descriptor, 0);
    if (pages == MAP_FAILED) {
        return sg_error_from_errno(error, errno, "%s: mapping %llu bytes", file->path,
                                   (unsigned long long)file->identity.size);
    }
    file->data = pages;
    file->size = (size_t)file->identity.size;
    return SG_STATUS_OK;
}

sg_status sg_mapped_file_open(const char *path, sg_mapped_file *file, sg_error *error) {
    sg_mapped_file opened = {0};
    sg_status status;
    *file = opened;
    SG_TRY(sg_file_open(path, &opened.descriptor, &opened.identity, error));
    opened.path = sg_memory_copy_text(path, strlen(path));
    if (opened.path == NULL) {
        (void)close(opened.descriptor);
        return sg_memory_error(error, "a file's name", strlen(path) + 1);
    }
    status = map_pages(&opened, error);
    if (status != SG_STATUS_OK) {
        sg_mapped_file_close(&opened);
        return status;
    }
    *file = opened;
    return SG_STATUS_OK;
}

/* A zeroed struct has descriptor 0, which is not ours: the path tells an open file. */
void sg_mapped_file_close(sg_mapped_file *file) {
    if (file == NULL || file->path == NULL) {
        return;
    }
    if (file->data != NULL) {
        (void)munmap((void *)(uintptr_t)file->data, file->size);
    }
    (void)close(file->descriptor);
    sg_memory_free(file->path);
    *file = (sg_mapped_file){0};
}

sg_status sg_mapped_file_read(const sg_mapped_file *file, uint64_t offset, void *bytes,
                              size_t length, sg_error *error) {
    unsigned char *to = bytes;
    while (length > 0) {
        ssize_t got = pread(file->descriptor, to, length, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return sg_error_from_errno(error, errno, "%s", file->path);
        }
        if (got == 0) {
            return sg_error_set(error, SG_STATUS_CHANGED,
                                "%s: changed while it was used: it became shorter", file->path);
        }
        to += got;
        length -= (size_t)got;
        offset += (uint64_t)got;
    }
    return SG_STATUS_OK;
}

sg_status sg_mapped_file_read_in(sg_mapped_file *file, sg_error *error) {
    void *pages;
    if (file->data == NULL) {
        return SG_STATUS_OK;
    }
    pages = mmap((void *)(uintptr_t)file->data, file->size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (pages == MAP_FAILED) {
        return sg_error_from_errno(error, errno, "%s: memory for %zu bytes", file->path,
                                   file->size);
    }
    SG_TRY(sg_mapped_file_read(file, 0, pages, file->size, error));
    (void)mprotect(pages, file->size, PROT_READ);
    return sg_mapped_file_check_unchanged(file, error);
}

sg_status sg_mapped_file_lock(const sg_mapped_file *file, sg_error *error) {
    if (file->data != NULL && mlock(file->data, file->size) != 0) {
        return sg_error_from_errno(error, errno, "%s: cannot be locked in memory", file->path);
    }
    return SG_STATUS_OK;
}

void sg_mapped_file_expect_random(const sg_mapped_file *file) {
    if (file->data != NULL) {
        (void)madvise((void *)(uintptr_t)file->data, file->size, MADV_RANDOM);
    }
}

void sg_mapped_file_announce(const void *bytes, size_t size) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)bytes / page * page;
    (void)madvise((void *)begin, (uintptr_t)bytes + size - begin, MADV_WILLNEED);
}

sg_status sg_mapped_file_check_unchanged(const sg_mapped_file *file, sg_error *error) {
    struct stat found;
    sg_file_identity now;
    if (fstat(file->descriptor, &found) != 0) {
        return sg_error_from_errno(error, errno, "%s", file->path);
    }
    now = identity_of(&found);
    if (now.size != file->identity.size) {
        return sg_error_set(
            error, SG_STATUS_CHANGED, "%s: changed while it was used: size was %llu bytes, is %llu",
            file->path, (unsigned long long)file->identity.size, (unsigned long long)now.size);
    }
    if (now.device != file->identity.device || now.inode != file->identity.inode ||
        now.modified_ns != file->identity.modified_ns ||
        now.changed_ns != file->identity.changed_ns) {
        return sg_error_set(error, SG_STATUS_CHANGED,
                            "%s: changed while it was used: it was written or replaced",
                            file->path);
    }
    return SG_STATUS_OK;
}

static sg_status too_large(const char *path, uint64_t size, size_t maximum, sg_error *error) {
    return sg_error_set(error, SG_STATUS_MODEL, "%s: has %llu bytes, expected at most %zu", path,
                        (unsigned long long)size, maximum);
}

/* Read to the end: the size that fstat told may be stale, so it is only a first bound. */
static sg_status read_to_end(int descriptor, const char *path, sg_buffer *buffer, sg_error *error) {
    char piece[READ_PIECE];
    size_t count = 1;
    while (count > 0) {
        SG_TRY(sg_file_read(descriptor, path, piece, sizeof piece, &count, error));
        switch (sg_buffer_append(buffer, piece, count)) {
        case SG_STATUS_OK:
            break;
        case SG_STATUS_TOO_LONG:
            return too_large(path, (uint64_t)buffer->length + count, buffer->maximum, error);
        default:
            return sg_memory_error(error, path, buffer->length + count);
        }
    }
    return SG_STATUS_OK;
}

sg_status sg_file_read_small(const char *path, size_t maximum, char **data, size_t *length,
                             sg_error *error) {
    sg_file_identity identity;
    sg_buffer buffer;
    int descriptor;
    sg_status status;
    SG_TRY(sg_file_open(path, &descriptor, &identity, error));
    sg_buffer_init(&buffer, maximum);
    status = identity.size > maximum ? too_large(path, identity.size, maximum, error)
                                     : read_to_end(descriptor, path, &buffer, error);
    (void)close(descriptor);
    if (status == SG_STATUS_OK && sg_buffer_take(&buffer, data, length) != SG_STATUS_OK) {
        status = sg_memory_error(error, path, 1);
    }
    sg_buffer_clear(&buffer);
    return status;
}
