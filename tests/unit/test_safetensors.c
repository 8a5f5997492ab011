/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance of the safetensors reader: for each rule of the format files that meet it and files
 * that break it, and the index that results.
 *
 *     test_safetensors              run the tests
 *     test_safetensors DIRECTORY    write each case as a file there, "NNN-taken", "NNN-refused" or
 *                                   "NNN-stricter", for tools/reference/check_safetensors.py, which
 * lets the Rust reference judge the same files */
#include "support/test.h"

#include <stdlib.h>
#include <time.h>

#include "base/buffer.h"
#include "storage/safetensors.h"

/* STRICTER: the reference takes the file, this reader refuses it (src/storage/README.md). */
typedef enum verdict { TAKEN, REFUSED, STRICTER } verdict;

/* A file: the length of its header, the header, and `data` bytes of zeros. */
typedef struct safetensors_case {
    verdict verdict;
    const char *header;
    size_t header_length;
    size_t data;
    const char *message; /* a part of it, where refused */
} safetensors_case;
#define CASE(verdict, data, header, message) \
    { verdict, header, sizeof(header) - 1, data, message }

#define U8(name, size, begin, end) \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" size "],\"data_offsets\":[" begin "," end "]}"
#define TYPED(dtype, shape, end) \
    "{\"t\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":[0," end "]}}"
#define OFFSETS(offsets) "{\"t\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":" offsets "}}"
#define EXTRA(json) "{\"t\":{\"dtype\":\"U8\",\"shape\":[2],\"x\":" json ",\"data_offsets\":[0,2]}}"
#define META(json) "{\"__metadata__\":" json "}"

#define TEN(text) text text text text text text text text text text
#define OPEN_124 TEN(TEN("[")) TEN("[") TEN("[") "[[[["
#define CLOSE_124 TEN(TEN("]")) TEN("]") TEN("]") "]]]]"

