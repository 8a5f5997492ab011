/* SPDX-License-Identifier: Apache-2.0 */
/* What the control groups of this process grant it: CPU time and memory. Version 2 and version 1;
 * the smallest limit among the process's group and its ancestors. `root` is put before /proc and
 * /sys ("" on a real system; a directory in tests). Source: cgroups(7). */
#ifndef SG_BASE_CGROUP_H
#define SG_BASE_CGROUP_H

#include <stdint.h>

/* CPUs' worth of time, rounded up to whole CPUs (cpu.max, cpu.cfs_quota_us); 0 where no limit is
 * set or nothing can be read. */
unsigned sg_cgroup_cpus(const char *root);

/* Bytes of memory (memory.max, memory.limit_in_bytes); UINT64_MAX where no limit is set or nothing
 * can be read. */
uint64_t sg_cgroup_memory(const char *root);

/* Bytes that the process can take without others being pushed out: MemAvailable of /proc/meminfo,
 * or the control groups' limit where that is smaller; UINT64_MAX where neither is known. */
uint64_t sg_cgroup_available_memory(const char *root);

#endif
