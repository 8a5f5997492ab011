/* SPDX-License-Identifier: Apache-2.0 */
/* TARGET.part: made, locked, filled, renamed.
 *
 * The lock is on the folder itself, so nothing of it stays behind, and a leftover is told from a
 * run at work by it. Between looking up TARGET.part and locking it another run may have renamed or
 * removed it: so what was locked is compared with what has the name. The rename never replaces
 * anything. */
#include "storage/target_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "storage/mapped_file.h"

#define COPY_PIECE 262144u

struct sg_target_folder {
    char *target; /* without slashes at its end */
    char *part;
    int descriptor; /* of TARGET.part; -1 before it is there */
    bool (*is_ours)(const char *name);
    bool committed;
};

static sg_status refuse_existing(const char *target, sg_error *error) {
    (void)sg_error_set(error, SG_STATUS_ARGUMENT, "%s: exists already", target);
    return sg_error_hint(error, "name a folder that is not there yet");
}

static bool exists(const char *path) {
    struct stat found;
    return lstat(path, &found) == 0;
}

static sg_status set_names(sg_target_folder *folder, const char *target, sg_error *error) {
    size_t length = strlen(target);
    sg_buffer part;
    while (length > 1 && target[length - 1] == '/') {
        length--;
    }
    if (length == 0) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "the target's name is empty");
    }
    folder->target = sg_memory_copy_text(target, length);
    sg_buffer_init(&part, length + 8);
    (void)sg_buffer_append(&part, target, length);
    (void)sg_buffer_append_text(&part, ".part");
    if (folder->target == NULL || sg_buffer_take(&part, &folder->part, NULL) != SG_STATUS_OK) {
        sg_buffer_clear(&part);
        return sg_memory_error(error, "a folder's name", length);
    }
    return SG_STATUS_OK;
}

/* Lock what is open, and see whether it still has the name; *current says so. */
static sg_status lock(const sg_target_folder *folder, bool *current, sg_error *error) {
    struct stat opened, named;
    if (flock(folder->descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return sg_error_set(error, SG_STATUS_IO, "%s: another run is writing it", folder->part);
        }
        if (errno != EINTR) {
            return sg_error_from_errno(error, errno, "%s: locking", folder->part);
        }
        *current = false;
        return SG_STATUS_OK;
    }
    *current = fstat(folder->descriptor, &opened) == 0 && lstat(folder->part, &named) == 0 &&
               opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
    return SG_STATUS_OK;
}

static sg_status open_part(sg_target_folder *folder, sg_error *error) {
    bool current = false;
    while (!current) {
        if (folder->descriptor >= 0) {
            (void)close(folder->descriptor);
            folder->descriptor = -1;
        }
        if (mkdir(folder->part, 0777) != 0 && errno != EEXIST) {
            return sg_error_from_errno(error, errno, "%s", folder->part);
        }
        folder->descriptor = open(folder->part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder->descriptor < 0) {
            if (errno == ENOENT || errno == EINTR) {
                continue;
            }
            return sg_error_from_errno(error, errno, "%s", folder->part);
        }
        SG_TRY(lock(folder, &current, error));
    }
    return SG_STATUS_OK;
}