static const safetensors_case cases[] = {
    /* R5: UTF-8 */
    CASE(TAKEN, 0, META("{\"\xc3\xa9\":\"\xe2\x96\x81\xf0\x9f\x98\x80\"}"), ""),
    CASE(TAKEN, 1, "{" U8("\xef\xbf\xbd", "1", "0", "1") "}", ""),
    CASE(REFUSED, 0, META("{\"a\":\"\xff\"}"), "UTF-8"),
    CASE(REFUSED, 0, META("{\"a\":\"\xc0\xaf\"}"), "UTF-8"),
    CASE(REFUSED, 0, META("{\"a\":\"\xe0\x80\xaf\"}"), "UTF-8"),
    CASE(REFUSED, 0, META("{\"a\":\"\xed\xa0\x80\xed\xb0\x80\"}"), "UTF-8"),
    CASE(REFUSED, 0, META("{\"a\":\"\xf4\x90\x80\x80\"}"), "UTF-8"),
    CASE(REFUSED, 0, META("{\"a\":\"\xe2\x96\"}"), "UTF-8"),
    CASE(REFUSED, 0, META("{\"a\":\"\x80\"}"), "UTF-8"),
    CASE(REFUSED, 0, "{}\xff", "header"),
    CASE(REFUSED, 1, "{" U8("\xff", "1", "0", "1") "}", "UTF-8"),
    /* R6: one JSON value, RFC 8259 */
    CASE(TAKEN, 0, "{}", ""),
    CASE(TAKEN, 0, "{} ", ""),
    CASE(TAKEN, 0, "{}\t\r\n   ", ""),
    CASE(TAKEN, 0, " {}", ""),
    CASE(TAKEN, 0, "\n\t\r {\n}\n", ""),
    CASE(TAKEN, 2,
         " { \"t\" : { \"dtype\" : \"U8\" ,\n\"shape\" : [ 2 ] , \"data_offsets\":[ 0 , 2 ] } } ",
         ""),
    CASE(REFUSED, 0, "", "header"),
    CASE(REFUSED, 0, " ", "header"),
    CASE(REFUSED, 0, "{", "header"),
    CASE(REFUSED, 0, "}", "header"),
    CASE(REFUSED, 0, "{}\0", "header"),
    CASE(REFUSED, 0, "{}\0\0\0\0\0\0", "header"),
    CASE(REFUSED, 0, "\0{}", "header"),
    CASE(REFUSED, 0, "{}\f", "header"),
    CASE(REFUSED, 0, "{}\v", "header"),
    CASE(REFUSED, 0, "{}\xc2\xa0", "header"),
    CASE(REFUSED, 0, "\xef\xbb\xbf{}", "header"),
    CASE(REFUSED, 0, "{}{}", "header"),
    CASE(REFUSED, 0, "{}x", "header"),
    CASE(REFUSED, 0, "{},", "header"),
    CASE(REFUSED, 2, "{" U8("t", "2", "0", "2") ",}", "header"),
    CASE(REFUSED, 2, "{," U8("t", "2", "0", "2") "}", "header"),
    CASE(REFUSED, 4, "{" U8("t", "2", "0", "2") U8("u", "2", "2", "4") "}", "header"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "[2,]", "2"), "header"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "[,2]", "2"), "header"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "[02]", "2"), "header"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "[+2]", "2"), "header"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "[0x2]", "2"), "header"),
    CASE(REFUSED, 2, TYPED("'U8'", "[2]", "2"), "header"),
    CASE(REFUSED, 2, TYPED("U8", "[2]", "2"), "header"),
    CASE(REFUSED, 2, "{t:{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", "header"),
    CASE(REFUSED, 0, "/* c */{}", "header"),
    CASE(REFUSED, 0, "{}// c", "header"),
    CASE(REFUSED, 0, META("{\"a\":\"b\nc\"}"), "control character"),
    CASE(REFUSED, 0, META("{\"a\":\"b\0c\"}"), "control character"),
    CASE(REFUSED, 0, META("{\"a\x1f\":\"b\"}"), "control character"),
    CASE(TAKEN, 0, META("{\"a\":\"\x7f\"}"), ""),
    CASE(TAKEN, 0, META("{\"a\":\"\\u0000\\n\\\"\\\\\\/\\ud83d\\ude00\"}"), ""),
    CASE(REFUSED, 0, META("{\"a\":\"\\ud83d\"}"), "surrogate"),
    CASE(REFUSED, 0, META("{\"a\":\"\\ude00\"}"), "surrogate"),
    CASE(REFUSED, 0, META("{\"a\":\"\\ud83d\\ud83d\"}"), "surrogate"),
    CASE(REFUSED, 0, META("{\"a\":\"\\ud83dx\"}"), "surrogate"),
    CASE(REFUSED, 0, META("{\"a\":\"\\x41\"}"), "backslash"),
    CASE(REFUSED, 0, META("{\"a\":\"\\u12\"}"), "hexadecimal"),
    CASE(TAKEN, 2, EXTRA("1"), ""),
    CASE(TAKEN, 2, EXTRA("1e308"), ""),
    CASE(TAKEN, 2, EXTRA("0e999"), ""),
    CASE(TAKEN, 2, EXTRA("1e-999"), ""),
    CASE(TAKEN, 2, EXTRA("1.7976931348623157e308"), ""),
    CASE(TAKEN, 2, EXTRA("1000000000000000019884624838656"), ""),
    CASE(TAKEN, 2, EXTRA("17976931348623157e292"), ""),
    CASE(TAKEN, 2, EXTRA("-0.00000000000000000000000000000001e339"), ""),
    CASE(REFUSED, 2, EXTRA("1.7976931348623158e308"), "double"),
    CASE(STRICTER, 2, EXTRA("1797693134862.31582e296"), "double"),
    CASE(REFUSED, 2, EXTRA("1e999"), "double"),
    CASE(REFUSED, 2, EXTRA("-1e309"), "double"),
    CASE(REFUSED, 2, EXTRA("[{\"y\":1e400}]"), "double"),
    CASE(REFUSED, 2, EXTRA("NaN"), "header"),
    CASE(REFUSED, 2, EXTRA("Infinity"), "header"),
    CASE(REFUSED, 2, EXTRA("-"), "header"),
    CASE(REFUSED, 2, EXTRA("1."), "header"),
    CASE(REFUSED, 2, EXTRA(".5"), "header"),
    CASE(REFUSED, 2, EXTRA("1e"), "header"),
    CASE(REFUSED, 2, EXTRA("nul"), "header"),
    CASE(REFUSED, 2, EXTRA("True"), "header"),
    CASE(REFUSED, 2, EXTRA("01"), "header"),
    CASE(REFUSED, 2, EXTRA("[1,2"), "header"),
    CASE(REFUSED, 2, EXTRA("{\"a\"}"), "header"),
    CASE(TAKEN, 2, EXTRA("{\"a\":[],\"a\":null,\"b\":[true,false,\"c\",-0.5e-3]}"), ""),
    /* nesting: the header and the entry are two levels */
    CASE(TAKEN, 2,
         EXTRA(OPEN_124 "["
                        "]" CLOSE_124),
         ""),
    CASE(TAKEN, 2, EXTRA(OPEN_124 "{}" CLOSE_124), ""),
    CASE(REFUSED, 2,
         EXTRA(OPEN_124 "[["
                        "]]" CLOSE_124),
         "127 levels"),
    CASE(REFUSED, 2, EXTRA(OPEN_124 "[{}]" CLOSE_124), "127 levels"),
    CASE(REFUSED, 0, TEN(OPEN_124), "header"),
    /* R7: an object */
    CASE(REFUSED, 0, "[]", "no JSON object"),
    CASE(REFUSED, 0, "[{}]", "no JSON object"),
    CASE(REFUSED, 0, "null", "no JSON object"),
    CASE(REFUSED, 0, "0", "no JSON object"),
    CASE(REFUSED, 0, "\"{}\"", "no JSON object"),
    CASE(REFUSED, 0, "true", "no JSON object"),
    /* R8: __metadata__ */
    CASE(TAKEN, 0, META("null"), ""),
    CASE(TAKEN, 0, META("{}"), ""),
    CASE(TAKEN, 0, META("{\"a\":\"b\",\"\":\"\"}"), ""),
    CASE(TAKEN, 0, META("{\"a\":\"b\",\"a\":\"c\"}"), ""),
    CASE(TAKEN, 0, "{\"__\\u006detadata__\":{\"a\":\"b\"}}", ""),
    CASE(TAKEN, 2, "{" U8("t", "2", "0", "2") ",\"__metadata__\":{\"format\":\"pt\"}}", ""),
    CASE(TAKEN, 2, "{" U8("__METADATA__", "2", "0", "2") "}", ""),
    CASE(REFUSED, 0, META("{\"a\":1}"), "no string"),
    CASE(REFUSED, 0, META("{\"a\":null}"), "no string"),
    CASE(REFUSED, 0, META("{\"a\":true}"), "no string"),
    CASE(REFUSED, 0, META("{\"a\":[\"b\"]}"), "no string"),
    CASE(REFUSED, 0, META("{\"a\":{\"b\":\"c\"}}"), "no string"),
    CASE(REFUSED, 0, META("[]"), "neither null nor an object"),
    CASE(REFUSED, 0, META("\"a\""), "neither null nor an object"),
    CASE(REFUSED, 0, META("1"), "neither null nor an object"),
    CASE(REFUSED, 0, META("false"), "neither null nor an object"),
    CASE(REFUSED, 0, "{\"__metadata__\":{},\"__metadata__\":{}}", "twice"),
    CASE(REFUSED, 0, "{\"__metadata__\":null,\"__metadata__\":{}}", "twice"),
    CASE(REFUSED, 0, "{\"__metadata__\":{},\"__\\u006detadata__\":null}", "twice"),
    CASE(REFUSED, 0, "{\"__metadata\":{}}", "dtype is missing"),
    CASE(REFUSED, 2, META("{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}"), "no string"),
    /* R9: names */
    CASE(TAKEN, 2, "{" U8("", "2", "0", "2") "}", ""),
    CASE(TAKEN, 2, "{" U8("../../etc/passwd", "2", "0", "2") "}", ""),
    CASE(TAKEN, 2, "{" U8("\\u001b[31m", "2", "0", "2") "}", ""),
    CASE(TAKEN, 4, "{" U8("a", "2", "0", "2") "," U8("A", "2", "2", "4") "}", ""),
    CASE(STRICTER, 2, "{" U8("a", "2", "0", "2") "," U8("a", "2", "0", "2") "}", "given twice"),
    CASE(STRICTER, 2, "{" U8("a", "9", "5", "6") "," U8("\\u0061", "2", "0", "2") "}",
         "given twice"),
    CASE(STRICTER, 0, "{" U8("a", "0", "0", "0") "," U8("a", "0", "0", "0") "}", "given twice"),
    CASE(STRICTER, 2, "{" U8("a\\u0000", "2", "0", "2") "}", "NUL"),
    CASE(STRICTER, 4, "{" U8("a\\u0000", "2", "0", "2") "," U8("a", "2", "2", "4") "}", "NUL"),
    /* R10: entries */
    CASE(TAKEN, 2, "{\"t\":{\"data_offsets\":[0,2],\"shape\":[2],\"dtype\":\"U8\"}}", ""),
    CASE(TAKEN, 2, "{\"t\":{\"\\u0064type\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", ""),
    CASE(TAKEN, 2, "{\"t\":{\"Dtype\":1,\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
         ""),
    CASE(TAKEN, 2, EXTRA("1,\"x\":2"), ""),
    CASE(REFUSED, 2, "{\"t\":{\"shape\":[2],\"data_offsets\":[0,2]}}", "dtype is missing"),
    CASE(REFUSED, 2, "{\"t\":{\"dtype\":\"U8\",\"data_offsets\":[0,2]}}", "shape is missing"),
    CASE(REFUSED, 2, "{\"t\":{\"dtype\":\"U8\",\"shape\":[2]}}", "data_offsets is missing"),
    CASE(REFUSED, 0, "{\"t\":{}}", "dtype is missing"),
    CASE(REFUSED, 2, "{\"t\":{\"DTYPE\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
         "dtype is missing"),
    CASE(REFUSED, 2,
         "{\"t\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
         "dtype is given twice"),
    CASE(REFUSED, 2,
         "{\"t\":{\"dtype\":\"U8\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,2]}}",
         "shape is given twice"),
    CASE(REFUSED, 2,
         "{\"t\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],\"data_offsets\":[0,2]}}",
         "data_offsets is given twice"),
    CASE(REFUSED, 0, "{\"t\":null}", "no object"),
    CASE(REFUSED, 0, "{\"t\":1}", "no object"),
    CASE(REFUSED, 0, "{\"t\":\"U8\"}", "no object"),
    CASE(REFUSED, 0, "{\"t\":[]}", "no object"),
    CASE(STRICTER, 2, "{\"t\":[\"U8\",[2],[0,2]]}", "no object"),
    CASE(REFUSED, 2, "{\"t\":[\"U8\",[2],[0,2],1]}", "no object"),
    CASE(REFUSED, 2, "{\"t\":[\"U8\",[2]]}", "no object"),
    /* R11: types */
    CASE(TAKEN, 2, TYPED("\"BOOL\"", "[2]", "2"), ""),
    CASE(TAKEN, 1, TYPED("\"F4\"", "[2]", "1"), ""),
    CASE(TAKEN, 3, TYPED("\"F6_E2M3\"", "[4]", "3"), ""),
    CASE(TAKEN, 3, TYPED("\"F6_E3M2\"", "[2,2]", "3"), ""),
    CASE(TAKEN, 2, TYPED("\"U8\"", "[2]", "2"), ""),
    CASE(TAKEN, 2, TYPED("\"I8\"", "[2]", "2"), ""),
    CASE(TAKEN, 2, TYPED("\"F8_E5M2\"", "[2]", "2"), ""),
    CASE(TAKEN, 2, TYPED("\"F8_E4M3\"", "[2]", "2"), ""),
    CASE(TAKEN, 2, TYPED("\"F8_E8M0\"", "[2]", "2"), ""),
    CASE(TAKEN, 2, TYPED("\"F8_E4M3FNUZ\"", "[2]", "2"), ""),
    CASE(TAKEN, 2, TYPED("\"F8_E5M2FNUZ\"", "[2]", "2"), ""),
    CASE(TAKEN, 4, TYPED("\"I16\"", "[2]", "4"), ""),
    CASE(TAKEN, 4, TYPED("\"U16\"", "[2]", "4"), ""),
    CASE(TAKEN, 4, TYPED("\"F16\"", "[2]", "4"), ""),
    CASE(TAKEN, 4, TYPED("\"BF16\"", "[2]", "4"), ""),
    CASE(TAKEN, 8, TYPED("\"I32\"", "[2]", "8"), ""),
    CASE(TAKEN, 8, TYPED("\"U32\"", "[2]", "8"), ""),
    CASE(TAKEN, 8, TYPED("\"F32\"", "[2]", "8"), ""),
    CASE(TAKEN, 16, TYPED("\"C64\"", "[2]", "16"), ""),
    CASE(TAKEN, 16, TYPED("\"F64\"", "[2]", "16"), ""),
    CASE(TAKEN, 16, TYPED("\"I64\"", "[2]", "16"), ""),
    CASE(TAKEN, 16, TYPED("\"U64\"", "[2]", "16"), ""),
    CASE(TAKEN, 2, TYPED("\"\\u00558\"", "[2]", "2"), ""),
    CASE(REFUSED, 2, TYPED("\"u8\"", "[2]", "2"), "22 types"),
    CASE(REFUSED, 2, TYPED("\"U8 \"", "[2]", "2"), "22 types"),
    CASE(REFUSED, 2, TYPED("\"\"", "[2]", "2"), "22 types"),
    CASE(REFUSED, 2, TYPED("\"U\"", "[2]", "2"), "22 types"),
    CASE(REFUSED, 2, TYPED("\"U8\\u0000\"", "[2]", "2"), "22 types"),
    CASE(REFUSED, 2, TYPED("\"F128\"", "[2]", "2"), "22 types"),
    CASE(REFUSED, 2, TYPED("\"float32\"", "[2]", "2"), "22 types"),
    CASE(REFUSED, 2, TYPED("4", "[2]", "2"), "no string"),
    CASE(REFUSED, 2, TYPED("null", "[2]", "2"), "no string"),
    CASE(REFUSED, 2, TYPED("[\"U8\"]", "[2]", "2"), "no string"),
    CASE(STRICTER, 2, TYPED("{\"U8\":null}", "[2]", "2"), "no string"),
    CASE(REFUSED, 2, TYPED("{\"U8\":1}", "[2]", "2"), "no string"),
    /* R12: shapes */
    CASE(TAKEN, 1, TYPED("\"U8\"", "[]", "1"), ""),
    CASE(TAKEN, 6, TYPED("\"U8\"", "[1,2,3,1,1,1,1,1,1]", "6"), ""),
    CASE(TAKEN, 0, TYPED("\"U8\"", "[0]", "0"), ""),
    CASE(TAKEN, 0, TYPED("\"F32\"", "[2,0,3]", "0"), ""),
    CASE(TAKEN, 0, TYPED("\"U8\"", "[0,18446744073709551615]", "0"), ""),
    CASE(REFUSED, 2, TYPED("\"U8\"", "[2.0]", "2"), "whole number"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "[2e0]", "2"), "whole number"),
    CASE(REFUSED, 0, TYPED("\"U8\"", "[-0]", "0"), "whole number"),
    CASE(REFUSED, 0, TYPED("\"U8\"", "[-1]", "0"), "whole number"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "[\"2\"]", "2"), "whole number"),
    CASE(REFUSED, 1, TYPED("\"U8\"", "[true]", "1"), "whole number"),
    CASE(REFUSED, 1, TYPED("\"U8\"", "[null]", "1"), "whole number"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "[[2]]", "2"), "whole number"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "[{}]", "2"), "whole number"),
    CASE(REFUSED, 0, TYPED("\"U8\"", "[0,18446744073709551616]", "0"), "whole number"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "2", "2"), "no list"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "null", "2"), "no list"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "{}", "2"), "no list"),
    CASE(REFUSED, 2, TYPED("\"U8\"", "\"[2]\"", "2"), "no list"),
    /* R13: offsets */
    CASE(TAKEN, 2, OFFSETS("[0,2]"), ""),
    CASE(REFUSED, 2, OFFSETS("[0]"), "two whole numbers"),
    CASE(REFUSED, 2, OFFSETS("[]"), "two whole numbers"),
    CASE(REFUSED, 2, OFFSETS("[0,2,2]"), "more than two"),
    CASE(REFUSED, 2, OFFSETS("[0,2.0]"), "two whole numbers"),
    CASE(REFUSED, 2, OFFSETS("[-0,2]"), "two whole numbers"),
    CASE(REFUSED, 2, OFFSETS("[0,\"2\"]"), "two whole numbers"),
    CASE(REFUSED, 2, OFFSETS("[false,2]"), "two whole numbers"),
    CASE(REFUSED, 2, OFFSETS("[[0,2]]"), "two whole numbers"),
    CASE(REFUSED, 2, OFFSETS("{\"0\":2}"), "no list"),
    CASE(REFUSED, 2, OFFSETS("\"0,2\""), "no list"),
    CASE(REFUSED, 2, OFFSETS("null"), "no list"),
    CASE(REFUSED, 2, OFFSETS("[0,18446744073709551616]"), "two whole numbers"),
    /* R14: no hole, no overlap */
    CASE(TAKEN, 4, "{" U8("b", "2", "2", "4") "," U8("a", "2", "0", "2") "}", ""),
    CASE(TAKEN, 6,
         "{" U8("c", "1", "5", "6") "," U8("a", "3", "0", "3") "," U8("b", "2", "3", "5") "}", ""),
    CASE(TAKEN, 2, "{" U8("z", "2", "0", "2") "," U8("e", "0", "0", "0") "}", ""),
    CASE(TAKEN, 2,
         "{" U8("z", "2", "0", "2") "," U8("e", "0", "2", "2") "," U8("f", "0", "0", "0") "}", ""),
    CASE(TAKEN, 4,
         "{" U8("a", "2", "0", "2") "," U8("e", "0", "2", "2") "," U8("f", "0", "2", "2") "," U8(
             "b", "2", "2", "4") "}",
         ""),
    CASE(REFUSED, 3, "{" U8("a", "2", "1", "3") "}", "expected to begin at 0"),
    CASE(REFUSED, 5, "{" U8("a", "2", "0", "2") "," U8("b", "2", "3", "5") "}",
         "expected to begin at 2"),
    CASE(REFUSED, 3, "{" U8("a", "2", "0", "2") "," U8("b", "2", "1", "3") "}",
         "expected to begin at 2"),
    CASE(REFUSED, 2, "{" U8("a", "2", "0", "2") "," U8("b", "2", "0", "2") "}",
         "expected to begin at 2"),
    CASE(REFUSED, 4, "{" U8("a", "4", "0", "4") "," U8("e", "0", "2", "2") "}",
         "expected to begin at"),
    CASE(REFUSED, 2, "{" U8("a", "2", "0", "2") "," U8("e", "0", "3", "3") "}",
         "expected to begin at 2"),
    CASE(REFUSED, 0, "{" U8("e", "0", "1", "1") "}", "expected to begin at 0"),
    CASE(REFUSED, 2, "{" U8("a", "2", "2", "0") "}", "expected to begin at 0"),
    CASE(REFUSED, 2, "{" U8("a", "2", "0", "2") "," U8("e", "0", "2", "1") "}",
         "not to end before"),
    /* R15: overflow */
    CASE(TAKEN, 0, TYPED("\"F64\"", "[0,18446744073709551615,18446744073709551615]", "0"), ""),
    CASE(REFUSED, 0, TYPED("\"F64\"", "[18446744073709551615,18446744073709551615,0]", "0"),
         "overflows"),
    CASE(REFUSED, 0, TYPED("\"U8\"", "[4294967296,4294967296]", "0"), "overflows"),
    CASE(REFUSED, 0, TYPED("\"U8\"", "[2305843009213693952]", "0"), "bits overflows"),
    CASE(REFUSED, 0, TYPED("\"U8\"", "[2305843009213693951]", "0"), "expected 2305843009213693951"),
    CASE(REFUSED, 0, TYPED("\"F64\"", "[288230376151711744]", "0"), "bits overflows"),
    CASE(REFUSED, 0, TYPED("\"F4\"", "[4611686018427387904]", "0"), "bits overflows"),
    CASE(REFUSED, 0, TYPED("\"U8\"", "[18446744073709551615]", "18446744073709551615"),
         "overflows"),
    CASE(REFUSED, 0, TYPED("\"U8\"", "[2305843009213693951]", "2305843009213693951"),
         "of the data"),
    /* R16: whole bytes */
    CASE(REFUSED, 1, TYPED("\"F4\"", "[1]", "1"), "whole bytes"),
    CASE(REFUSED, 2, TYPED("\"F4\"", "[3]", "2"), "whole bytes"),
    CASE(REFUSED, 1, TYPED("\"F4\"", "[]", "1"), "whole bytes"),
    CASE(REFUSED, 3, TYPED("\"F6_E2M3\"", "[3]", "3"), "whole bytes"),
    CASE(REFUSED, 2, TYPED("\"F6_E3M2\"", "[2]", "2"), "whole bytes"),
    CASE(TAKEN, 0, TYPED("\"F4\"", "[0]", "0"), ""),
    CASE(TAKEN, 0, TYPED("\"F6_E2M3\"", "[3,0]", "0"), ""),
    CASE(TAKEN, 4,
         "{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]},"
         "\"b\":{\"dtype\":\"F6_E2M3\",\"shape\":[4],\"data_offsets\":[1,4]}}",
         ""),
    /* R17: the size is that of type and shape */
    CASE(REFUSED, 3, TYPED("\"U8\"", "[2]", "3"), "expected 2 bytes"),
    CASE(REFUSED, 1, TYPED("\"U8\"", "[2]", "1"), "expected 2 bytes"),
    CASE(REFUSED, 2, TYPED("\"F16\"", "[2]", "2"), "expected 4 bytes"),
    CASE(REFUSED, 1, TYPED("\"U8\"", "[0]", "1"), "expected 0 bytes"),
    CASE(REFUSED, 0, TYPED("\"U8\"", "[]", "0"), "expected 1 bytes"),
    /* R18: the file ends where the last tensor does */
    CASE(REFUSED, 1, "{}", "tensors fill 0 bytes"),
    CASE(REFUSED, 3, TYPED("\"U8\"", "[2]", "2"), "tensors fill 2 bytes"),
    CASE(REFUSED, 1, TYPED("\"U8\"", "[2]", "2"), "of the data, which has 1"),
    CASE(REFUSED, 0, TYPED("\"U8\"", "[2]", "2"), "of the data, which has 0"),
    CASE(REFUSED, 1, TYPED("\"U8\"", "[0]", "0"), "tensors fill 0 bytes"),
    CASE(REFUSED, 1, META("{}"), "tensors fill 0 bytes"),
    /* no alignment is asked for */
    CASE(TAKEN, 9,
         "{" U8("a", "1", "0",
                "1") ",\"b\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[1,9]}}",
         ""),
};
#define CASE_COUNT (sizeof cases / sizeof cases[0])

