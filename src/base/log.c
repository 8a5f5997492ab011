/* SPDX-License-Identifier: Apache-2.0 */
/* Formats one message on the stack and hands it on. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void sg_log_write(const sg_log *log, sg_log_level level, const char *format, ...) {
    char message[SG_ERROR_MESSAGE_SIZE];
    va_list arguments;
    if (log == NULL || log->write == NULL) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    log->write(log->context, level, message);
}
