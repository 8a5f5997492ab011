/* SPDX-License-Identifier: Apache-2.0 */
/* In: /proc/self/cgroup and the control files below /sys/fs/cgroup. Out: a limit. Whatever cannot
 * be read or understood counts as no limit: a wrong guess here costs speed or a warning, never a
 * result. */
#include "base/cgroup.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE 4096
#define PATH_SIZE 4096
#define NO_LIMIT UINT64_MAX
/* Version 1 writes "no limit" as a number near 2^63. */
#define V1_NO_LIMIT ((uint64_t)1 << 62)
#define MOST_CPUS 1024

/* The limit that one group's own files set; NO_LIMIT for none. */
typedef uint64_t (*limit_of_group)(const char *group);

/* One kind of limit: which controller of version 1, and how a group of either version is read. */
typedef struct limit_kind {
    const char *controller;
    limit_of_group v2;
    limit_of_group v1;
} limit_kind;

/* The first bytes of FOLDER/NAME as text. False if it cannot be opened or read. */
static bool read_text(const char *folder, const char *name, char text[TEXT_SIZE]) {
    char path[PATH_SIZE];
    size_t used = 0;
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    int file;
    if (length < 0 || (size_t)length >= sizeof path) {
        return false;
    }
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    while (used < TEXT_SIZE - 1) {
        ssize_t got = read(file, text + used, TEXT_SIZE - 1 - used);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    (void)close(file);
    text[used] = '\0';
    return used > 0;
}

/* Quota and period in microseconds to CPUs, rounded up. */
static uint64_t whole_cpus(long long quota, long long period) {
    if (quota <= 0 || period <= 0) {
        return NO_LIMIT;
    }
    long long cpus = quota / period + (quota % period != 0);
    return cpus > MOST_CPUS ? MOST_CPUS : (uint64_t)cpus;
}

/* cpu.max: "QUOTA PERIOD", or "max PERIOD". */
static uint64_t cpus_of_v2(const char *group) {
    char text[TEXT_SIZE];
    char *end;
    long long quota;
    if (!read_text(group, "cpu.max", text)) {
        return NO_LIMIT;
    }
    quota = strtoll(text, &end, 10);
    return end == text ? NO_LIMIT : whole_cpus(quota, strtoll(end, NULL, 10));
}

/* cpu.cfs_quota_us and cpu.cfs_period_us; a quota of -1 is none. */
static uint64_t cpus_of_v1(const char *group) {
    char quota[TEXT_SIZE];
    char period[TEXT_SIZE];
    if (!read_text(group, "cpu.cfs_quota_us", quota) ||
        !read_text(group, "cpu.cfs_period_us", period)) {
        return NO_LIMIT;
    }
    return whole_cpus(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

/* A number of bytes in a control file; "max" is no number. */
static uint64_t bytes_in(const char *group, const char *name) {
    char text[TEXT_SIZE];
    char *end;
    unsigned long long bytes;
    if (!read_text(group, name, text) || text[0] < '0' || text[0] > '9') {
        return NO_LIMIT;
    }
    bytes = strtoull(text, &end, 10);
    return bytes >= V1_NO_LIMIT ? NO_LIMIT : (uint64_t)bytes;
}

static uint64_t memory_of_v2(const char *group) {
    return bytes_in(group, "memory.max");
}

static uint64_t memory_of_v1(const char *group) {
    return bytes_in(group, "memory.limit_in_bytes");
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* The smallest limit from MOUNT/group up to MOUNT itself (where a container sees its own group). */
static uint64_t smallest_upwards(const char *mount, const char *group, limit_of_group limit_of) {
    char path[PATH_SIZE];
    uint64_t smallest = NO_LIMIT;
    size_t mount_length = strlen(mount);
    int length = snprintf(path, sizeof path, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof path) {
        return limit_of(mount);
    }
    for (;;) {
        smallest = smaller(smallest, limit_of(path));
        char *slash = strrchr(path + mount_length, '/');
        if (slash == NULL) {
            return smallest;
        }
        *slash = '\0';
    }
}

/* True if the comma-separated list holds `name`. */
static bool list_holds(const char *list, const char *name) {
    size_t wanted = strlen(name);
    for (;;) {
        size_t length = strcspn(list, ",");
        if (length == wanted && memcmp(list, name, wanted) == 0) {
            return true;
        }
        if (list[length] == '\0') {
            return false;
        }
        list += length + 1;
    }
}

/* One line of /proc/self/cgroup: "ID:CONTROLLERS:PATH", no controllers for version 2. */
static uint64_t limit_of_line(const char *root, char *line, const limit_kind *kind) {
    char mount[PATH_SIZE];
    char *controllers = strchr(line, ':');
    char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    bool v2;
    int length;
    if (group == NULL) {
        return NO_LIMIT;
    }
    *group++ = '\0';
    controllers++;
    v2 = *controllers == '\0';
    if (!v2 && !list_holds(controllers, kind->controller)) {
        return NO_LIMIT;
    }
    length = v2 ? snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root)
                : snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%s", root, controllers);
    if (length < 0 || (size_t)length >= sizeof mount) {
        return NO_LIMIT;
    }
    return smallest_upwards(mount, group, v2 ? kind->v2 : kind->v1);
}

static uint64_t smallest_limit(const char *root, const limit_kind *kind) {
    char folder[PATH_SIZE];
    char text[TEXT_SIZE];
    uint64_t smallest = NO_LIMIT;
    int length = snprintf(folder, sizeof folder, "%s/proc/self", root);
    if (length < 0 || (size_t)length >= sizeof folder || !read_text(folder, "cgroup", text)) {
        return NO_LIMIT;
    }
    for (char *line = text; line != NULL && *line != '\0';) {
        char *next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        smallest = smaller(smallest, limit_of_line(root, line, kind));
        line = next;
    }
    return smallest;
}

unsigned sg_cgroup_cpus(const char *root) {
    static const limit_kind kind = {"cpu", cpus_of_v2, cpus_of_v1};
    uint64_t cpus = smallest_limit(root, &kind);
    return cpus == NO_LIMIT ? 0 : (unsigned)cpus;
}

uint64_t sg_cgroup_memory(const char *root) {
    static const limit_kind kind = {"memory", memory_of_v2, memory_of_v1};
    return smallest_limit(root, &kind);
}

uint64_t sg_cgroup_available_memory(const char *root) {
    static const char key[] = "MemAvailable:";
    char folder[PATH_SIZE];
    char text[TEXT_SIZE];
    uint64_t available = NO_LIMIT;
    int length = snprintf(folder, sizeof folder, "%s/proc", root);
    if (length > 0 && (size_t)length < sizeof folder && read_text(folder, "meminfo", text)) {
        const char *line = strstr(text, key);
        if (line != NULL) {
            available = (uint64_t)strtoull(line + sizeof key - 1, NULL, 10) * 1024; /* in kB */
        }
    }
    return smaller(available, sg_cgroup_memory(root));
}
