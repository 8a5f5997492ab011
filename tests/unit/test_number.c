/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers from and to text: grammar, range, rounding, and no dependence on the locale. */
#include "support/test.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "base/number.h"

static bool parses_as(const char *text, double expected) {
    double value = -99.0;
    return sg_number_parse_f64(text, strlen(text), &value) && !(value < expected) &&
           !(value > expected) && signbit(value) == signbit(expected);
}

static bool is_refused(const char *text) {
    double value = -99.0;
    return !sg_number_parse_f64(text, strlen(text), &value);
}

/* JSON's grammar and nothing else. */
static void only_the_grammar_of_json_is_read(void) {
    static const char *const refused[] = {
        "",     "-",    "+1",       "01",    "-01",    "00",    "1.",    ".5",
        "-.5",  "1.e5", "1e",       "1e+",   "e5",     "0x1",   "inf",   "-inf",
        "nan",  "NaN",  "1 ",       " 1",    "1,5",    "1_0",   "1e5x",  "--1",
        "1e5.", "1f",   "Infinity", "1e999", "-1e999", "1e400", "2e308", "179769313486231590e291"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        CHECK(is_refused(refused[i]));
    }
    CHECK(parses_as("0", 0.0));
    CHECK(parses_as("-0", -0.0));
    CHECK(parses_as("-0.0e5", -0.0));
    CHECK(parses_as("768", 768.0));
    CHECK(parses_as("-12.5", -12.5));
    CHECK(parses_as("1e-06", 1e-06));
    CHECK(parses_as("1E+3", 1000.0));
    CHECK(parses_as("0e999", 0.0));
    CHECK(parses_as("1e-999", 0.0));
    CHECK(parses_as("1000000000000000019884624838656", 1e30));
    CHECK(!sg_number_parse_f64("1\0", 2, &(double){0}));
}

/* Correct rounding where it is hard: ties, subnormals, the largest double, hundreds of digits. */
static void rounding_is_correct(void) {
    char text[4096];
    CHECK(parses_as("1.7976931348623157e308", DBL_MAX));
    CHECK(parses_as("1.7976931348623158e308", DBL_MAX));
    CHECK(parses_as("4.9e-324", 0x1p-1074));
    CHECK(parses_as("2.4703282292062327e-324", 0.0));
    CHECK(parses_as("2.4703282292062328e-324", 0x1p-1074));
    CHECK(parses_as("9007199254740993", 9007199254740992.0));
    CHECK(parses_as("9007199254740993.0000000000000000000001", 9007199254740994.0));
    /* A tie broken only by a digit far beyond what is kept. */
    (void)snprintf(text, sizeof text, "9007199254740993.%02000d1", 0);
    CHECK(parses_as(text, 9007199254740994.0));
    (void)snprintf(text, sizeof text, "9007199254740993.%02000d", 0);
    CHECK(parses_as(text, 9007199254740992.0));
    (void)snprintf(text, sizeof text, "0.%03000d1e3001", 0);
    CHECK(parses_as(text, 1.0));
    (void)snprintf(text, sizeof text, "1%03000de-3000", 0);
    CHECK(parses_as(text, 1.0));
    CHECK(is_refused("1e99999999999999999999999999"));
    CHECK(parses_as("1e-99999999999999999999999999", 0.0));
    CHECK(parses_as("0.0000000000000000000000000000000000001e345", 1e308));
}

static void whole_numbers_are_checked(void) {
    static const char *const refused[] = {"",
                                          "-",
                                          "+1",
                                          "01",
                                          "-0",
                                          "00",
                                          "1.0",
                                          "1e3",
                                          " 1",
                                          "1 ",
                                          "a",
                                          "0x1",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "99999999999999999999999"};
    int64_t value = 5;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        CHECK(!sg_number_parse_i64(refused[i], strlen(refused[i]), &value));
    }
    CHECK_INT(value, 5);
    CHECK(sg_number_parse_i64("9223372036854775807", 19, &value));
    CHECK_INT(value, INT64_MAX);
    CHECK(sg_number_parse_i64("-9223372036854775808", 20, &value));
    CHECK_INT(value, INT64_MIN);
    CHECK(sg_number_parse_i64("0", 1, &value));
    CHECK_INT(value, 0);
    CHECK(sg_number_parse_i64("-7x", 2, &value));
    CHECK_INT(value, -7);
}

