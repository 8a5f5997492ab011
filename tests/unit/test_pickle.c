/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle reader: what torch writes is read, and each rule broken once is refused with its
 * reason. */
#include "storage/pickle.h"

#include "base/memory.h"
#include "support/test.h"
#include "support/torch_bytes.h"

/* Read `words`; the status, and the message in `error`. The bytes lie in a block of their exact
 * size. */
static sg_status read_words(const char *words, sg_pickle **pickle, sg_error *error) {
    static test_bytes bytes;
    unsigned char *exact;
    sg_status status;
    test_pickle(&bytes, words);
    exact = sg_memory_alloc(bytes.length, 1);
    if (exact == NULL) {
        return SG_STATUS_MEMORY;
    }
    memcpy(exact, bytes.data, bytes.length);
    status = sg_pickle_read("p", exact, bytes.length, pickle, error);
    sg_memory_free(exact);
    return status;
}

/* Protects: name, type, shape, strides, storage and offset of a plain tensor. */
static void reads_one_tensor(void) {
    sg_pickle *pickle = NULL;
    sg_error error;
    const sg_pickle_tensor *tensor;
    CHECK_INT(read_words(PICKLE_OF(PICKLE_TENSOR(PICKLE_FLOATS, "3", "2 3 tuple2", "8 2 tuple2")),
                         &pickle, &error),
              SG_STATUS_OK);
    if (pickle == NULL) {
        return;
    }
    CHECK_INT(sg_pickle_count(pickle), 1);
    tensor = sg_pickle_at(pickle, 0);
    CHECK_TEXT(tensor->name, "a");
    CHECK_INT(tensor->dtype, SG_DTYPE_F32);
    CHECK_INT(tensor->rank, 2);
    CHECK_INT(tensor->shape[0], 2);
    CHECK_INT(tensor->shape[1], 3);
    CHECK_INT(tensor->strides[0], 8);
    CHECK_INT(tensor->strides[1], 2);
    CHECK_INT(tensor->numel, 6);
    CHECK_INT(tensor->offset, 3);
    CHECK_TEXT(tensor->storage_key, "0");
    CHECK_INT(tensor->storage_numel, 24);
    sg_pickle_destroy(pickle);
}

/* Protects: what torch writes in other places is accepted: each storage type, scalars, empty
 * tensors, plain dictionaries, Parameters, _metadata, hooks of None, memo entries, lists and floats
 * that belong to no tensor. */
static void reads_every_good_form(void) {
    static const char *const good[] = {
        "proto dict stop",
        "proto odict stop",
        "proto dict 'a' " PICKLE_MATRIX "setitem stop",
        PICKLE_OF(PICKLE_TENSOR(PICKLE_FLOATS, "23", "()", "()")),
        PICKLE_OF(PICKLE_TENSOR(PICKLE_FLOATS, "24", "0 3 tuple2", "3 1 tuple2")),
        PICKLE_OF(PICKLE_TENSOR(PICKLE_FLOATS, "0", "1 4 tuple2", "0 6 tuple2")),
        PICKLE_OF(
            PICKLE_TENSOR(PICKLE_STORAGE("HalfStorage", "1", "2"), "0", "2 tuple1", "1 tuple1")),
        PICKLE_OF(PICKLE_TENSOR(PICKLE_STORAGE("BFloat16Storage", "1", "2"), "0", "2 tuple1",
                                "1 tuple1")),
        PICKLE_OF(
            PICKLE_TENSOR(PICKLE_STORAGE("DoubleStorage", "1", "2"), "0", "2 tuple1", "1 tuple1")),
        PICKLE_OF(
            PICKLE_TENSOR(PICKLE_STORAGE("LongStorage", "1", "2"), "0", "2 tuple1", "1 tuple1")),
        PICKLE_OF(
            PICKLE_TENSOR(PICKLE_STORAGE("IntStorage", "1", "2"), "0", "2 tuple1", "1 tuple1")),
        PICKLE_OF(
            PICKLE_TENSOR(PICKLE_STORAGE("ShortStorage", "1", "2"), "0", "2 tuple1", "1 tuple1")),
        PICKLE_OF(
            PICKLE_TENSOR(PICKLE_STORAGE("CharStorage", "1", "2"), "0", "2 tuple1", "1 tuple1")),
        PICKLE_OF(
            PICKLE_TENSOR(PICKLE_STORAGE("ByteStorage", "1", "2"), "0", "2 tuple1", "1 tuple1")),
        PICKLE_OF(
            PICKLE_TENSOR(PICKLE_STORAGE("BoolStorage", "1", "2"), "0", "2 tuple1", "1 tuple1")),
        PICKLE_OF("@torch._utils:_rebuild_parameter " PICKLE_MATRIX "true odict tuple3 reduce "),
        "proto odict dict '_metadata' odict '' dict 'version' 1 setitem setitem setitem build stop",
        PICKLE_OF("@torch._utils:_rebuild_tensor_v2 mark " PICKLE_FLOATS
                  "0 4 tuple1 1 tuple1 true none tuple reduce "),
        "proto odict dict 'k' dict #7102 #6802 tuple2 #7201000000 #6a01000000 tuple2 list none "
        "append "
        "mark #470000000000000000 true appends tuple2 setitem build stop",
        "proto odict dict 'k' list none append setitem build stop",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        sg_pickle *pickle = NULL;
        sg_error error = {.code = SG_STATUS_OK};
        sg_status status = read_words(good[i], &pickle, &error);
        CHECK_INT(status, SG_STATUS_OK);
        if (status != SG_STATUS_OK) {
            printf("%s\n%s\n", good[i], error.message);
        }
        sg_pickle_destroy(pickle);
    }
}

