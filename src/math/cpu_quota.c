/* SPDX-License-Identifier: Apache-2.0 */
/* In: /proc/self/cgroup and the control files below /sys/fs/cgroup. Out: a number of CPUs. Whatever
 * cannot be read or understood counts as no limit: a wrong guess here costs speed, never a result.
 */
#include "math/cpu_quota.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE 4096
#define PATH_SIZE 4096

/* The first bytes of a file as text. False if it cannot be opened or read. */
static bool read_text(const char *path, char text[TEXT_SIZE]) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    size_t used = 0;
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

/* Quota and period in microseconds to CPUs, rounded up; 0 for no limit. */
static unsigned whole_cpus(long long quota, long long period) {
    if (quota <= 0 || period <= 0) {
        return 0;
    }
    long long cpus = quota / period + (quota % period != 0);
    return cpus > 1024 ? 1024 : (unsigned)cpus;
}

/* cpu.max of one group of version 2: "QUOTA PERIOD", or "max PERIOD". */
static unsigned quota_of_v2(const char *group) {
    char path[PATH_SIZE];
    char text[TEXT_SIZE];
    int length = snprintf(path, sizeof path, "%s/cpu.max", group);
    if (length < 0 || (size_t)length >= sizeof path || !read_text(path, text)) {
        return 0;
    }
    char *end;
    long long quota = strtoll(text, &end, 10);
    return end == text ? 0 : whole_cpus(quota, strtoll(end, NULL, 10));
}

/* cpu.cfs_quota_us and cpu.cfs_period_us of one group of version 1; a quota of -1 is none. */
static unsigned quota_of_v1(const char *group) {
    long long values[2];
    static const char *const names[2] = {"cpu.cfs_quota_us", "cpu.cfs_period_us"};
    for (int i = 0; i < 2; i++) {
        char path[PATH_SIZE];
        char text[TEXT_SIZE];
        int length = snprintf(path, sizeof path, "%s/%s", group, names[i]);
        if (length < 0 || (size_t)length >= sizeof path || !read_text(path, text)) {
            return 0;
        }
        values[i] = strtoll(text, NULL, 10);
    }
    return whole_cpus(values[0], values[1]);
}

static unsigned smaller_limit(unsigned a, unsigned b) {
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

/* The smallest quota from MOUNT/group up to MOUNT itself (where a container sees its own group). */
static unsigned smallest_upwards(const char *mount, const char *group,
                                 unsigned (*quota_of)(const char *)) {
    char path[PATH_SIZE];
    unsigned smallest = 0;
    size_t mount_length = strlen(mount);
    int length = snprintf(path, sizeof path, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof path) {
        return quota_of(mount);
    }
    for (;;) {
        smallest = smaller_limit(smallest, quota_of(path));
        char *slash = strrchr(path + mount_length, '/');
        if (slash == NULL) {
            return smallest;
        }
        *slash = '\0';
    }
}

/* True if the comma-separated list holds "cpu". */
static bool names_cpu(const char *list) {
    for (;;) {
        size_t length = strcspn(list, ",");
        if (length == 3 && memcmp(list, "cpu", 3) == 0) {
            return true;
        }
        if (list[length] == '\0') {
            return false;
        }
        list += length + 1;
    }
}

/* One line of /proc/self/cgroup: "ID:CONTROLLERS:PATH", no controllers for version 2. */
static unsigned quota_of_line(const char *root, char *line) {
    char mount[PATH_SIZE];
    char *controllers = strchr(line, ':');
    char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (group == NULL) {
        return 0;
    }
    *group++ = '\0';
    controllers++;
    if (*controllers != '\0' && !names_cpu(controllers)) {
        return 0;
    }
    bool v2 = *controllers == '\0';
    int length = v2 ? snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root)
                    : snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%s", root, controllers);
    if (length < 0 || (size_t)length >= sizeof mount) {
        return 0;
    }
    return smallest_upwards(mount, group, v2 ? quota_of_v2 : quota_of_v1);
}

unsigned sg_cpu_quota(const char *root) {
    char path[PATH_SIZE];
    char text[TEXT_SIZE];
    unsigned smallest = 0;
    int length = snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (length < 0 || (size_t)length >= sizeof path || !read_text(path, text)) {
        return 0;
    }
    for (char *line = text; line != NULL && *line != '\0';) {
        char *next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        smallest = smaller_limit(smallest, quota_of_line(root, line));
        line = next;
    }
    return smallest;
}
