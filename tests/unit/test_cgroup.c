/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of control groups, read from a tree of files like a real system's. */
#include "support/test.h"

#include <stdint.h>
#include <sys/stat.h>

#include "base/cgroup.h"
#include "support/temp_dir.h"

static void write_file(const char *root, const char *path, const char *text) {
    char name[PATH_MAX];
    (void)snprintf(name, sizeof name, "%s%s", root, path);
    for (char *slash = strchr(name + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(name, 0700);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* Quotas of both versions of control groups, of the group itself and of its ancestors; garbage is
 * no limit. */
static void reads_cpu_quotas(void) {
    const temp_dir dir = temp_dir_create();
    const char *root = dir.path;
    CHECK_INT(sg_cgroup_cpus(root), 0);
    write_file(root, "/proc/self/cgroup", "0::/outer/inner\n");
    CHECK_INT(sg_cgroup_cpus(root), 0);
    write_file(root, "/sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
    CHECK_INT(sg_cgroup_cpus(root), 0);
    write_file(root, "/sys/fs/cgroup/outer/cpu.max", "250000 100000\n");
    CHECK_INT(sg_cgroup_cpus(root), 3);
    write_file(root, "/sys/fs/cgroup/outer/inner/cpu.max", "50000 100000\n");
    CHECK_INT(sg_cgroup_cpus(root), 1);
    write_file(root, "/sys/fs/cgroup/outer/inner/cpu.max", "many\n");
    CHECK_INT(sg_cgroup_cpus(root), 3);
    write_file(root, "/proc/self/cgroup",
               "12:cpuset:/\n4:cpu,cpuacct:/box\n1:name=systemd:/x\ngarbage\n");
    CHECK_INT(sg_cgroup_cpus(root), 0);
    write_file(root, "/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "200000\n");
    write_file(root, "/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
    CHECK_INT(sg_cgroup_cpus(root), 2);
    write_file(root, "/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
    CHECK_INT(sg_cgroup_cpus(root), 0);
    temp_dir_remove(&dir);
}

/* The smallest memory limit of the group and its ancestors; "max" and version 1's huge number are
 * none. */
static void reads_memory_limits(void) {
    const temp_dir dir = temp_dir_create();
    const char *root = dir.path;
    CHECK(sg_cgroup_memory(root) == UINT64_MAX);
    CHECK(sg_cgroup_available_memory(root) == UINT64_MAX);
    write_file(root, "/proc/self/cgroup", "0::/outer/inner\n");
    write_file(root, "/sys/fs/cgroup/outer/inner/memory.max", "max\n");
    CHECK(sg_cgroup_memory(root) == UINT64_MAX);
    write_file(root, "/sys/fs/cgroup/outer/memory.max", "2147483648\n");
    CHECK(sg_cgroup_memory(root) == 2147483648u);
    write_file(root, "/proc/self/cgroup", "3:memory:/box\n");
    write_file(root, "/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "9223372036854771712\n");
    CHECK(sg_cgroup_memory(root) == UINT64_MAX);
    write_file(root, "/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "4096\n");
    CHECK(sg_cgroup_memory(root) == 4096);
    write_file(root, "/proc/meminfo", "MemTotal: 8 kB\nMemAvailable:    3 kB\n");
    CHECK(sg_cgroup_available_memory(root) == 3072);
    write_file(root, "/proc/meminfo", "MemAvailable: 8 kB\n");
    CHECK(sg_cgroup_available_memory(root) == 4096);
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(reads_cpu_quotas);
    TEST(reads_memory_limits);
    return test_end();
}