typedef struct hostile_pickle {
    const char *words;
    const char *message;
} hostile_pickle;

#define SIZES(sizes, strides) PICKLE_OF(PICKLE_TENSOR(PICKLE_FLOATS, "0", sizes, strides))
#define BAD_STORAGE(words) PICKLE_OF(PICKLE_TENSOR("mark " words " tuple persid ", "0", "()", "()"))

static const hostile_pickle hostile[] = {
    /* the form */
    {"", "no pickle of protocol 2"},
    {"#80", "no pickle of protocol 2"},
    {"#8004 dict stop", "no pickle of protocol 2"},
    {"dict stop", "no pickle of protocol 2"},
    {"proto", "ends before STOP"},
    {"proto dict", "ends before STOP"},
    {"proto dict stop none", "bytes follow STOP"},
    {"proto dict stop stop", "bytes follow STOP"},
    {"proto stop", "other than one value"},
    {"proto dict dict stop", "other than one value"},
    {"proto dict mark stop", "other than one value"},
    {"proto none stop", "no dictionary"},
    {"proto 3 stop", "no dictionary"},
    {"proto " PICKLE_MATRIX "stop", "no dictionary"},
    {"proto () stop", "no dictionary"},
    /* opcodes that are not on the list */
    {"proto #9c stop", "opcode 0x9c"},
    {"proto dict proto stop", "opcode 0x80"},
    {"proto #8f stop", "opcode 0x8f"},                             /* EMPTY_SET */
    {"proto #550161 stop", "opcode 0x55"},                         /* SHORT_BINSTRING */
    {"proto @collections:OrderedDict () #81 stop", "opcode 0x81"}, /* NEWOBJ */
    {"proto #28 #696f730a73797374656d0a stop", "opcode 0x69"},     /* INST os system */
    {"proto #8c0161 stop", "opcode 0x8c"},                         /* SHORT_BINUNICODE */
    {"proto 'os' 'system' #93 stop", "opcode 0x93"},               /* STACK_GLOBAL */
    {"proto #8201 stop", "opcode 0x82"},                           /* EXT1 */
    {"proto #50610a stop", "opcode 0x50"},                         /* PERSID */
    {"proto dict #32 stop", "opcode 0x32"},                        /* DUP */
    {"proto dict #30 stop", "opcode 0x30"},                        /* POP */
    {"proto #8b00000000 stop", "opcode 0x8b"},                     /* LONG4 */
    /* names */
    {"proto @os:system 'id' tuple1 reduce stop", "\"os.system\""},
    {"proto @builtins:eval stop", "\"builtins.eval\""},
    {"proto @torch:load stop", "\"torch.load\""},
    {"proto @torch._utils:_rebuild_tensor stop", "_rebuild_tensor\""},
    {"proto @torch:FloatStorage.__class__ stop", "FloatStorage.__class__"},
    {"proto @collections:OrderedDictX stop", "OrderedDictX"},
    {"proto @torch:QInt8Storage stop", "QInt8Storage"},
    {"proto #63746f726368 stop", "ends within an opcode"}, /* GLOBAL without line feeds */
    /* calls */
    {"proto dict () reduce stop", "REDUCE of what is no name"},
    {"proto @collections:OrderedDict list reduce stop", "REDUCE of what is no name"},
    {"proto @collections:OrderedDict 1 tuple1 reduce stop", "OrderedDict made with arguments"},
    {"proto @torch:FloatStorage () reduce stop", "call of a storage type"},
    {"proto @torch._utils:_rebuild_tensor_v2 () reduce stop", "six arguments"},
    {"proto @torch._utils:_rebuild_tensor_v2 mark 1 2 3 4 5 6 tuple reduce stop", "another kind"},
    {"proto @torch._utils:_rebuild_tensor_v2 mark " PICKLE_FLOATS
     "0 () () false odict dict tuple reduce stop",
     "metadata"},
    {"proto @torch._utils:_rebuild_parameter () reduce stop", "three arguments"},
    {"proto @torch._utils:_rebuild_parameter 1 true odict tuple3 reduce stop", "another kind"},
    {"proto dict dict build stop", "BUILD of what is no OrderedDict"},
    {"proto odict 1 build stop", "state that is no dictionary"},
    {PICKLE_OF(PICKLE_MATRIX "dict build "), "BUILD of what is no OrderedDict"},
    /* the stack and the memo */
    {"proto reduce stop", "too few values"},
    {"proto tuple stop", "no MARK"},
    {"proto setitems stop", "no MARK"},
    {"proto dict mark 'a' setitems stop", "too few values"},
    {"proto mark 'a' 1 setitems stop", "too few values"},
    {"proto dict mark 'a' 1 setitem stop", "too few values"},
    {"proto tuple2 stop", "too few values"},
    {"proto #6807 stop", "never put"},
    {"proto dict #7102 #6801 stop", "never put"},
    {"proto dict #7103 stop", "memo index above"},
    {"proto dict #72ffffffff stop", "memo index above"},
    {"proto #7100 stop", "too few values"},
    {"proto #4a00 ", "ends within an opcode"},
    {"proto #4700", "ends within an opcode"},
    {"proto #8a09010203040506070809 stop", "more than 8 bytes"},
    {"proto #8a08010203", "ends within an opcode"},
    {"proto #58ffffffff61 stop", "longer than what is left"},
    {"proto #5802000000c328 stop", "not UTF-8"},
    {"proto #5803000000eda080 stop", "not UTF-8"},
    /* dictionaries and lists */
    {"proto dict 1 none setitem stop", "key that is no text"},
    {"proto list 'a' none setitem stop", "no dictionary"},
    {"proto () 'a' none setitem stop", "no dictionary"},
    {PICKLE_OF(PICKLE_MATRIX "'b' none setitem "), "no dictionary"}, /* CVE-2026-24747 */
    {"proto dict none append stop", "no list"},
    {"proto dict mark none appends stop", "no list"},
    {"proto mark none appends stop", "too few values"},
    {"proto dict 'a' none setitem stop", "no tensor"},
    {"proto dict 'a' dict setitem stop", "no tensor"},
    {"proto dict 'a' " PICKLE_FLOATS "setitem stop", "no tensor"},
    {"proto dict '' " PICKLE_MATRIX "setitem stop", "empty or longer"},
    {"proto dict #580300000061 #0062 " PICKLE_MATRIX "setitem stop", "holds a NUL"},
    {"proto dict mark 'a' " PICKLE_MATRIX "'a' " PICKLE_MATRIX "setitems stop", "twice"},
    {"proto dict 'a' " PICKLE_MATRIX "setitem 'a' " PICKLE_MATRIX "setitem stop", "twice"},
    /* storages */
    {"proto 1 persid stop", "a persistent id"},
    {"proto 'storage' tuple1 persid stop", "a persistent id"},
    {BAD_STORAGE("'module' @torch:FloatStorage '0' 'cpu' 4"), "a persistent id"},
    {BAD_STORAGE("'storage' @torch:FloatStorage '0' 'cpu' 4 none"), "a persistent id"},
    {BAD_STORAGE("'storage' @collections:OrderedDict '0' 'cpu' 4"), "no storage type"},
    {BAD_STORAGE("'storage' 'FloatStorage' '0' 'cpu' 4"), "no storage type"},
    {BAD_STORAGE("'storage' @torch:FloatStorage '' 'cpu' 4"), "key is no number"},
    {BAD_STORAGE("'storage' @torch:FloatStorage '../0' 'cpu' 4"), "key is no number"},
    {BAD_STORAGE("'storage' @torch:FloatStorage 0 'cpu' 4"), "key is no number"},
    {BAD_STORAGE("'storage' @torch:FloatStorage '0' 0 4"), "location is no text"},
    {BAD_STORAGE("'storage' @torch:FloatStorage '0' 'cpu' -4"), "count is no whole number"},
    {BAD_STORAGE("'storage' @torch:FloatStorage '0' 'cpu' true"), "count is no whole number"},
    /* tensors */
    {SIZES("-4 6 tuple2", "6 1 tuple2"), "no whole numbers"},
    {SIZES("4 6 tuple2", "-6 1 tuple2"), "no whole numbers"},
    {SIZES("4 6 tuple2", "6 true tuple2"), "no whole numbers"},
    {SIZES("4 6 tuple2", "6 tuple1"), "other strides than sizes"},
    {SIZES("list", "list"), "another kind"},
    {SIZES("4 7 tuple2", "6 1 tuple2"), "strides overlap"},
    {SIZES("4 6 tuple2", "7 1 tuple2"), "beyond its storage"},
    {SIZES("5 6 tuple2", "6 1 tuple2"), "beyond its storage"},
    {SIZES("1000000000 tuple1", "0 tuple1"), "strides overlap"}, /* the stride-0 bomb */
    {SIZES("4 6 tuple2", "0 1 tuple2"), "strides overlap"},
    {SIZES("3 3 tuple2", "1 1 tuple2"), "strides overlap"},
    {SIZES("9223372036854775807 3 tuple2", "1 1 tuple2"), "sizes overflow"},
    {SIZES("4611686018427387904 tuple1", "1 tuple1"), "sizes overflow"}, /* only as bytes */
    {SIZES("0 9223372036854775807 9223372036854775807 tuple3", "1 1 1 tuple3"), ""},
    {SIZES("9223372036854775807 9223372036854775807 0 tuple3", "1 1 1 tuple3"), "sizes overflow"},
    {SIZES("2 tuple1", "9223372036854775807 tuple1"), "beyond its storage"},
    {SIZES("1000 tuple1", "9223372036854775807 tuple1"), "strides overflow"},
    {PICKLE_OF(PICKLE_TENSOR(PICKLE_FLOATS, "-1", "()", "()")), "another kind"},
    {PICKLE_OF(PICKLE_TENSOR(PICKLE_FLOATS, "24", "()", "()")), "beyond its storage"},
    {PICKLE_OF(PICKLE_TENSOR(PICKLE_FLOATS, "25", "0 tuple1", "1 tuple1")), ""},
    {PICKLE_OF(PICKLE_TENSOR(PICKLE_FLOATS, "9223372036854775807", "2 tuple1", "1 tuple1")),
     "beyond its storage"},
    {PICKLE_OF(PICKLE_TENSOR("dict ", "0", "()", "()")), "another kind"},
};

