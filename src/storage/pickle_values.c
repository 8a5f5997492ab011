/* SPDX-License-Identifier: Apache-2.0 */
/* The few objects of a torch pickle: storages and tensors, from the tuples that describe them.
 *
 * REDUCE of a name and a tuple makes a value here, by a table; no name is ever looked up elsewhere.
 * A tensor is taken only if every element has a place of its own inside its storage: negative
 * numbers, products that overflow, strides that overlap (a stride of 0 makes 4 GB of 4 bytes) are
 * refused. */
#include "storage/pickle_values.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Sizes and strides of all tensors together: 64 MiB of them. */
#define MAX_DIMENSIONS 8388608u

sg_status sg_pickle_refuse(const sg_pickle_machine *machine, const char *what) {
    return sg_error_set(machine->error, SG_STATUS_MODEL, "%s: byte %zu: %s", machine->name,
                        machine->opcode_at, what);
}

sg_status sg_pickle_push(const sg_pickle_machine *machine, sg_pickle_array *array,
                         const void *element) {
    if (array->count == array->capacity) {
        size_t larger = array->capacity == 0 ? 64 : array->capacity + array->capacity / 2;
        void *moved = sg_memory_resize(array->data, larger, array->size);
        if (moved == NULL) {
            return sg_memory_error(machine->error, "a pickle", larger * array->size);
        }
        array->data = moved;
        array->capacity = larger;
    }
    memcpy((unsigned char *)array->data + array->count * array->size, element, array->size);
    array->count++;
    return SG_STATUS_OK;
}

const sg_pickle_node *sg_pickle_node_at(const sg_pickle_machine *machine, uint32_t index) {
    assert(index < machine->nodes.count);
    return (const sg_pickle_node *)machine->nodes.data + index;
}

uint32_t sg_pickle_item(const sg_pickle_machine *machine, const sg_pickle_node *tuple,
                        size_t position) {
    assert(tuple->kind == SG_PICKLE_KIND_TUPLE && position < tuple->wide);
    return ((const uint32_t *)machine->items.data)[tuple->first + position];
}

static sg_dtype storage_dtype(sg_pickle_global global) {
    static const sg_dtype dtypes[] = {SG_DTYPE_F32, SG_DTYPE_F16, SG_DTYPE_BF16, SG_DTYPE_F64,
                                      SG_DTYPE_I64, SG_DTYPE_I32, SG_DTYPE_I16,  SG_DTYPE_I8,
                                      SG_DTYPE_U8,  SG_DTYPE_BOOL};
    return dtypes[global - SG_PICKLE_GLOBAL_FLOAT_STORAGE];
}

static sg_status unsupported(const sg_pickle_machine *machine, const char *what) {
    return sg_error_set(machine->error, SG_STATUS_UNSUPPORTED, "%s: byte %zu: %s", machine->name,
                        machine->opcode_at, what);
}

static bool is_text(const sg_pickle_machine *machine, uint32_t index, const char *text) {
    const sg_pickle_node *node = sg_pickle_node_at(machine, index);
    size_t length = strlen(text);
    return node->kind == SG_PICKLE_KIND_TEXT && node->wide >> 32 == length &&
           memcmp(machine->bytes + node->first, text, length) == 0;
}

/* A whole number of 0 or more. */
static bool read_count(const sg_pickle_machine *machine, uint32_t index, uint64_t *out) {
    const sg_pickle_node *node = sg_pickle_node_at(machine, index);
    if (node->kind != SG_PICKLE_KIND_INT || node->wide > INT64_MAX) {
        return false;
    }
    *out = node->wide;
    return true;
}

/* A storage's key is the name of a record: digits in all files that torch writes. */
static bool is_key(const sg_pickle_machine *machine, uint32_t index) {
    const sg_pickle_node *node = sg_pickle_node_at(machine, index);
    size_t length = (size_t)(node->wide >> 32);
    if (node->kind != SG_PICKLE_KIND_TEXT || length == 0 || length > 20) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = machine->bytes[node->first + i];
        if (byte < '0' || byte > '9') {
            return false;
        }
    }
    return true;
}

