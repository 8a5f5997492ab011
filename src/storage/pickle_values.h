/* SPDX-License-Identifier: Apache-2.0 */
/* The values of a pickle and how the few objects of a torch file are made of them; pickle.c reads
 * the opcodes. */
#ifndef SG_STORAGE_PICKLE_VALUES_H
#define SG_STORAGE_PICKLE_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "base/buffer.h"
#include "storage/pickle.h"

/* X(constant, module, name): every name that a pickle may mention. Storage types come last. */
#define SG_PICKLE_GLOBAL_LIST(X)                               \
    X(ORDERED_DICT, "collections", "OrderedDict")              \
    X(REBUILD_TENSOR, "torch._utils", "_rebuild_tensor_v2")    \
    X(REBUILD_PARAMETER, "torch._utils", "_rebuild_parameter") \
    X(FLOAT_STORAGE, "torch", "FloatStorage")                  \
    X(HALF_STORAGE, "torch", "HalfStorage")                    \
    X(BFLOAT16_STORAGE, "torch", "BFloat16Storage")            \
    X(DOUBLE_STORAGE, "torch", "DoubleStorage")                \
    X(LONG_STORAGE, "torch", "LongStorage")                    \
    X(INT_STORAGE, "torch", "IntStorage")                      \
    X(SHORT_STORAGE, "torch", "ShortStorage")                  \
    X(CHAR_STORAGE, "torch", "CharStorage")                    \
    X(BYTE_STORAGE, "torch", "ByteStorage")                    \
    X(BOOL_STORAGE, "torch", "BoolStorage")

typedef enum sg_pickle_global {
#define SG_PICKLE_GLOBAL_ENUM(constant, module, name) SG_PICKLE_GLOBAL_##constant,
    SG_PICKLE_GLOBAL_LIST(SG_PICKLE_GLOBAL_ENUM)
#undef SG_PICKLE_GLOBAL_ENUM
        SG_PICKLE_GLOBAL_COUNT
} sg_pickle_global;

typedef enum sg_pickle_kind {
    SG_PICKLE_KIND_NONE = 0,
    SG_PICKLE_KIND_BOOL,    /* first: 0 or 1 */
    SG_PICKLE_KIND_INT,     /* wide: an int64_t */
    SG_PICKLE_KIND_FLOAT,   /* its value is of no use here */
    SG_PICKLE_KIND_TEXT,    /* first: offset in the pickle; wide: length << 32 | hash */
    SG_PICKLE_KIND_TUPLE,   /* first: index in items; wide: count */
    SG_PICKLE_KIND_LIST,    /* its elements are checked and forgotten */
    SG_PICKLE_KIND_DICT,    /* first: 1 for an OrderedDict */
    SG_PICKLE_KIND_GLOBAL,  /* first: sg_pickle_global */
    SG_PICKLE_KIND_STORAGE, /* first: index in storages */
    SG_PICKLE_KIND_TENSOR   /* first: index in tensors */
} sg_pickle_kind;

/* A value. Values refer to values by their index and are never walked, so that neither depth nor
 * sharing costs anything. */
typedef struct sg_pickle_node {
    uint8_t kind;
    uint8_t depth; /* containers inside each other, this one included */
    uint32_t first;
    uint64_t wide;
} sg_pickle_node;

typedef struct sg_pickle_storage {
    uint32_t key; /* node of its name */
    sg_dtype dtype;
    uint64_t numel;
} sg_pickle_storage;

typedef struct sg_pickle_view {
    uint32_t storage;
    uint32_t rank;
    size_t shape; /* index in dimensions: [rank] sizes, then [rank] strides */
    uint64_t offset, numel;
} sg_pickle_view;

/* dict[key] = value, in the order of the pickle. */
typedef struct sg_pickle_entry {
    uint32_t dict, key, value;
} sg_pickle_entry;

/* A growing array. */
typedef struct sg_pickle_array {
    void *data;
    size_t count, capacity, size; /* size: of one element */
} sg_pickle_array;

typedef struct sg_pickle_machine {
    const char *name;
    const unsigned char *bytes;
    size_t length, at; /* `at`: the next byte */
    size_t opcode_at;  /* where the opcode at work began; for messages */
    size_t opcodes;
    sg_pickle_array nodes, stack, marks, memo, items, storages, views, dimensions, entries;
    sg_error *error;
} sg_pickle_machine;

/* "NAME: byte N: WHAT", SG_STATUS_MODEL. */
sg_status sg_pickle_refuse(const sg_pickle_machine *machine, const char *what);

/* Append one element, copied from `element`. Errors: SG_STATUS_MEMORY. */
sg_status sg_pickle_push(const sg_pickle_machine *machine, sg_pickle_array *array,
                         const void *element) SG_MUST_CHECK;

/* Node number `index`. Valid until the next node is made. */
const sg_pickle_node *sg_pickle_node_at(const sg_pickle_machine *machine, uint32_t index);

/* Element `position` of a tuple, as an index of a node. */
uint32_t sg_pickle_item(const sg_pickle_machine *machine, const sg_pickle_node *tuple,
                        size_t position);

/* The value of BINPERSID: a storage from ("storage", TYPE, key, location, numel). */
sg_status sg_pickle_make_storage(sg_pickle_machine *machine, uint32_t tuple,
                                 sg_pickle_node *out) SG_MUST_CHECK;

/* The value of REDUCE: callable(*tuple) for the names of the list; *same_node is set where the
 * result is an argument itself (a Parameter is its tensor). */
sg_status sg_pickle_reduce(sg_pickle_machine *machine, uint32_t callable, uint32_t tuple,
                           sg_pickle_node *out, uint32_t *same_node) SG_MUST_CHECK;

#endif