/* Remove every file of the folder, or only look whether all may be removed. */
static sg_status empty_part(const sg_target_folder *folder, bool only_look, sg_error *error) {
    int copy = openat(folder->descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    sg_status status = SG_STATUS_OK;
    if (listing == NULL) {
        status = sg_error_from_errno(error, errno, "%s", folder->part);
        if (copy >= 0) {
            (void)close(copy);
        }
        return status;
    }
    while (status == SG_STATUS_OK && (entry = readdir(listing)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (only_look && !folder->is_ours(entry->d_name)) {
            status = sg_error_set(error, SG_STATUS_ARGUMENT,
                                  "%s: holds \"%s\", which no run of this program left there",
                                  folder->part, entry->d_name);
        } else if (!only_look && unlinkat(folder->descriptor, entry->d_name, 0) != 0) {
            status = sg_error_from_errno(error, errno, "%s/%s", folder->part, entry->d_name);
        }
    }
    (void)closedir(listing);
    return status;
}

static sg_status prepare(sg_target_folder *folder, const char *target, sg_error *error) {
    sg_status status;
    SG_TRY(set_names(folder, target, error));
    if (exists(folder->target)) {
        return refuse_existing(folder->target, error);
    }
    status = open_part(folder, error);
    if (status == SG_STATUS_OK) {
        status = empty_part(folder, true, error);
    }
    if (status != SG_STATUS_OK) {
        /* Not ours to remove. */
        if (folder->descriptor >= 0) {
            (void)close(folder->descriptor);
            folder->descriptor = -1;
        }
        return status;
    }
    return empty_part(folder, false, error);
}

sg_status sg_target_folder_create(const char *target, bool (*is_ours)(const char *name),
                                  sg_target_folder **folder, sg_error *error) {
    sg_target_folder *made = sg_memory_alloc_zeroed(1, sizeof *made);
    sg_status status;
    if (made == NULL) {
        return sg_memory_error(error, "a folder", sizeof *made);
    }
    made->descriptor = -1;
    made->is_ours = is_ours;
    status = prepare(made, target, error);
    if (status != SG_STATUS_OK) {
        sg_target_folder_close(made);
        return status;
    }
    *folder = made;
    return SG_STATUS_OK;
}

sg_status sg_target_folder_space(const sg_target_folder *folder, uint64_t *bytes, sg_error *error) {
    struct statvfs space;
    if (fstatvfs(folder->descriptor, &space) != 0) {
        return sg_error_from_errno(error, errno, "%s", folder->part);
    }
    if (__builtin_mul_overflow((uint64_t)space.f_bavail, (uint64_t)space.f_frsize, bytes)) {
        *bytes = UINT64_MAX;
    }
    return SG_STATUS_OK;
}

sg_status sg_target_folder_open_file(const sg_target_folder *folder, const char *name,
                                     int *descriptor, sg_error *error) {
    int opened;
    do {
        opened =
            openat(folder->descriptor, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    } while (opened < 0 && errno == EINTR);
    if (opened < 0) {
        return sg_error_from_errno(error, errno, "%s/%s", folder->part, name);
    }
    *descriptor = opened;
    return SG_STATUS_OK;
}

sg_status sg_target_folder_write(const sg_target_folder *folder, const char *name, int descriptor,
                                 const void *bytes, size_t length, uint64_t offset,
                                 sg_error *error) {
    const unsigned char *from = bytes;
    while (length > 0) {
        ssize_t written = pwrite(descriptor, from, length, (off_t)offset);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return sg_error_from_errno(error, written == 0 ? ENOSPC : errno, "%s/%s", folder->part,
                                       name);
        }
        from += written;
        length -= (size_t)written;
        offset += (uint64_t)written;
    }
    return SG_STATUS_OK;
}

sg_status sg_target_folder_close_file(const sg_target_folder *folder, const char *name,
                                      int descriptor, bool synchronise, sg_error *error) {
    sg_status status = SG_STATUS_OK;
    if (synchronise && fsync(descriptor) != 0) {
        status = sg_error_from_errno(error, errno, "%s/%s", folder->part, name);
    }
    if (close(descriptor) != 0 && errno != EINTR && status == SG_STATUS_OK) {
        status = sg_error_from_errno(error, errno, "%s/%s", folder->part, name);
    }
    return status;
}

static sg_status copy_pieces(const sg_target_folder *folder, int from, const char *path, int to,
                             const char *name, unsigned char *piece, sg_error *error) {
    size_t count = 1;
    uint64_t offset = 0;
    while (count > 0) {
        SG_TRY(sg_file_read(from, path, piece, COPY_PIECE, &count, error));
        SG_TRY(sg_target_folder_write(folder, name, to, piece, count, offset, error));
        offset += count;
    }
    return SG_STATUS_OK;
}

sg_status sg_target_folder_copy(const sg_target_folder *folder, const char *path, const char *name,
                                sg_error *error) {
    sg_file_identity identity;
    unsigned char *piece = sg_memory_alloc(COPY_PIECE, 1);
    int from = -1;
    int to = -1;
    sg_status status = piece == NULL ? SG_STATUS_MEMORY : SG_STATUS_OK;
    if (piece == NULL) {
        return sg_memory_error(error, "copying a file", COPY_PIECE);
    }
    status = sg_file_open(path, &from, &identity, error);
    if (status == SG_STATUS_OK) {
        status = sg_target_folder_open_file(folder, name, &to, error);
    }
    if (status == SG_STATUS_OK) {
        sg_status closed;
        status = copy_pieces(folder, from, path, to, name, piece, error);
        closed = sg_target_folder_close_file(folder, name, to, status == SG_STATUS_OK,
                                             status == SG_STATUS_OK ? error : NULL);
        status = status == SG_STATUS_OK ? closed : status;
    }
    if (from >= 0) {
        (void)close(from);
    }
    sg_memory_free(piece);
    return status;
}

/* The folder that holds `path`, synchronised, so that a rename in it lasts. */
static sg_status synchronise_parent(const char *path, sg_error *error) {
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    char *parent = sg_memory_copy_text(slash == NULL ? "." : path, length);
    int descriptor;
    if (parent == NULL) {
        return sg_memory_error(error, "a folder's name", length);
    }
    descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sg_memory_free(parent);
    if (descriptor >= 0) {
        /* Some file systems cannot; the rename has happened all the same. */
        (void)fsync(descriptor);
        (void)close(descriptor);
    }
    return SG_STATUS_OK;
}

/* Rename without replacing; where the system cannot promise that, look first. */
static int rename_new(const char *from, const char *to) {
    int done = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (done != 0 && (errno == EINVAL || errno == ENOSYS)) {
        if (exists(to)) {
            errno = EEXIST;
            return -1;
        }
        done = rename(from, to);
    }
    return done;
}

sg_status sg_target_folder_commit(sg_target_folder *folder, sg_error *error) {
    if (fsync(folder->descriptor) != 0 && errno != EINVAL) {
        return sg_error_from_errno(error, errno, "%s", folder->part);
    }
    if (rename_new(folder->part, folder->target) != 0) {
        return errno == EEXIST ? refuse_existing(folder->target, error)
                               : sg_error_from_errno(error, errno, "%s", folder->target);
    }
    folder->committed = true;
    return synchronise_parent(folder->target, error);
}

void sg_target_folder_close(sg_target_folder *folder) {
    if (folder == NULL) {
        return;
    }
    if (folder->descriptor >= 0) {
        if (!folder->committed) {
            (void)empty_part(folder, false, NULL);
            (void)rmdir(folder->part);
        }
        (void)close(folder->descriptor);
    }
    sg_memory_free(folder->target);
    sg_memory_free(folder->part);
    sg_memory_free(folder);
}
