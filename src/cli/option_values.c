/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers are read whole or not at all: what is left over, out of range or not finite is refused
 * with the value found and the values allowed. */
#include "cli/option_values.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"

static void *field_of(sg_cli_options *options, const sg_option_row *row) {
    return (char *)options + row->field;
}

void sg_option_value_describe(const sg_option_row *row, char out[SG_OPTION_VALUE_WORDS_SIZE]) {
    const size_t size = SG_OPTION_VALUE_WORDS_SIZE;
    switch (row->kind) {
    case SG_OPTION_KIND_WHOLE:
        (void)snprintf(out, size, "a whole number from %" PRId64 " to %" PRId64, row->minimum,
                       row->maximum);
        break;
    case SG_OPTION_KIND_CAPACITY:
        (void)snprintf(out, size, "config, off or a whole number from %" PRId64 " to %" PRId64,
                       row->minimum, row->maximum);
        break;
    case SG_OPTION_KIND_CHOICE: {
        size_t used = 0;
        out[0] = '\0';
        for (const sg_choice *choice = row->choices; choice->word != NULL && used < size;
             choice++) {
            const char *before = choice == row->choices   ? ""
                                 : choice[1].word == NULL ? " or "
                                                          : ", ";
            used += (size_t)snprintf(out + used, size - used, "%s%s", before, choice->word);
        }
        break;
    }
    case SG_OPTION_KIND_SIZE:
        (void)snprintf(out, size, "a number of bytes above 0, such as 500MB or 5GB");
        break;
    case SG_OPTION_KIND_SHARE:
        (void)snprintf(out, size, "a whole number of 0 or more, or a percentage such as 1%%");
        break;
    case SG_OPTION_KIND_REAL:
        (void)snprintf(out, size, "%s", row->expected);
        break;
    default:
        (void)snprintf(out, size, "%s", row->value == NULL ? "nothing" : row->value);
        break;
    }
}

/* `where` is the option as typed, or the environment variable. */
sg_status sg_option_value_refuse(const sg_option_row *row, const char *where, const char *value,
                                 sg_error *error) {
    char expected[SG_OPTION_VALUE_WORDS_SIZE];
    sg_option_value_describe(row, expected);
    return sg_error_set(error, SG_STATUS_ARGUMENT, "%s: \"%s\" is not %s", where, value, expected);
}

static bool parse_whole(const sg_option_row *row, const char *value, int64_t *out) {
    int64_t number = 0;
    if (!sg_number_parse_i64(value, strlen(value), &number) || number < row->minimum ||
        number > row->maximum) {
        return false;
    }
    *out = number;
    return true;
}

static bool parse_real(const sg_option_row *row, const char *value, double *out) {
    double number = 0;
    if (!sg_number_parse_f64(value, strlen(value), &number) || number < row->real_minimum) {
        return false;
    }
    *out = number;
    return true;
}

bool sg_option_value_choose(const sg_choice *choices, const char *value, int *out) {
    for (const sg_choice *choice = choices; choice->word != NULL; choice++) {
        if (strcmp(choice->word, value) == 0) {
            *out = choice->value;
            return true;
        }
    }
    return false;
}

static bool parse_capacity(const sg_option_row *row, const char *value, sg_cli_options *options) {
    if (strcmp(value, "config") == 0) {
        options->capacity_mode = SG_CAPACITY_MODE_CONFIG;
        return true;
    }
    if (strcmp(value, "off") == 0) {
        options->capacity_mode = SG_CAPACITY_MODE_OFF;
        return true;
    }
    if (!parse_whole(row, value, &options->capacity)) {
        return false;
    }
    options->capacity_mode = SG_CAPACITY_MODE_FIXED;
    return true;
}

/* Bytes: a whole number, and perhaps a unit of 1000 or 1024. */
static bool parse_size(const sg_option_row *row, const char *value, int64_t *out) {
    static const struct {
        const char *unit;
        int64_t bytes;
    } units[] = {{"", 1},          {"B", 1},           {"KB", 1000},
                 {"MB", 1000000},  {"GB", 1000000000}, {"KiB", 1 << 10},
                 {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    size_t digits = strspn(value, "0123456789");
    int64_t number = 0;
    if (!sg_number_parse_i64(value, digits, &number)) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(value + digits, units[i].unit) == 0) {
            return !__builtin_mul_overflow(number, units[i].bytes, out) && *out >= row->minimum;
        }
    }
    return false;
}

static bool parse_share(const char *value, sg_cli_share *out) {
    size_t length = strlen(value);
    int64_t count = 0;
    double percent = 0;
    if (length > 1 && value[length - 1] == '%') {
        if (!sg_number_parse_f64(value, length - 1, &percent) || percent < 0 || percent > 100) {
            return false;
        }
        *out = (sg_cli_share){.value = percent, .percent = true};
        return true;
    }
    if (!sg_number_parse_i64(value, length, &count) || count < 0) {
        return false;
    }
    *out = (sg_cli_share){.value = (double)count, .percent = false};
    return true;
}

bool sg_option_value_is_needed(const sg_option_row *row) {
    return row->kind != SG_OPTION_KIND_FLAG && row->kind != SG_OPTION_KIND_COUNTER;
}

void sg_option_value_store_flag(sg_cli_options *options, const sg_option_row *row) {
    if (row->kind == SG_OPTION_KIND_COUNTER) {
        int *counter = field_of(options, row);
        *counter += *counter < 9 ? 1 : 0;
    } else {
        bool *flag = field_of(options, row);
        *flag = row->minimum != 0;
    }
}

sg_status sg_option_value_store(sg_cli_options *options, const sg_option_row *row,
                                const char *where, const char *value, sg_error *error) {
    bool good = true;
    void *field = field_of(options, row);
    switch (row->kind) {
    case SG_OPTION_KIND_TEXT:
        *(const char **)field = value;
        break;
    case SG_OPTION_KIND_FILES:
        options->files[options->file_count++] = value;
        break;
    case SG_OPTION_KIND_WHOLE:
        good = parse_whole(row, value, field);
        break;
    case SG_OPTION_KIND_REAL:
        good = parse_real(row, value, field);
        break;
    case SG_OPTION_KIND_CHOICE:
        good = sg_option_value_choose(row->choices, value, field);
        break;
    case SG_OPTION_KIND_CAPACITY:
        good = parse_capacity(row, value, options);
        break;
    case SG_OPTION_KIND_SIZE:
        good = parse_size(row, value, field);
        break;
    case SG_OPTION_KIND_SHARE:
        good = parse_share(value, field);
        break;
    default:
        assert(sg_option_value_is_needed(row));
        break;
    }
    return good ? SG_STATUS_OK : sg_option_value_refuse(row, where, value, error);
}
