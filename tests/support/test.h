/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest test frame: checks print and count, tests go on after a failure.
 *
 *     static void adds_small_numbers(void) { CHECK_INT(1 + 1, 2); }
 *     int main(void) {
 *         TEST(adds_small_numbers);
 *         return test_end();
 *     } */
#ifndef SG_TEST_H
#define SG_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int test_failures;
static int test_checks;

#define TEST(function)                       \
    do {                                     \
        int before = test_failures;          \
        function();                          \
        if (test_failures != before) {       \
            printf("FAILED %s\n", #function); \
        }                                    \
    } while (0)

#define CHECK(condition)                                                       \
    do {                                                                       \
        test_checks++;                                                         \
        if (!(condition)) {                                                    \
            test_failures++;                                                   \
            printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);   \
        }                                                                      \
    } while (0)

#define CHECK_INT(found, expected)                                                            \
    do {                                                                                      \
        long long test_found = (long long)(found);                                            \
        long long test_expected = (long long)(expected);                                      \
        test_checks++;                                                                        \
        if (test_found != test_expected) {                                                    \
            test_failures++;                                                                  \
            printf("%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #found,          \
                   test_found, test_expected);                                                \
        }                                                                                     \
    } while (0)

#define CHECK_TEXT(found, expected)                                                           \
    do {                                                                                      \
        const char *test_found = (found);                                                     \
        const char *test_expected = (expected);                                               \
        test_checks++;                                                                        \
        if (test_found == NULL || strcmp(test_found, test_expected) != 0) {                   \
            test_failures++;                                                                  \
            printf("%s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #found,      \
                   test_found == NULL ? "(null)" : test_found, test_expected);                \
        }                                                                                     \
    } while (0)

/* |found - expected| <= tolerance; NaN fails. */
#define CHECK_NEAR(found, expected, tolerance)                                                \
    do {                                                                                      \
        double test_found = (double)(found);                                                  \
        double test_expected = (double)(expected);                                            \
        double test_distance = test_found - test_expected;                                    \
        test_checks++;                                                                        \
        if (!(test_distance <= (double)(tolerance) && -test_distance <= (double)(tolerance))) { \
            test_failures++;                                                                  \
            printf("%s:%d: %s is %.9g, expected %.9g\n", __FILE__, __LINE__, #found,          \
                   test_found, test_expected);                                                \
        }                                                                                     \
    } while (0)

/* True if `text` holds `part`; for messages. */
#define CHECK_CONTAINS(text, part)                                                            \
    do {                                                                                      \
        const char *test_found = (text);                                                      \
        const char *test_part = (part);                                                       \
        test_checks++;                                                                        \
        if (strstr(test_found, test_part) == NULL) {                                          \
            test_failures++;                                                                  \
            printf("%s:%d: \"%s\" does not hold \"%s\"\n", __FILE__, __LINE__, test_found,    \
                   test_part);                                                                \
        }                                                                                     \
    } while (0)

static inline int test_end(void) {
    printf("%d checks, %d failed\n", test_checks, test_failures);
    return test_failures == 0 && test_checks > 0 ? 0 : 1;
}

#endif
