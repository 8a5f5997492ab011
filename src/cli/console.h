/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to standard error: errors with their hints, warnings (each kind once), notes. */
#ifndef SG_CLI_CONSOLE_H
#define SG_CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/options.h>
#include <switchgen/status.h>

/* Kinds of warnings whose repetitions are counted; later kinds are printed every time. */
#define SG_CONSOLE_MAX_KINDS 32

/* A warning that was printed once. Two warnings are of one kind if they differ in digits only. */
typedef struct sg_console_kind {
    char *message; /* the first one */
    size_t count;
} sg_console_kind;

typedef struct sg_console {
    int descriptor;
    bool quiet;    /* no warnings */
    int verbosity; /* 1: notes, 2: debugging notes */
    sg_console_kind kinds[SG_CONSOLE_MAX_KINDS];
    size_t kind_count;
} sg_console;

/* Set up for standard error. Allocates nothing. */
void sg_console_init(sg_console *console);

/* Print how often repeated warnings came, and free. Allowed on a zeroed struct and twice. */
void sg_console_clear(sg_console *console);

/* A log that writes to `console`, which must outlive it. */
sg_log sg_console_log(sg_console *console);

/* "switch-gen: [WHERE: ]MESSAGE" and, where there is one, "hint: HINT". `where` may be NULL. */
void sg_console_error(sg_console *console, const char *where, const sg_error *error);

#endif
