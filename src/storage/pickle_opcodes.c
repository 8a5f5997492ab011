/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of data.pkl to the values they describe.
 *
 * A stack machine over the 33 opcodes that torch writes for a state dict (protocol 2). Values are
 * nodes in an array that refer to each other by index, so there is no recursion, no cycle to free
 * and no tree to walk: of the result only the entries of the top dictionary are looked at, and each
 * must be a tensor. Every opcode makes at most one node and every limit is checked before anything
 * grows, so memory is bounded by the opcodes.
 *
 * The memo may be written only in order of first use up to the number of opcodes; torch numbers
 * from 0. */
#include "storage/pickle_opcodes.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

#define SHOWN 100

/* The opcodes: CPython's Lib/pickletools.py. */
enum {
    OPCODE_MARK = '(',
    OPCODE_STOP = '.',
    OPCODE_BINFLOAT = 'G',
    OPCODE_BININT = 'J',
    OPCODE_BININT1 = 'K',
    OPCODE_BININT2 = 'M',
    OPCODE_NONE = 'N',
    OPCODE_BINPERSID = 'Q',
    OPCODE_REDUCE = 'R',
    OPCODE_BINUNICODE = 'X',
    OPCODE_EMPTY_LIST = ']',
    OPCODE_APPEND = 'a',
    OPCODE_BUILD = 'b',
    OPCODE_GLOBAL = 'c',
    OPCODE_APPENDS = 'e',
    OPCODE_BINGET = 'h',
    OPCODE_LONG_BINGET = 'j',
    OPCODE_BINPUT = 'q',
    OPCODE_LONG_BINPUT = 'r',
    OPCODE_SETITEM = 's',
    OPCODE_TUPLE = 't',
    OPCODE_SETITEMS = 'u',
    OPCODE_EMPTY_TUPLE = ')',
    OPCODE_EMPTY_DICT = '}',
    OPCODE_PROTO = 0x80,
    OPCODE_TUPLE1 = 0x85,
    OPCODE_TUPLE2 = 0x86,
    OPCODE_TUPLE3 = 0x87,
    OPCODE_NEWTRUE = 0x88,
    OPCODE_NEWFALSE = 0x89,
    OPCODE_LONG1 = 0x8a
};

#define NO_NODE UINT32_MAX

static const struct {
    const char *module, *name;
} globals[SG_PICKLE_GLOBAL_COUNT] = {
#define GLOBAL_ENTRY(constant, module, name) {module, name},
    SG_PICKLE_GLOBAL_LIST(GLOBAL_ENTRY)
#undef GLOBAL_ENTRY
};

/* --- the stack ---------------------------------------------------------------------------------
 */

/* Where the values above the last MARK begin. */
static size_t stack_floor(const sg_pickle_machine *machine) {
    return machine->marks.count == 0
               ? 0
               : ((const uint32_t *)machine->marks.data)[machine->marks.count - 1];
}

/* The node `depth` places below the top (0 is the top), or NO_NODE if a MARK or the end is nearer.
 */
static uint32_t peek(const sg_pickle_machine *machine, size_t depth) {
    size_t count = machine->stack.count;
    return count - stack_floor(machine) > depth
               ? ((const uint32_t *)machine->stack.data)[count - 1 - depth]
               : NO_NODE;
}

static sg_status need(const sg_pickle_machine *machine, size_t count) {
    return machine->stack.count - stack_floor(machine) >= count
               ? SG_STATUS_OK
               : sg_pickle_refuse(machine, "an opcode that finds too few values on the stack");
}

static sg_status push_node(sg_pickle_machine *machine, uint32_t index) {
    return sg_pickle_push(machine, &machine->stack, &index);
}

/* Make a node and push it. */
static sg_status push_new(sg_pickle_machine *machine, sg_pickle_node node) {
    uint32_t index = (uint32_t)machine->nodes.count;
    SG_TRY(sg_pickle_push(machine, &machine->nodes, &node));
    return push_node(machine, index);
}

static sg_status push_int(sg_pickle_machine *machine, int64_t value) {
    return push_new(machine, (sg_pickle_node){.kind = SG_PICKLE_KIND_INT, .wide = (uint64_t)value});
}

static sg_status push_bool(sg_pickle_machine *machine, bool value) {
    return push_new(machine, (sg_pickle_node){.kind = SG_PICKLE_KIND_BOOL, .first = value});
}