/* A whole file whose first eight bytes say `announced`. Owned by the caller. */
static unsigned char *make_file(uint64_t announced, const char *header, size_t header_length,
                                size_t data, size_t *length) {
    unsigned char *bytes;
    *length = 8 + header_length + data;
    bytes = calloc(1, *length);
    if (bytes == NULL) {
        perror("test file");
        exit(1);
    }
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(announced >> (8 * i));
    }
    memcpy(bytes + 8, header, header_length);
    return bytes;
}

static void every_case_gets_its_verdict(void) {
    for (size_t i = 0; i < CASE_COUNT; i++) {
        const safetensors_case *test = &cases[i];
        sg_safetensors *file = NULL;
        sg_error error = {.message = ""};
        size_t length;
        unsigned char *bytes =
            make_file(test->header_length, test->header, test->header_length, test->data, &length);
        sg_status status = sg_safetensors_open("t.safetensors", bytes, length, &file, &error);
        if ((status == SG_STATUS_OK) != (test->verdict == TAKEN)) {
            printf("case %zu: %s: %s\n", i, test->header, error.message);
        }
        CHECK_INT(status, test->verdict == TAKEN ? SG_STATUS_OK : SG_STATUS_MODEL);
        CHECK((file != NULL) == (test->verdict == TAKEN));
        CHECK_CONTAINS(error.message, test->message);
        if (status != SG_STATUS_OK) {
            CHECK(strncmp(error.message, "t.safetensors: ", 15) == 0);
            CHECK_INT(error.code, status);
        }
        sg_safetensors_close(file);
        free(bytes);
    }
    CHECK(CASE_COUNT >= 150);
}

