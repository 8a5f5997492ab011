/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of data.pkl to a list of named tensors: the entries of the top dictionary, each of
 * which must be a tensor with a name of its own. What else the pickle holds was checked on the way
 * and is forgotten. */
#include "storage/pickle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "storage/pickle_opcodes.h"
#include "storage/pickle_values.h"

#define SHOWN 100
#define MAX_NAME 1024u /* bytes of a tensor's name */

struct sg_pickle {
    sg_pickle_tensor *tensors; /* [count] */
    size_t count;
    char *texts;          /* names and keys */
    uint64_t *dimensions; /* shapes and strides */
};

/* A name in the pickle, to find those that come twice. */
typedef struct entry_name {
    const unsigned char *bytes;
    uint64_t length_and_hash;
    const sg_pickle_node *key;
} entry_name;

/* Keep the entries of the top dictionary only. */
static void keep_top_entries(sg_pickle_machine *machine, uint32_t top) {
    sg_pickle_entry *entries = machine->entries.data;
    size_t kept = 0;
    for (size_t i = 0; i < machine->entries.count; i++) {
        if (entries[i].dict == top) {
            entries[kept++] = entries[i];
        }
    }
    machine->entries.count = kept;
}

static sg_status refuse_entry(const sg_pickle_machine *machine, const sg_pickle_node *key,
                              const char *what) {
    size_t length = (size_t)(key->wide >> 32);
    return sg_error_set(machine->error, SG_STATUS_MODEL, "%s: entry \"%.*s\": %s", machine->name,
                        (int)(length < SHOWN ? length : SHOWN),
                        (const char *)machine->bytes + key->first, what);
}

static sg_status check_entry(const sg_pickle_machine *machine, const sg_pickle_entry *entry) {
    const sg_pickle_node *key = sg_pickle_node_at(machine, entry->key);
    size_t length = (size_t)(key->wide >> 32);
    if (length == 0 || length > MAX_NAME) {
        return refuse_entry(machine, key, "a name that is empty or longer than 1024 bytes");
    }
    if (memchr(machine->bytes + key->first, '\0', length) != NULL) {
        return refuse_entry(machine, key, "a name that holds a NUL");
    }
    if (sg_pickle_node_at(machine, entry->value)->kind != SG_PICKLE_KIND_TENSOR) {
        return refuse_entry(machine, key, "the value is no tensor");
    }
    return SG_STATUS_OK;
}

static int compare_names(const void *a, const void *b) {
    const entry_name *left = a;
    const entry_name *right = b;
    if (left->length_and_hash != right->length_and_hash) {
        return left->length_and_hash < right->length_and_hash ? -1 : 1;
    }
    return left->bytes == right->bytes
               ? 0
               : memcmp(left->bytes, right->bytes, (size_t)(left->length_and_hash >> 32));
}

/* Refuse a name that comes twice: which tensor is meant differs between readers. */
static sg_status check_names(const sg_pickle_machine *machine) {
    const sg_pickle_entry *entries = machine->entries.data;
    size_t count = machine->entries.count;
    entry_name *names = sg_memory_alloc(count, sizeof *names);
    sg_status status = SG_STATUS_OK;
    if (names == NULL) {
        return sg_memory_error(machine->error, "a pickle", count * sizeof *names);
    }
    for (size_t i = 0; i < count; i++) {
        const sg_pickle_node *key = sg_pickle_node_at(machine, entries[i].key);
        names[i] = (entry_name){machine->bytes + key->first, key->wide, key};
    }
    if (count > 1) {
        qsort(names, count, sizeof *names, compare_names);
    }
    for (size_t i = 1; i < count && status == SG_STATUS_OK; i++) {
        if (compare_names(&names[i - 1], &names[i]) == 0) {
            status = refuse_entry(machine, names[i].key, "twice");
        }
    }
    sg_memory_free(names);
    return status;
}

/* Bytes for all names and keys with their NULs, and how many dimensions, with strides. */
static void measure(const sg_pickle_machine *machine, size_t *text, size_t *dimensions) {
    const sg_pickle_entry *entries = machine->entries.data;
    *text = 0;
    *dimensions = 0;
    for (size_t i = 0; i < machine->entries.count; i++) {
        const sg_pickle_node *value = sg_pickle_node_at(machine, entries[i].value);
        const sg_pickle_view *view = (const sg_pickle_view *)machine->views.data + value->first;
        const sg_pickle_storage *storage =
            (const sg_pickle_storage *)machine->storages.data + view->storage;
        *text += (size_t)(sg_pickle_node_at(machine, entries[i].key)->wide >> 32) + 1;
        *text += (size_t)(sg_pickle_node_at(machine, storage->key)->wide >> 32) + 1;
        *dimensions += 2 * (size_t)view->rank;
    }
}

/* Copy a text node to *to, NUL-terminated; move *to behind it. Returns the copy. */
static const char *copy_text(const sg_pickle_machine *machine, uint32_t index, char **to) {
    const sg_pickle_node *node = sg_pickle_node_at(machine, index);
    size_t length = (size_t)(node->wide >> 32);
    char *copy = *to;
    memcpy(copy, machine->bytes + node->first, length);
    copy[length] = '\0';
    *to += length + 1;
    return copy;
}