/* Take the last MARK away; *first is the place of the first value above it. */
static sg_status pop_mark(sg_pickle_machine *machine, size_t *first) {
    if (machine->marks.count == 0) {
        return sg_pickle_refuse(machine, "an opcode that finds no MARK");
    }
    *first = stack_floor(machine);
    machine->marks.count--;
    return SG_STATUS_OK;
}

/* --- bytes of the pickle -----------------------------------------------------------------------
 */

/* The next `count` bytes, or NULL. */
static const unsigned char *take(sg_pickle_machine *machine, size_t count) {
    const unsigned char *bytes = machine->bytes + machine->at;
    if (machine->length - machine->at < count) {
        return NULL;
    }
    machine->at += count;
    return bytes;
}

static uint32_t little_endian(const unsigned char *bytes, size_t count) {
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value |= (uint32_t)bytes[i] << (8 * i);
    }
    return value;
}

/* An unsigned number of `size` bytes (up to 4). */
static sg_status take_number(sg_pickle_machine *machine, size_t size, uint32_t *out) {
    const unsigned char *bytes = take(machine, size);
    if (bytes == NULL) {
        return sg_pickle_refuse(machine, "it ends within an opcode");
    }
    *out = little_endian(bytes, size);
    return SG_STATUS_OK;
}

/* The text up to the next line feed, which is taken too. */
static sg_status take_line(sg_pickle_machine *machine, const char **text, size_t *length) {
    const unsigned char *begin = machine->bytes + machine->at;
    const unsigned char *end = memchr(begin, '\n', machine->length - machine->at);
    if (end == NULL) {
        return sg_pickle_refuse(machine, "it ends within an opcode");
    }
    *text = (const char *)begin;
    *length = (size_t)(end - begin);
    machine->at += *length + 1;
    return SG_STATUS_OK;
}

/* --- values ------------------------------------------------------------------------------------
 */

/* FNV-1a: orders keys so that equal ones stand together; collisions only cost a comparison. */
static uint32_t hash_of(const unsigned char *bytes, size_t length) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    return hash;
}

static sg_status read_text(sg_pickle_machine *machine) {
    uint32_t length;
    const unsigned char *bytes;
    SG_TRY(take_number(machine, 4, &length));
    bytes = take(machine, length);
    if (bytes == NULL) {
        return sg_pickle_refuse(machine, "a text longer than what is left");
    }
    if (!sg_utf8_is_valid((const char *)bytes, length, NULL)) {
        return sg_pickle_refuse(machine, "a text that is not UTF-8");
    }
    return push_new(machine,
                    (sg_pickle_node){.kind = SG_PICKLE_KIND_TEXT,
                                     .first = (uint32_t)(bytes - machine->bytes),
                                     .wide = (uint64_t)length << 32 | hash_of(bytes, length)});
}

