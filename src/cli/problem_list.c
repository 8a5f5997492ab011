/* SPDX-License-Identifier: Apache-2.0 */
/* Flaws and warnings in, a bounded list out. */
#include "cli/problem_list.h"

#include <string.h>

#include "base/memory.h"

static bool is_listed(const sg_problem_list *list, const char *message) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].message, message) == 0) {
            return true;
        }
    }
    return false;
}

static bool reserve(sg_problem_list *list) {
    size_t capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
    sg_problem_entry *items;
    if (list->count < list->capacity) {
        return true;
    }
    items = sg_memory_resize(list->items, capacity, sizeof *items);
    if (items == NULL) {
        return false;
    }
    list->items = items;
    list->capacity = capacity;
    return true;
}

bool sg_problem_list_add(sg_problem_list *list, const char *message, const char *hint) {
    sg_problem_entry entry;
    if (list->count >= SG_PROBLEM_LIST_MAX || list->status != SG_STATUS_OK) {
        return false;
    }
    if (is_listed(list, message)) {
        return true;
    }
    entry.message = sg_memory_copy_text(message, strlen(message));
    entry.hint = sg_memory_copy_text(hint, strlen(hint));
    if (entry.message == NULL || entry.hint == NULL || !reserve(list)) {
        sg_memory_free(entry.message);
        sg_memory_free(entry.hint);
        list->status = SG_STATUS_MEMORY;
        return false;
    }
    list->items[list->count++] = entry;
    return list->count < SG_PROBLEM_LIST_MAX;
}

static void keep_warning(void *context, sg_log_level level, const char *message) {
    if (level == SG_LOG_LEVEL_WARNING) {
        (void)sg_problem_list_add(context, message, "");
    }
}

sg_log sg_problem_list_log(sg_problem_list *list) {
    return (sg_log){.write = keep_warning, .context = list};
}

void sg_problem_list_clear(sg_problem_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        sg_memory_free(list->items[i].message);
        sg_memory_free(list->items[i].hint);
    }
    sg_memory_free(list->items);
    *list = (sg_problem_list){0};
}
