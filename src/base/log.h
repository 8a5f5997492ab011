/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings and progress notes on their way to whoever opened the engine. No globals, no streams. */
#ifndef SG_BASE_LOG_H
#define SG_BASE_LOG_H

#include <switchgen/options.h>

/* Send one message (printf form; one line, no line feed) to `log`; nothing happens if its function
 * is NULL. `log` is borrowed and may be NULL. */
void sg_log_write(const sg_log *log, sg_log_level level, const char *format, ...) SG_PRINTF(3, 4);

#endif
