/* SPDX-License-Identifier: Apache-2.0 */
/* What this CPU can run. */
#ifndef SG_MATH_CPU_H
#define SG_MATH_CPU_H

#include <switchgen/options.h>
#include <switchgen/status.h>

/* The level to use: `wanted` if the CPU and the operating system have it (SG_CPU_LEVEL_AUTO: the
 * best they have). Errors: SG_STATUS_ARGUMENT naming what is missing. */
sg_status sg_cpu_choose(sg_cpu_level wanted, sg_cpu_level *level, sg_error *error) SG_MUST_CHECK;

/* "avx512", "avx2", "portable". Static storage. */
const char *sg_cpu_level_name(sg_cpu_level level);

#endif
