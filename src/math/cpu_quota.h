/* SPDX-License-Identifier: Apache-2.0 */
/* How many CPUs' worth of time the control groups of this process grant it. */
#ifndef SG_MATH_CPU_QUOTA_H
#define SG_MATH_CPU_QUOTA_H

/* The smallest quota among the process's group and its ancestors, rounded up to whole CPUs; 0 where
 * none is set or nothing can be read. Version 2 (cpu.max) and version 1 (cpu.cfs_quota_us). `root`
 * is put before /proc and /sys ("" on a real system; a directory in tests). Source: cgroups(7). */
unsigned sg_cpu_quota(const char *root);

#endif