sg_status sg_pickle_make_storage(sg_pickle_machine *machine, uint32_t tuple, sg_pickle_node *out) {
    const sg_pickle_node *node = sg_pickle_node_at(machine, tuple);
    sg_pickle_storage storage = {0};
    const sg_pickle_node *type;
    if (node->kind != SG_PICKLE_KIND_TUPLE || node->wide != 5 ||
        !is_text(machine, sg_pickle_item(machine, node, 0), "storage")) {
        return sg_pickle_refuse(machine, "a persistent id that is no (\"storage\", type, key, "
                                         "location, count)");
    }
    type = sg_pickle_node_at(machine, sg_pickle_item(machine, node, 1));
    if (type->kind != SG_PICKLE_KIND_GLOBAL || type->first < SG_PICKLE_GLOBAL_FLOAT_STORAGE) {
        return sg_pickle_refuse(machine, "a storage whose type is no storage type");
    }
    storage.dtype = storage_dtype((sg_pickle_global)type->first);
    storage.key = sg_pickle_item(machine, node, 2);
    if (!is_key(machine, storage.key)) {
        return sg_pickle_refuse(machine, "a storage whose key is no number");
    }
    /* The location ("cpu", "cuda:0") says where the tensor was; the bytes are the same. */
    if (sg_pickle_node_at(machine, sg_pickle_item(machine, node, 3))->kind != SG_PICKLE_KIND_TEXT) {
        return sg_pickle_refuse(machine, "a storage whose location is no text");
    }
    if (!read_count(machine, sg_pickle_item(machine, node, 4), &storage.numel)) {
        return sg_pickle_refuse(machine, "a storage whose count is no whole number of 0 or more");
    }
    *out = (sg_pickle_node){
        .kind = SG_PICKLE_KIND_STORAGE, .depth = 1, .first = (uint32_t)machine->storages.count};
    return sg_pickle_push(machine, &machine->storages, &storage);
}

/* Append a tuple of whole numbers to the dimensions. */
static sg_status read_dimensions(sg_pickle_machine *machine, const sg_pickle_node *tuple) {
    for (size_t i = 0; i < tuple->wide; i++) {
        uint64_t value;
        if (!read_count(machine, sg_pickle_item(machine, tuple, i), &value)) {
            return sg_pickle_refuse(machine,
                                    "a tensor whose sizes or strides are no whole numbers of 0 or "
                                    "more");
        }
        SG_TRY(sg_pickle_push(machine, &machine->dimensions, &value));
    }
    return SG_STATUS_OK;
}

/* numel = product of shape, which must fit together with the size of an element. */
static sg_status count_elements(const sg_pickle_machine *machine, const uint64_t *shape,
                                uint32_t rank, sg_dtype dtype, uint64_t *numel) {
    uint64_t product = 1;
    uint64_t bytes;
    for (uint32_t i = 0; i < rank; i++) {
        if (__builtin_mul_overflow(product, shape[i], &product)) {
            return sg_pickle_refuse(machine, "a tensor whose sizes overflow");
        }
    }
    if (__builtin_mul_overflow(product, (uint64_t)sg_dtype_bits(dtype) / 8, &bytes)) {
        return sg_pickle_refuse(machine, "a tensor whose sizes overflow");
    }
    *numel = product;
    return SG_STATUS_OK;
}

/* Order the dimensions that move (size above 1) by stride. Returns how many. */
static uint32_t sort_by_stride(const uint64_t *shape, const uint64_t *strides, uint32_t rank,
                               uint32_t order[SG_PICKLE_MAX_RANK]) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < rank; i++) {
        uint32_t place = count;
        if (shape[i] < 2) {
            continue;
        }
        while (place > 0 && strides[order[place - 1]] > strides[i]) {
            order[place] = order[place - 1];
            place--;
        }
        order[place] = i;
        count++;
    }
    return count;
}

/* Each dimension must step over all that the smaller ones reach, and the last element must lie
 * within. */
static sg_status check_places(const sg_pickle_machine *machine, const sg_pickle_view *view,
                              const uint64_t *shape, const uint64_t *strides,
                              uint64_t storage_numel) {
    uint32_t order[SG_PICKLE_MAX_RANK];
    uint32_t count = sort_by_stride(shape, strides, view->rank, order);
    uint64_t last = 0; /* the farthest element from the first */
    for (uint32_t i = 0; i < count; i++) {
        uint64_t reach;
        if (strides[order[i]] <= last) {
            return sg_pickle_refuse(machine, "a tensor whose strides overlap");
        }
        if (__builtin_mul_overflow(shape[order[i]] - 1, strides[order[i]], &reach) ||
            __builtin_add_overflow(last, reach, &last)) {
            return sg_pickle_refuse(machine, "a tensor whose strides overflow");
        }
    }
    if (__builtin_add_overflow(last, view->offset, &last) || last >= storage_numel) {
        return sg_pickle_refuse(machine, "a tensor that reaches beyond its storage");
    }
    return SG_STATUS_OK;
}

static sg_status check_view(const sg_pickle_machine *machine, sg_pickle_view *view) {
    const sg_pickle_storage *storage =
        (const sg_pickle_storage *)machine->storages.data + view->storage;
    const uint64_t *shape = (const uint64_t *)machine->dimensions.data + view->shape;
    SG_TRY(count_elements(machine, shape, view->rank, storage->dtype, &view->numel));
    /* An empty view of an empty storage may begin anywhere: torch's slices do. */
    return view->numel > 0 ? check_places(machine, view, shape, shape + view->rank, storage->numel)
                           : SG_STATUS_OK;
}

static bool is_hooks(const sg_pickle_node *node) {
    return node->kind == SG_PICKLE_KIND_DICT || node->kind == SG_PICKLE_KIND_NONE;
}