/* Protects: every rule of the README's list; one broken rule a file, refused as a damaged or
 * unsupported model (exit 3) with the reason. An empty message marks the legal neighbour of a
 * broken one. */
static void refuses_each_broken_rule(void) {
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        sg_pickle *pickle = NULL;
        sg_error error = {.code = SG_STATUS_OK};
        sg_status status = read_words(hostile[i].words, &pickle, &error);
        int failures = test_failures;
        if (hostile[i].message[0] == '\0') {
            CHECK_INT(status, SG_STATUS_OK);
        } else {
            CHECK(status == SG_STATUS_MODEL || status == SG_STATUS_UNSUPPORTED);
            CHECK(pickle == NULL);
            CHECK_CONTAINS(error.message, hostile[i].message);
        }
        if (test_failures != failures) {
            printf("%s\n", hostile[i].words);
        }
        sg_pickle_destroy(pickle);
    }
}

/* Protects: an empty record has no bytes at all to look at. */
static void refuses_nothing(void) {
    sg_pickle *pickle = NULL;
    sg_error error;
    CHECK_INT(sg_pickle_read("p", NULL, 0, &pickle, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "no pickle of protocol 2");
}

/* Protects: every beginning of a good pickle is refused, never read past its end. */
static void refuses_each_cut(void) {
    static test_bytes bytes;
    test_pickle(&bytes, PICKLE_OF(PICKLE_MATRIX));
    for (size_t length = 0; length < bytes.length; length++) {
        sg_pickle *pickle = NULL;
        unsigned char *exact = sg_memory_alloc(length, 1);
        if (exact == NULL) {
            return;
        }
        if (length > 0) {
            memcpy(exact, bytes.data, length);
        }
        CHECK_INT(sg_pickle_read("p", exact, length, &pickle, NULL), SG_STATUS_MODEL);
        sg_memory_free(exact);
    }
}

/* A pickle of `count` times the words in `part` between "proto" and `tail`; the caller frees it. */
static unsigned char *repeat(const char *head, const char *part, size_t count, const char *tail,
                             size_t *length) {
    static test_bytes start, one, end;
    unsigned char *all;
    test_pickle(&start, head);
    test_pickle(&one, part);
    test_pickle(&end, tail);
    *length = start.length + count * one.length + end.length;
    all = sg_memory_alloc(*length, 1);
    if (all != NULL) {
        memcpy(all, start.data, start.length);
        for (size_t i = 0; i < count; i++) {
            memcpy(all + start.length + i * one.length, one.data, one.length);
        }
        memcpy(all + *length - end.length, end.data, end.length);
    }
    return all;
}

/* Protects: depth, opcodes, dictionary entries, dimensions and bytes have limits that hold within a
 * second, and a shared value, which doubles a tree with each level, costs nothing. */
static void limits_hold(void) {
    static const struct {
        const char *head, *part;
        size_t count;
        const char *tail, *message;
    } cases[] = {
        {"proto none", "tuple1", 64, "stop", "no dictionary"},
        {"proto none", "tuple1", 65, "stop", "64 deep"},
        {"proto list", "list append", 1, "stop", "no dictionary"},
        {"proto none", "#7100 #6800 tuple2", 63, "stop", "no dictionary"},
        {"proto dict", "none #6800", 0, "stop", ""},
        {"proto", "none", SG_PICKLE_MAX_OPCODES, "stop", "8388608 opcodes"},
        {"proto", "mark", SG_PICKLE_MAX_OPCODES, "stop", "8388608 opcodes"},
        {"proto dict 'a' #7100 none #7101 dict mark", "#6800 #6801", SG_PICKLE_MAX_TENSORS + 1,
         "setitems stop", "1048576 dictionary entries"},
        {"proto @torch._utils:_rebuild_tensor_v2 #7100 mark " PICKLE_FLOATS
         "0 mark 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 tuple #7102 #6802 false odict tuple #7101",
         "#6800 #6801 reduce", 300000, "stop", "8388608 sizes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length;
        sg_pickle *pickle = NULL;
        sg_error error = {.code = SG_STATUS_OK};
        unsigned char *bytes =
            repeat(cases[i].head, cases[i].part, cases[i].count, cases[i].tail, &length);
        CHECK(bytes != NULL);
        if (bytes != NULL) {
            sg_status status = sg_pickle_read("p", bytes, length, &pickle, &error);
            CHECK((status == SG_STATUS_OK) == (cases[i].message[0] == '\0'));
            CHECK_CONTAINS(error.message, cases[i].message);
        }
        sg_pickle_destroy(pickle);
        sg_memory_free(bytes);
    }
}

int main(void) {
    TEST(reads_one_tensor);
    TEST(reads_every_good_form);
    TEST(refuses_each_broken_rule);
    TEST(refuses_nothing);
    TEST(refuses_each_cut);
    TEST(limits_hold);
    printf("%zu hostile pickles\n", sizeof hostile / sizeof hostile[0]);
    return test_end();
}
