/* SPDX-License-Identifier: Apache-2.0 */
/* All that is found wrong, or worth a warning, in the order it was found. */
#ifndef SG_CLI_PROBLEM_LIST_H
#define SG_CLI_PROBLEM_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/options.h>
#include <switchgen/status.h>

/* More than a report needs; the checks end there, so that a hostile model costs nothing. */
#define SG_PROBLEM_LIST_MAX 1000

typedef struct sg_problem_entry {
    char *message;
    char *hint; /* the mend; "" where there is none to name */
} sg_problem_entry;

typedef struct sg_problem_list {
    sg_problem_entry *items; /* no message twice; owned */
    size_t count;
    size_t capacity;
    sg_status status; /* SG_STATUS_MEMORY if an entry could not be kept */
} sg_problem_list;

/* Keep one entry, unless its message is there. False if no more are wanted. */
bool sg_problem_list_add(sg_problem_list *list, const char *message, const char *hint);

/* A log that adds warnings to `list`, which must outlive it, and drops the rest. */
sg_log sg_problem_list_log(sg_problem_list *list);

/* Free. Allowed on a zeroed struct and twice. */
void sg_problem_list_clear(sg_problem_list *list);

#endif