/* _rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, hooks[, metadata]) */
static sg_status make_tensor(sg_pickle_machine *machine, const sg_pickle_node *arguments,
                             sg_pickle_node *out) {
    sg_pickle_view view = {.shape = machine->dimensions.count};
    uint32_t items[6];
    sg_pickle_node sizes, strides;
    const sg_pickle_node *storage;
    if (arguments->wide == 7) {
        return unsupported(machine, "a tensor with metadata (a conjugate or negative view)");
    }
    if (arguments->wide != 6) {
        return sg_pickle_refuse(machine, "_rebuild_tensor_v2 without its six arguments");
    }
    for (size_t i = 0; i < 6; i++) {
        items[i] = sg_pickle_item(machine, arguments, i);
    }
    storage = sg_pickle_node_at(machine, items[0]);
    sizes = *sg_pickle_node_at(machine, items[2]);
    strides = *sg_pickle_node_at(machine, items[3]);
    if (storage->kind != SG_PICKLE_KIND_STORAGE || !read_count(machine, items[1], &view.offset) ||
        sizes.kind != SG_PICKLE_KIND_TUPLE || strides.kind != SG_PICKLE_KIND_TUPLE ||
        sg_pickle_node_at(machine, items[4])->kind != SG_PICKLE_KIND_BOOL ||
        !is_hooks(sg_pickle_node_at(machine, items[5]))) {
        return sg_pickle_refuse(machine, "_rebuild_tensor_v2 with an argument of another kind");
    }
    if (sizes.wide != strides.wide || sizes.wide > SG_PICKLE_MAX_RANK) {
        return sg_pickle_refuse(machine, "a tensor with other strides than sizes, or more than 64");
    }
    if (machine->views.count == SG_PICKLE_MAX_TENSORS) {
        return sg_pickle_refuse(machine, "more than 1048576 tensors");
    }
    if (machine->dimensions.count > MAX_DIMENSIONS - 2 * SG_PICKLE_MAX_RANK) {
        return sg_pickle_refuse(machine, "more than 8388608 sizes and strides");
    }
    view.storage = storage->first;
    view.rank = (uint32_t)sizes.wide;
    SG_TRY(read_dimensions(machine, &sizes));
    SG_TRY(read_dimensions(machine, &strides));
    SG_TRY(check_view(machine, &view));
    *out = (sg_pickle_node){
        .kind = SG_PICKLE_KIND_TENSOR, .depth = 1, .first = (uint32_t)machine->views.count};
    return sg_pickle_push(machine, &machine->views, &view);
}

/* _rebuild_parameter(tensor, requires_grad, hooks) is the tensor. */
static sg_status make_parameter(sg_pickle_machine *machine, const sg_pickle_node *arguments,
                                uint32_t *same_node) {
    uint32_t tensor;
    if (arguments->wide != 3) {
        return sg_pickle_refuse(machine, "_rebuild_parameter without its three arguments");
    }
    tensor = sg_pickle_item(machine, arguments, 0);
    if (sg_pickle_node_at(machine, tensor)->kind != SG_PICKLE_KIND_TENSOR ||
        sg_pickle_node_at(machine, sg_pickle_item(machine, arguments, 1))->kind !=
            SG_PICKLE_KIND_BOOL ||
        !is_hooks(sg_pickle_node_at(machine, sg_pickle_item(machine, arguments, 2)))) {
        return sg_pickle_refuse(machine, "_rebuild_parameter with an argument of another kind");
    }
    *same_node = tensor;
    return SG_STATUS_OK;
}

sg_status sg_pickle_reduce(sg_pickle_machine *machine, uint32_t callable, uint32_t tuple,
                           sg_pickle_node *out, uint32_t *same_node) {
    const sg_pickle_node *called = sg_pickle_node_at(machine, callable);
    const sg_pickle_node *arguments = sg_pickle_node_at(machine, tuple);
    if (called->kind != SG_PICKLE_KIND_GLOBAL || arguments->kind != SG_PICKLE_KIND_TUPLE) {
        return sg_pickle_refuse(machine, "REDUCE of what is no name and no tuple");
    }
    switch ((sg_pickle_global)called->first) {
    case SG_PICKLE_GLOBAL_REBUILD_TENSOR:
        return make_tensor(machine, arguments, out);
    case SG_PICKLE_GLOBAL_REBUILD_PARAMETER:
        return make_parameter(machine, arguments, same_node);
    case SG_PICKLE_GLOBAL_ORDERED_DICT:
        if (arguments->wide != 0) {
            return sg_pickle_refuse(machine, "an OrderedDict made with arguments");
        }
        *out = (sg_pickle_node){.kind = SG_PICKLE_KIND_DICT, .depth = 1, .first = 1};
        return SG_STATUS_OK;
    default:
        return sg_pickle_refuse(machine, "a call of a storage type");
    }
}