static bool formats_as(float value, const char *expected) {
    char text[SG_NUMBER_F32_SIZE];
    size_t length = sg_number_format_f32(value, text);
    if (length != strlen(text) || strcmp(text, expected) != 0) {
        printf("%a is written %s, expected %s\n", (double)value, text, expected);
        return false;
    }
    return true;
}

/* The spellings of NumPy's float32 repr, which the reference's files carry. */
static void floats_are_written_short(void) {
    CHECK(formats_as(0.0f, "0.0"));
    CHECK(formats_as(-0.0f, "-0.0"));
    CHECK(formats_as(1.0f, "1.0"));
    CHECK(formats_as(-1.5f, "-1.5"));
    CHECK(formats_as(0.1f, "0.1"));
    CHECK(formats_as(0.3f, "0.3"));
    CHECK(formats_as(100.0f, "100.0"));
    CHECK(formats_as(123456.0f, "123456.0"));
    CHECK(formats_as(16777216.0f, "16777216.0"));
    CHECK(formats_as(1e15f, "1000000000000000.0"));
    CHECK(formats_as(1e16f, "1e+16"));
    CHECK(formats_as(0.0001f, "0.0001"));
    CHECK(formats_as(0.00012345f, "0.00012345"));
    CHECK(formats_as(1e-05f, "1e-05"));
    CHECK(formats_as(1e-08f, "1e-08"));
    CHECK(formats_as(-3.4028235e38f, "-3.4028235e+38"));
    CHECK(formats_as(1e-45f, "1e-45"));
    CHECK(formats_as(1.17549435e-38f, "1.1754944e-38"));
    CHECK(formats_as(1.2621775e-29f, "1.2621775e-29")); /* 2^-96: the nearest 8 digits miss it */
}

/* A sample of all bit patterns, each power of two and its neighbours: read back exactly. */
static void every_float_reads_back(void) {
    size_t wrong = 0;
    uint32_t bits = 1;
    for (uint32_t i = 0; i < 60000; i++) {
        float value;
        double read = 0;
        char text[SG_NUMBER_F32_SIZE];
        size_t length;
        bits = bits * 2654435761u + 12345u;
        uint32_t pattern = i < 765 ? (i / 3 << 23) + i % 3 - (i > 2 ? 1 : 0) : bits;
        memcpy(&value, &pattern, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        length = sg_number_format_f32(value, text);
        wrong += !sg_number_parse_f64(text, length, &read);
        float narrow = strtof(text, NULL);
        wrong += memcmp(&narrow, &value, sizeof value) != 0;
    }
    CHECK_INT(wrong, 0);
}

/* A user's comma locale must change nothing. Where no such locale is installed the rest still runs.
 */
static void the_locale_does_not_matter(void) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++) {
        found = setlocale(LC_ALL, names[i]) != NULL;
    }
    if (!found) {
        printf("no locale with a decimal comma is installed: checked in C only\n");
    }
    CHECK(parses_as("-12.5", -12.5));
    CHECK(is_refused("12,5"));
    CHECK(formats_as(-1.5f, "-1.5"));
    CHECK(formats_as(1.25e-08f, "1.25e-08"));
    (void)setlocale(LC_ALL, "C");
}

int main(void) {
    TEST(only_the_grammar_of_json_is_read);
    TEST(rounding_is_correct);
    TEST(whole_numbers_are_checked);
    TEST(floats_are_written_short);
    TEST(every_float_reads_back);
    TEST(the_locale_does_not_matter);
    return test_end();
}
