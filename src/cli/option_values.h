/* SPDX-License-Identifier: Apache-2.0 */
/* One option's value: what was typed -> the field of sg_cli_options that the table names. */
#ifndef SG_CLI_OPTION_VALUES_H
#define SG_CLI_OPTION_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/status.h>

#include "cli/cli_options.h"
#include "cli/option_table.h"

/* Room for the words of sg_option_value_describe. */
#define SG_OPTION_VALUE_WORDS_SIZE 256

/* What a value of `row` must be, in words, for messages. */
void sg_option_value_describe(const sg_option_row *row, char out[SG_OPTION_VALUE_WORDS_SIZE]);

/* True if the option needs a value; the others are stored with sg_option_value_store_flag. */
bool sg_option_value_is_needed(const sg_option_row *row);

/* Set a flag, or count one up. */
void sg_option_value_store_flag(sg_cli_options *options, const sg_option_row *row);

/* Check `value` and store it. `where` begins the message: the option as typed, or the environment
 * variable. `value` is borrowed for as long as `options` live. Errors: SG_STATUS_ARGUMENT. */
sg_status sg_option_value_store(sg_cli_options *options, const sg_option_row *row,
                                const char *where, const char *value,
                                sg_error *error) SG_MUST_CHECK;

/* The value of the choice spelt `value`; false if there is none. */
bool sg_option_value_choose(const sg_choice *choices, const char *value, int *out);

/* Fill `error`: "WHERE: "VALUE" is not ...". Returns SG_STATUS_ARGUMENT. */
sg_status sg_option_value_refuse(const sg_option_row *row, const char *where, const char *value,
                                 sg_error *error);

#endif
