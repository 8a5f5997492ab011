/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: cut to size on a character boundary, and made safe to print on a terminal. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

const char *sg_status_word(sg_status status) {
    switch (status) {
#define SG_STATUS_CASE(name, value, word, text) \
    case SG_STATUS_##name:                      \
        return word;
        SG_STATUS_LIST(SG_STATUS_CASE)
#undef SG_STATUS_CASE
    }
    return "internal";
}

const char *sg_status_text(sg_status status) {
    switch (status) {
#define SG_STATUS_CASE(name, value, word, text) \
    case SG_STATUS_##name:                      \
        return text;
        SG_STATUS_LIST(SG_STATUS_CASE)
#undef SG_STATUS_CASE
    }
    return "a fault in this program";
}

/* After a cut at `size`: drop the bytes of a character that was cut in two. Then see
 * sg_error_make_safe. */
static void make_printable(char *text, size_t size) {
    size_t length = strlen(text);
    if (length + 1 == size) {
        size_t back = 0;
        while (back < 3 && back < length &&
               ((unsigned char)text[length - 1 - back] & 0xc0u) == 0x80u) {
            back++;
        }
        if (back < length) {
            unsigned char lead = (unsigned char)text[length - 1 - back];
            size_t needed = lead >= 0xf0u ? 4 : lead >= 0xe0u ? 3 : lead >= 0xc0u ? 2 : 1;
            if (needed != back + 1) {
                text[length - 1 - back] = '\0';
            }
        }
    }
    sg_error_make_safe(text);
}

void sg_error_make_safe(char *text) {
    size_t rest = strlen(text);
    while (rest > 0) {
        uint32_t code_point = 0;
        size_t step = sg_utf8_decode(text, rest, &code_point);
        if (step == 0 || code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0)) {
            step = step == 0 ? 1 : step;
            memset(text, '?', step);
        }
        text += step;
        rest -= step;
    }
}

SG_PRINTF(3, 0)
static void write_message(sg_error *error, sg_status code, const char *format, va_list arguments) {
    error->code = code;
    error->hint[0] = '\0';
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    make_printable(error->message, sizeof error->message);
}

void sg_error_fill(sg_error *error, sg_status code, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        write_message(error, code, format, arguments);
        va_end(arguments);
    }
}

sg_status sg_error_hint(sg_error *error, const char *format, ...) {
    va_list arguments;
    if (error == NULL) {
        return SG_STATUS_INTERNAL;
    }
    va_start(arguments, format);
    (void)vsnprintf(error->hint, sizeof error->hint, format, arguments);
    va_end(arguments);
    make_printable(error->hint, sizeof error->hint);
    return error->code;
}

sg_status sg_error_prefix(sg_error *error, sg_status code, const char *format, ...) {
    char message[SG_ERROR_MESSAGE_SIZE];
    size_t length;
    va_list arguments;
    if (error == NULL) {
        return code;
    }
    memcpy(message, error->message, sizeof message);
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    length = strlen(error->message);
    (void)snprintf(error->message + length, sizeof error->message - length, ": %s", message);
    make_printable(error->message, sizeof error->message);
    return error->code;
}

/* The C library's words for `errnum`, in lower case as messages are. */
static void write_reason(int errnum, char *reason, size_t size) {
    char room[128];
    (void)snprintf(reason, size, "%s", strerror_r(errnum, room, sizeof room));
    if (reason[0] >= 'A' && reason[0] <= 'Z' && reason[1] >= 'a' && reason[1] <= 'z') {
        reason[0] = (char)(reason[0] - 'A' + 'a');
    }
}

sg_status sg_error_from_errno(sg_error *error, int errnum, const char *format, ...) {
    sg_status code = errnum == ENOMEM ? SG_STATUS_MEMORY : SG_STATUS_IO;
    char reason[128];
    if (error != NULL) {
        va_list arguments;
        size_t length;
        va_start(arguments, format);
        write_message(error, code, format, arguments);
        va_end(arguments);
        length = strlen(error->message);
        write_reason(errnum, reason, sizeof reason);
        (void)snprintf(error->message + length, sizeof error->message - length, ": %s", reason);
    }
    return code;
}