static sg_pickle_tensor make_tensor(const sg_pickle_machine *machine, const sg_pickle_entry *entry,
                                    char **text, uint64_t **dimensions) {
    const sg_pickle_node *value = sg_pickle_node_at(machine, entry->value);
    const sg_pickle_view *view = (const sg_pickle_view *)machine->views.data + value->first;
    const sg_pickle_storage *storage =
        (const sg_pickle_storage *)machine->storages.data + view->storage;
    uint64_t *shape = *dimensions;
    if (view->rank > 0) {
        memcpy(shape, (const uint64_t *)machine->dimensions.data + view->shape,
               2 * (size_t)view->rank * sizeof *shape);
    }
    *dimensions += 2 * (size_t)view->rank;
    return (sg_pickle_tensor){.name = copy_text(machine, entry->key, text),
                              .dtype = storage->dtype,
                              .rank = view->rank,
                              .shape = shape,
                              .strides = shape + view->rank,
                              .numel = view->numel,
                              .offset = view->offset,
                              .storage_key = copy_text(machine, storage->key, text),
                              .storage_numel = storage->numel};
}

static sg_status collect(sg_pickle_machine *machine, uint32_t top, sg_pickle *pickle) {
    const sg_pickle_entry *entries;
    size_t text_size, dimension_count;
    char *text;
    uint64_t *dimensions;
    keep_top_entries(machine, top);
    entries = machine->entries.data;
    for (size_t i = 0; i < machine->entries.count; i++) {
        SG_TRY(check_entry(machine, &entries[i]));
    }
    SG_TRY(check_names(machine));
    measure(machine, &text_size, &dimension_count);
    pickle->tensors = sg_memory_alloc(machine->entries.count, sizeof *pickle->tensors);
    pickle->texts = sg_memory_alloc(text_size, 1);
    pickle->dimensions = sg_memory_alloc(dimension_count, sizeof *pickle->dimensions);
    if (pickle->tensors == NULL || pickle->texts == NULL || pickle->dimensions == NULL) {
        return sg_memory_error(machine->error, "a pickle", text_size);
    }
    text = pickle->texts;
    dimensions = pickle->dimensions;
    for (size_t i = 0; i < machine->entries.count; i++) {
        pickle->tensors[pickle->count++] = make_tensor(machine, &entries[i], &text, &dimensions);
    }
    return SG_STATUS_OK;
}

static sg_status read_pickle(sg_pickle_machine *machine, sg_pickle *pickle) {
    uint32_t top;
    if (machine->length > SG_PICKLE_MAX_BYTES) {
        return sg_error_set(machine->error, SG_STATUS_MODEL,
                            "%s: has %zu bytes, expected at most %u", machine->name,
                            machine->length, SG_PICKLE_MAX_BYTES);
    }
    if (machine->length == 0) {
        return sg_pickle_refuse(machine, "no pickle of protocol 2"); /* `bytes` may be NULL */
    }
    SG_TRY(sg_pickle_run(machine, &top));
    return collect(machine, top, pickle);
}

static void clear_machine(sg_pickle_machine *machine) {
    sg_pickle_array *arrays[] = {&machine->nodes, &machine->stack,      &machine->marks,
                                 &machine->memo,  &machine->items,      &machine->storages,
                                 &machine->views, &machine->dimensions, &machine->entries};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        sg_memory_free(arrays[i]->data);
    }
}

sg_status sg_pickle_read(const char *name, const unsigned char *bytes, size_t length,
                         sg_pickle **pickle, sg_error *error) {
    sg_pickle_machine machine = {.name = name,
                                 .bytes = bytes,
                                 .length = length,
                                 .nodes.size = sizeof(sg_pickle_node),
                                 .stack.size = sizeof(uint32_t),
                                 .marks.size = sizeof(uint32_t),
                                 .memo.size = sizeof(uint32_t),
                                 .items.size = sizeof(uint32_t),
                                 .storages.size = sizeof(sg_pickle_storage),
                                 .views.size = sizeof(sg_pickle_view),
                                 .dimensions.size = sizeof(uint64_t),
                                 .entries.size = sizeof(sg_pickle_entry),
                                 .error = error};
    sg_pickle *read = sg_memory_alloc_zeroed(1, sizeof *read);
    sg_status status;
    if (read == NULL) {
        return sg_memory_error(error, "a pickle", sizeof *read);
    }
    status = read_pickle(&machine, read);
    clear_machine(&machine);
    if (status != SG_STATUS_OK) {
        sg_pickle_destroy(read);
        return status;
    }
    *pickle = read;
    return SG_STATUS_OK;
}

void sg_pickle_destroy(sg_pickle *pickle) {
    if (pickle != NULL) {
        sg_memory_free(pickle->tensors);
        sg_memory_free(pickle->texts);
        sg_memory_free(pickle->dimensions);
        sg_memory_free(pickle);
    }
}

size_t sg_pickle_count(const sg_pickle *pickle) {
    return pickle->count;
}

const sg_pickle_tensor *sg_pickle_at(const sg_pickle *pickle, size_t position) {
    assert(position < pickle->count);
    return &pickle->tensors[position];
}
