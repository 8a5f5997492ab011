/* SPDX-License-Identifier: Apache-2.0 */
/* Messages are put together on the stack and written with one write each, so that lines of several
 * processes on one terminal stay whole. A message that cannot be written is lost: there is nobody
 * left to tell. */
#include "cli/console.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

/* Of a place in a file that a message is about. */
#define PLACE_SIZE 512

/* A message, its prefix and its hint. */
#define LINE_SIZE (SG_ERROR_MESSAGE_SIZE + SG_ERROR_HINT_SIZE + PLACE_SIZE + 64)

void sg_console_init(sg_console *console) {
    memset(console, 0, sizeof *console);
    console->descriptor = STDERR_FILENO;
}

static void write_line(const sg_console *console, const char *line) {
    size_t length = strlen(line);
    size_t done = 0;
    while (done < length) {
        ssize_t written = write(console->descriptor, line + done, length - done);
        if (written <= 0) {
            return;
        }
        done += (size_t)written;
    }
}

/* "cut 12 of 9000 tokens" -> "cut # of # tokens" */
static void shape_of(const char *message, char *shape, size_t size) {
    size_t length = 0;
    bool in_number = false;
    for (; *message != '\0' && length + 1 < size; message++) {
        bool digit = *message >= '0' && *message <= '9';
        if (!digit || !in_number) {
            shape[length++] = digit ? '#' : *message;
        }
        in_number = digit;
    }
    shape[length] = '\0';
}

static bool is_same_kind(const char *message, const char *other) {
    char shape[SG_ERROR_MESSAGE_SIZE];
    char other_shape[SG_ERROR_MESSAGE_SIZE];
    shape_of(message, shape, sizeof shape);
    shape_of(other, other_shape, sizeof other_shape);
    return strcmp(shape, other_shape) == 0;
}

/* True if a warning of this kind was printed before; it is counted then. */
static bool is_repeated(sg_console *console, const char *message) {
    for (size_t i = 0; i < console->kind_count; i++) {
        if (is_same_kind(console->kinds[i].message, message)) {
            console->kinds[i].count++;
            return true;
        }
    }
    if (console->kind_count < SG_CONSOLE_MAX_KINDS) {
        char *copy = sg_memory_copy_text(message, strlen(message));
        if (copy != NULL) {
            console->kinds[console->kind_count++] = (sg_console_kind){.message = copy, .count = 1};
        }
    }
    return false;
}

static void write_log(void *context, sg_log_level level, const char *message) {
    sg_console *console = context;
    char line[LINE_SIZE];
    size_t length;
    if (level == SG_LOG_LEVEL_WARNING) {
        if (console->quiet || is_repeated(console, message)) {
            return;
        }
    } else if (console->verbosity < (level == SG_LOG_LEVEL_INFO ? 1 : 2)) {
        return;
    }
    (void)snprintf(line, sizeof line - 1, "switch-gen: %s%s",
                   level == SG_LOG_LEVEL_WARNING ? "warning: " : "", message);
    sg_error_make_safe(line);
    length = strlen(line);
    line[length] = '\n';
    line[length + 1] = '\0';
    write_line(console, line);
}

sg_log sg_console_log(sg_console *console) {
    return (sg_log){.write = write_log, .context = console};
}

void sg_console_error(sg_console *console, const char *where, const sg_error *error) {
    char line[LINE_SIZE];
    char place[PLACE_SIZE] = "";
    bool hint = error->hint[0] != '\0';
    if (where != NULL) {
        (void)snprintf(place, sizeof place, "%s: ", where);
        sg_error_make_safe(place);
    }
    (void)snprintf(line, sizeof line, "switch-gen: %s%s\n%s%s%s", place,
                   error->message[0] == '\0' ? sg_status_text(error->code) : error->message,
                   hint ? "hint: " : "", error->hint, hint ? "\n" : "");
    write_line(console, line);
}

void sg_console_clear(sg_console *console) {
    char line[LINE_SIZE];
    for (size_t i = 0; i < console->kind_count; i++) {
        if (console->kinds[i].count > 1) {
            (void)snprintf(line, sizeof line, "switch-gen: warning: %zu times in all: %s\n",
                           console->kinds[i].count, console->kinds[i].message);
            write_line(console, line);
        }
        sg_memory_free(console->kinds[i].message);
    }
    console->kind_count = 0;
}