/* The first `keep` bytes of a good file. */
static sg_status open_cut(size_t keep, uint64_t announced, sg_error *error) {
    static const char header[] = "{" U8("t", "2", "0", "2") "}";
    size_t length;
    sg_safetensors *file = NULL;
    unsigned char *whole = make_file(announced, header, sizeof header - 1, 2, &length);
    unsigned char *bytes = malloc(keep == 0 ? 1 : keep); /* exact, so that a read past it is seen */
    sg_status status;
    if (bytes == NULL || keep > length) {
        exit(1);
    }
    memcpy(bytes, whole, keep);
    status = sg_safetensors_open("t.safetensors", bytes, keep, &file, error);
    sg_safetensors_close(file);
    free(bytes);
    free(whole);
    return status;
}

/* R1 to R4 and R18: a file cut anywhere is refused, and so is a wrong length of the header. */
static void cut_files_and_wrong_lengths_are_refused(void) {
    static const char header[] = "{" U8("t", "2", "0", "2") "}";
    const uint64_t good = sizeof header - 1;
    const size_t whole = 8 + (size_t)good + 2;
    static const uint64_t lengths[] = {0,
                                       1,
                                       3,
                                       100000000,
                                       100000001,
                                       UINT64_C(1) << 32,
                                       UINT64_MAX - 8,
                                       UINT64_MAX - 7,
                                       UINT64_MAX,
                                       UINT64_C(1) << 63};
    sg_error error;
    CHECK_INT(open_cut(whole, good, &error), SG_STATUS_OK);
    for (size_t keep = 0; keep < whole; keep++) {
        CHECK_INT(open_cut(keep, good, &error), SG_STATUS_MODEL);
    }
    CHECK_INT(open_cut(7, good, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "has 7 bytes, expected at least 8");
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CHECK_INT(open_cut(whole, lengths[i], &error), SG_STATUS_MODEL);
    }
    CHECK_INT(open_cut(whole, good + 1, &error), SG_STATUS_MODEL);
    CHECK_INT(open_cut(whole, good + 2, &error), SG_STATUS_MODEL);
    CHECK_INT(open_cut(whole, good + 3, &error), SG_STATUS_MODEL);
    CHECK_INT(open_cut(whole, good - 1, &error), SG_STATUS_MODEL);
    CHECK_INT(open_cut(whole, 100000000, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "only");
    CHECK_INT(open_cut(whole, 100000001, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "expected at most 100000000");
}

/* R3 at its edge, with real bytes: 100,000,000 is taken, one more is not. Opening takes no square
 * time. */
static void the_longest_header_is_read(void) {
    size_t length;
    size_t longest = 100000000;
    char *header = malloc(longest + 1);
    if (header == NULL) {
        printf("no memory for the longest header\n");
        CHECK(false);
        return;
    }
    memset(header, ' ', longest + 1);
    header[0] = '{';
    header[1] = '}';
    for (size_t extra = 0; extra < 2; extra++) {
        sg_safetensors *file = NULL;
        unsigned char *bytes = make_file(longest + extra, header, longest + extra, 0, &length);
        CHECK_INT(sg_safetensors_open("t", bytes, length, &file, NULL),
                  extra == 0 ? SG_STATUS_OK : SG_STATUS_MODEL);
        sg_safetensors_close(file);
        free(bytes);
    }
    free(header);
}

/* What the index says: names sorted, shapes, sizes, places in the file. */
static void the_index_tells_the_file(void) {
    static const char header[] =
        "{\"w\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]},"
        "\"a.b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[13,17]},"
        "\"\xc3\xa9\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[13,13]},"
        "\"\":{\"dtype\":\"F4\",\"shape\":[2,1],\"data_offsets\":[12,13]}}";
    static const char *const names[] = {"", "a.b", "w", "\xc3\xa9"};
    sg_safetensors *file = NULL;
    size_t length;
    unsigned char *bytes = make_file(sizeof header - 1, header, sizeof header - 1, 17, &length);
    const unsigned char *data = bytes + 8 + sizeof header - 1;
    const sg_tensor *tensor;
    CHECK_INT(sg_safetensors_open("t", bytes, length, &file, NULL), SG_STATUS_OK);
    CHECK_INT(sg_safetensors_count(file), 4);
    for (size_t i = 0; i < 4; i++) {
        CHECK_TEXT(sg_safetensors_at(file, i)->name, names[i]);
        CHECK(sg_safetensors_find(file, names[i]) == sg_safetensors_at(file, i));
    }
    CHECK(sg_safetensors_find(file, "b") == NULL);
    CHECK(sg_safetensors_find(file, "zz") == NULL);
    tensor = sg_safetensors_find(file, "w");
    CHECK_INT(tensor->dtype, SG_DTYPE_BF16);
    CHECK_INT(tensor->rank, 2);
    CHECK(tensor->shape[0] == 2 && tensor->shape[1] == 3);
    CHECK_INT(tensor->size, 12);
    CHECK(tensor->data == data);
    tensor = sg_safetensors_find(file, "a.b");
    CHECK_INT(tensor->rank, 0);
    CHECK_INT(tensor->size, 4);
    CHECK(tensor->data == data + 13);
    tensor = sg_safetensors_find(file, "\xc3\xa9");
    CHECK(tensor->rank == 2 && tensor->shape[0] == 0 && tensor->shape[1] == 7);
    CHECK(tensor->size == 0 && tensor->data == NULL);
    tensor = sg_safetensors_find(file, "");
    CHECK(tensor->size == 1 && tensor->data == data + 12);
    sg_safetensors_close(file);
    sg_safetensors_close(NULL);
    free(bytes);
}

/* Processor seconds to open a file of `count` tensors in reverse order and one of rank `count`. */
static double seconds_for(size_t count) {
    sg_buffer header;
    sg_safetensors *file = NULL;
    size_t length;
    unsigned char *bytes;
    clock_t start;
    sg_buffer_init(&header, 100000000);
    (void)sg_buffer_append_text(&header, "{\"deep\":{\"dtype\":\"U8\",\"shape\":[1");
    for (size_t i = 1; i < count; i++) {
        (void)sg_buffer_append_text(&header, ",1");
    }
    (void)sg_buffer_append_text(&header, "],\"data_offsets\":[0,1]}");
    for (size_t i = count; i > 0; i--) {
        (void)sg_buffer_append_format(&header,
                                      ",\"layer.%zu\":{\"dtype\":\"U8\",\"shape\":[1],"
                                      "\"data_offsets\":[%zu,%zu]}",
                                      i, i, i + 1);
    }
    (void)sg_buffer_append_text(&header, "}");
    CHECK_INT(header.status, SG_STATUS_OK);
    bytes = make_file(header.length, header.data, header.length, count + 1, &length);
    start = clock();
    CHECK_INT(sg_safetensors_open("t", bytes, length, &file, NULL), SG_STATUS_OK);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (file != NULL) {
        CHECK_INT(sg_safetensors_count(file), count + 1);
        CHECK_INT(sg_safetensors_find(file, "deep")->rank, count);
        CHECK_INT(sg_safetensors_find(file, "layer.777")->data - bytes, 8 + header.length + 777);
    }
    sg_safetensors_close(file);
    sg_buffer_clear(&header);
    free(bytes);
    return seconds;
}

/* No fixed table, and no square time: four times the header takes four times the time. */
static void large_headers_are_read(void) {
    double small = seconds_for(20000);
    double large = seconds_for(80000);
    CHECK(large < 0.3 || large < 9.0 * small);
}

/* A name of 64 KiB is taken; in a message it is cut between characters and what matters still
 * shows. */
static void long_names_are_cut_in_messages(void) {
    sg_buffer header;
    sg_error error;
    sg_safetensors *file = NULL;
    size_t length;
    sg_buffer_init(&header, 100000000);
    (void)sg_buffer_append_text(&header, "{\"a");
    for (int i = 0; i < 22000; i++) {
        (void)sg_buffer_append_text(&header, "\xe2\x96\x81");
    }
    (void)sg_buffer_append_text(&header,
                                "\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}");
    unsigned char *bytes = make_file(header.length, header.data, header.length, 2, &length);
    CHECK_INT(sg_safetensors_open("t", bytes, length, &file, &error), SG_STATUS_OK);
    sg_safetensors_close(file);
    file = NULL;
    CHECK_INT(sg_safetensors_open("t", bytes, length - 1, &file, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "\xe2\x96\x81\" ends at byte 2 of the data, which has 1");
    CHECK_INT(sg_safetensors_open("t", bytes, length - 1, &file, NULL), SG_STATUS_MODEL);
    sg_buffer_clear(&header);
    free(bytes);
}

static void types_have_names_and_sizes(void) {
    CHECK_TEXT(sg_dtype_name(SG_DTYPE_BF16), "BF16");
    CHECK_TEXT(sg_dtype_name(SG_DTYPE_F8_E4M3FNUZ), "F8_E4M3FNUZ");
    CHECK_INT(sg_dtype_bits(SG_DTYPE_F4), 4);
    CHECK_INT(sg_dtype_bits(SG_DTYPE_F6_E3M2), 6);
    CHECK_INT(sg_dtype_bits(SG_DTYPE_C64), 64);
    CHECK_INT(SG_DTYPE_U64, 21);
}

static int write_cases(const char *directory) {
    static const char *const words[] = {"taken", "refused", "stricter"};
    for (size_t i = 0; i < CASE_COUNT; i++) {
        char path[4096];
        size_t length;
        unsigned char *bytes = make_file(cases[i].header_length, cases[i].header,
                                         cases[i].header_length, cases[i].data, &length);
        (void)snprintf(path, sizeof path, "%s/%03zu-%s", directory, i, words[cases[i].verdict]);
        FILE *file = fopen(path, "wb");
        if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) {
            perror(path);
            return 1;
        }
        free(bytes);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2) {
        return write_cases(argv[1]);
    }
    TEST(every_case_gets_its_verdict);
    TEST(cut_files_and_wrong_lengths_are_refused);
    TEST(the_longest_header_is_read);
    TEST(the_index_tells_the_file);
    TEST(large_headers_are_read);
    TEST(long_names_are_cut_in_messages);
    TEST(types_have_names_and_sizes);
    return test_end();
}