/* LONG1: a length, and as many bytes of two's complement. */
static sg_status read_long(sg_pickle_machine *machine) {
    uint32_t length;
    const unsigned char *bytes;
    uint64_t value = 0;
    SG_TRY(take_number(machine, 1, &length));
    if (length > 8) {
        return sg_pickle_refuse(machine, "a whole number of more than 8 bytes");
    }
    bytes = take(machine, length);
    if (bytes == NULL) {
        return sg_pickle_refuse(machine, "it ends within an opcode");
    }
    if (length > 0 && (bytes[length - 1] & 0x80u) != 0) {
        value = UINT64_MAX;
    }
    for (size_t i = length; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return push_int(machine, (int64_t)value);
}

static sg_status read_global(sg_pickle_machine *machine) {
    const char *module, *name;
    size_t module_length, name_length;
    SG_TRY(take_line(machine, &module, &module_length));
    SG_TRY(take_line(machine, &name, &name_length));
    for (uint32_t i = 0; i < SG_PICKLE_GLOBAL_COUNT; i++) {
        if (strlen(globals[i].module) == module_length && strlen(globals[i].name) == name_length &&
            memcmp(globals[i].module, module, module_length) == 0 &&
            memcmp(globals[i].name, name, name_length) == 0) {
            return push_new(machine, (sg_pickle_node){.kind = SG_PICKLE_KIND_GLOBAL, .first = i});
        }
    }
    (void)sg_error_set(machine->error, SG_STATUS_UNSUPPORTED,
                       "%s: byte %zu: it asks for \"%.*s.%.*s\", which no checkpoint needs",
                       machine->name, machine->opcode_at,
                       (int)(module_length < SHOWN ? module_length : SHOWN), module,
                       (int)(name_length < SHOWN ? name_length : SHOWN), name);
    (void)sg_error_hint(machine->error, "a file of tensors only names torch's storages; one that "
                                        "names more can run code where Python opens it");
    return SG_STATUS_UNSUPPORTED;
}

/* The depth of a container that holds node `index`, at least `depth`. 0 if it is too deep. */
static unsigned depth_with(const sg_pickle_machine *machine, unsigned depth, uint32_t index) {
    unsigned inner = (unsigned)sg_pickle_node_at(machine, index)->depth + 1u;
    unsigned deepest = inner > depth ? inner : depth;
    return deepest > SG_PICKLE_MAX_DEPTH ? 0 : deepest;
}

/* Replace the stack's values from place `first` on by one tuple of them. */
static sg_status make_tuple(sg_pickle_machine *machine, size_t first) {
    size_t count = machine->stack.count - first;
    unsigned depth = 1;
    sg_pickle_node tuple = {
        .kind = SG_PICKLE_KIND_TUPLE, .first = (uint32_t)machine->items.count, .wide = count};
    for (size_t i = 0; i < count; i++) {
        const uint32_t item = ((const uint32_t *)machine->stack.data)[first + i];
        depth = depth_with(machine, depth, item);
        if (depth == 0) {
            return sg_pickle_refuse(machine, "values nested more than 64 deep");
        }
        SG_TRY(sg_pickle_push(machine, &machine->items, &item));
    }
    tuple.depth = (uint8_t)depth;
    machine->stack.count = first;
    return push_new(machine, tuple);
}

static sg_status make_small_tuple(sg_pickle_machine *machine, size_t count) {
    SG_TRY(need(machine, count));
    return make_tuple(machine, machine->stack.count - count);
}

static sg_status make_marked_tuple(sg_pickle_machine *machine) {
    size_t first;
    SG_TRY(pop_mark(machine, &first));
    return make_tuple(machine, first);
}

/* --- the memo ----------------------------------------------------------------------------------
 */

static sg_status memo_put(sg_pickle_machine *machine, size_t size) {
    uint32_t index;
    uint32_t none = NO_NODE;
    SG_TRY(take_number(machine, size, &index));
    SG_TRY(need(machine, 1));
    if (index > machine->opcodes) {
        return sg_pickle_refuse(machine, "a memo index above the number of opcodes");
    }
    while (machine->memo.count <= index) {
        SG_TRY(sg_pickle_push(machine, &machine->memo, &none));
    }
    ((uint32_t *)machine->memo.data)[index] = peek(machine, 0);
    return SG_STATUS_OK;
}

static sg_status memo_get(sg_pickle_machine *machine, size_t size) {
    uint32_t index;
    SG_TRY(take_number(machine, size, &index));
    if (index >= machine->memo.count || ((const uint32_t *)machine->memo.data)[index] == NO_NODE) {
        return sg_pickle_refuse(machine, "a memo entry that was never put");
    }
    return push_node(machine, ((const uint32_t *)machine->memo.data)[index]);
}

/* --- lists and dictionaries --------------------------------------------------------------------
 */

/* The container `index` grew by `value`: keep its depth right. */
static sg_status deepen(sg_pickle_machine *machine, uint32_t index, uint32_t value) {
    sg_pickle_node *node = (sg_pickle_node *)machine->nodes.data + index;
    unsigned depth = depth_with(machine, node->depth, value);
    if (depth == 0) {
        return sg_pickle_refuse(machine, "values nested more than 64 deep");
    }
    node->depth = (uint8_t)depth;
    return SG_STATUS_OK;
}

/* Put the stack's values from place `first` on into the list below them. */
static sg_status append(sg_pickle_machine *machine, size_t first) {
    uint32_t list;
    if (first == stack_floor(machine)) {
        return sg_pickle_refuse(machine, "an opcode that finds too few values on the stack");
    }
    list = ((const uint32_t *)machine->stack.data)[first - 1];
    if (sg_pickle_node_at(machine, list)->kind != SG_PICKLE_KIND_LIST) {
        return sg_pickle_refuse(machine, "an append to what is no list");
    }
    for (size_t i = first; i < machine->stack.count; i++) {
        SG_TRY(deepen(machine, list, ((const uint32_t *)machine->stack.data)[i]));
    }
    machine->stack.count = first;
    return SG_STATUS_OK;
}

static sg_status set_item(sg_pickle_machine *machine, uint32_t dict, uint32_t key, uint32_t value) {
    sg_pickle_entry entry = {.dict = dict, .key = key, .value = value};
    if (sg_pickle_node_at(machine, key)->kind != SG_PICKLE_KIND_TEXT) {
        return sg_pickle_refuse(machine, "a key that is no text");
    }
    if (machine->entries.count == SG_PICKLE_MAX_TENSORS) {
        return sg_pickle_refuse(machine, "more than 1048576 dictionary entries");
    }
    SG_TRY(deepen(machine, dict, value));
    return sg_pickle_push(machine, &machine->entries, &entry);
}

/* Put the pairs from place `first` on into the dictionary below them. */
static sg_status set_items(sg_pickle_machine *machine, size_t first) {
    uint32_t dict;
    if (first == stack_floor(machine) || (machine->stack.count - first) % 2 != 0) {
        return sg_pickle_refuse(machine, "an opcode that finds too few values on the stack");
    }
    dict = ((const uint32_t *)machine->stack.data)[first - 1];
    if (sg_pickle_node_at(machine, dict)->kind != SG_PICKLE_KIND_DICT) {
        return sg_pickle_refuse(machine, "an item set in what is no dictionary");
    }
    for (size_t i = first; i < machine->stack.count; i += 2) {
        const uint32_t *pair = (const uint32_t *)machine->stack.data + i;
        SG_TRY(set_item(machine, dict, pair[0], pair[1]));
    }
    machine->stack.count = first;
    return SG_STATUS_OK;
}

/* BUILD gives an OrderedDict its attributes (_metadata of a module's state dict), which say nothing
 * about tensors. */
static sg_status build(sg_pickle_machine *machine) {
    const sg_pickle_node *target;
    SG_TRY(need(machine, 2));
    target = sg_pickle_node_at(machine, peek(machine, 1));
    if (target->kind != SG_PICKLE_KIND_DICT || target->first == 0) {
        return sg_pickle_refuse(machine, "BUILD of what is no OrderedDict");
    }
    if (sg_pickle_node_at(machine, peek(machine, 0))->kind != SG_PICKLE_KIND_DICT) {
        return sg_pickle_refuse(machine, "BUILD with a state that is no dictionary");
    }
    machine->stack.count--;
    return SG_STATUS_OK;
}

/* --- objects -----------------------------------------------------------------------------------
 */

static sg_status load_storage(sg_pickle_machine *machine) {
    sg_pickle_node storage = {0};
    SG_TRY(need(machine, 1));
    SG_TRY(sg_pickle_make_storage(machine, peek(machine, 0), &storage));
    machine->stack.count--;
    return push_new(machine, storage);
}

static sg_status reduce(sg_pickle_machine *machine) {
    sg_pickle_node made = {0};
    uint32_t same_node = NO_NODE;
    SG_TRY(need(machine, 2));
    SG_TRY(sg_pickle_reduce(machine, peek(machine, 1), peek(machine, 0), &made, &same_node));
    machine->stack.count -= 2;
    return same_node == NO_NODE ? push_new(machine, made) : push_node(machine, same_node);
}

static sg_status push_kind(sg_pickle_machine *machine, sg_pickle_kind kind) {
    return push_new(machine, (sg_pickle_node){.kind = (uint8_t)kind, .depth = 1});
}

/* --- one opcode --------------------------------------------------------------------------------
 */

static sg_status run_number(sg_pickle_machine *machine, unsigned char opcode) {
    uint32_t number;
    switch (opcode) {
    case OPCODE_BININT:
        SG_TRY(take_number(machine, 4, &number));
        return push_int(machine, (int32_t)number);
    case OPCODE_BININT1:
        SG_TRY(take_number(machine, 1, &number));
        return push_int(machine, number);
    case OPCODE_BININT2:
        SG_TRY(take_number(machine, 2, &number));
        return push_int(machine, number);
    case OPCODE_LONG1:
        return read_long(machine);
    default:
        assert(opcode == OPCODE_BINFLOAT);
        if (take(machine, 8) == NULL) {
            return sg_pickle_refuse(machine, "it ends within an opcode");
        }
        return push_new(machine, (sg_pickle_node){.kind = SG_PICKLE_KIND_FLOAT});
    }
}

static sg_status push_mark(sg_pickle_machine *machine) {
    uint32_t place = (uint32_t)machine->stack.count;
    return sg_pickle_push(machine, &machine->marks, &place);
}

static sg_status run_container(sg_pickle_machine *machine, unsigned char opcode) {
    size_t first;
    switch (opcode) {
    case OPCODE_APPEND:
        SG_TRY(need(machine, 2));
        return append(machine, machine->stack.count - 1);
    case OPCODE_SETITEM:
        SG_TRY(need(machine, 3));
        return set_items(machine, machine->stack.count - 2);
    default:
        SG_TRY(pop_mark(machine, &first));
        return opcode == OPCODE_APPENDS ? append(machine, first) : set_items(machine, first);
    }
}

static sg_status refuse_opcode(const sg_pickle_machine *machine, unsigned char opcode) {
    return sg_error_set(machine->error, SG_STATUS_UNSUPPORTED,
                        "%s: byte %zu: opcode 0x%02x, which no file of tensors needs",
                        machine->name, machine->opcode_at, opcode);
}

static sg_status run_opcode(sg_pickle_machine *machine, unsigned char opcode) {
    switch (opcode) {
    case OPCODE_MARK:
        return push_mark(machine);
    case OPCODE_BINFLOAT:
    case OPCODE_BININT:
    case OPCODE_BININT1:
    case OPCODE_BININT2:
    case OPCODE_LONG1:
        return run_number(machine, opcode);
    case OPCODE_NONE:
        return push_new(machine, (sg_pickle_node){.kind = SG_PICKLE_KIND_NONE});
    case OPCODE_NEWTRUE:
    case OPCODE_NEWFALSE:
        return push_bool(machine, opcode == OPCODE_NEWTRUE);
    case OPCODE_BINUNICODE:
        return read_text(machine);
    case OPCODE_GLOBAL:
        return read_global(machine);
    case OPCODE_EMPTY_LIST:
        return push_kind(machine, SG_PICKLE_KIND_LIST);
    case OPCODE_EMPTY_DICT:
        return push_kind(machine, SG_PICKLE_KIND_DICT);
    case OPCODE_EMPTY_TUPLE:
        return push_kind(machine, SG_PICKLE_KIND_TUPLE);
    case OPCODE_TUPLE1:
    case OPCODE_TUPLE2:
    case OPCODE_TUPLE3:
        return make_small_tuple(machine, (size_t)opcode - OPCODE_TUPLE1 + 1);
    case OPCODE_TUPLE:
        return make_marked_tuple(machine);
    case OPCODE_APPEND:
    case OPCODE_APPENDS:
    case OPCODE_SETITEM:
    case OPCODE_SETITEMS:
        return run_container(machine, opcode);
    case OPCODE_BUILD:
        return build(machine);
    case OPCODE_BINPERSID:
        return load_storage(machine);
    case OPCODE_REDUCE:
        return reduce(machine);
    case OPCODE_BINGET:
        return memo_get(machine, 1);
    case OPCODE_LONG_BINGET:
        return memo_get(machine, 4);
    case OPCODE_BINPUT:
        return memo_put(machine, 1);
    case OPCODE_LONG_BINPUT:
        return memo_put(machine, 4);
    default:
        return refuse_opcode(machine, opcode);
    }
}

static sg_status read_protocol(sg_pickle_machine *machine) {
    const unsigned char *bytes = take(machine, 2);
    if (bytes == NULL || bytes[0] != OPCODE_PROTO || bytes[1] != 2) {
        return sg_pickle_refuse(machine, "no pickle of protocol 2");
    }
    return SG_STATUS_OK;
}

sg_status sg_pickle_run(sg_pickle_machine *machine, uint32_t *top) {
    SG_TRY(read_protocol(machine));
    for (;;) {
        unsigned char opcode;
        machine->opcode_at = machine->at;
        if (machine->at == machine->length) {
            return sg_pickle_refuse(machine, "it ends before STOP");
        }
        if (++machine->opcodes > SG_PICKLE_MAX_OPCODES) {
            return sg_pickle_refuse(machine, "more than 8388608 opcodes");
        }
        opcode = machine->bytes[machine->at++];
        if (opcode == OPCODE_STOP) {
            break;
        }
        SG_TRY(run_opcode(machine, opcode));
    }
    if (machine->at != machine->length) {
        return sg_pickle_refuse(machine, "bytes follow STOP");
    }
    if (machine->marks.count != 0 || machine->stack.count != 1) {
        return sg_pickle_refuse(machine, "STOP with other than one value on the stack");
    }
    *top = peek(machine, 0);
    return sg_pickle_node_at(machine, *top)->kind == SG_PICKLE_KIND_DICT
               ? SG_STATUS_OK
               : sg_pickle_refuse(machine, "the value is no dictionary of tensors");
}
