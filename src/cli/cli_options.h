/* SPDX-License-Identifier: Apache-2.0 */
/* What the user typed, checked: argv -> sg_cli_options. */
#ifndef SG_CLI_CLI_OPTIONS_H
#define SG_CLI_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/options.h>
#include <switchgen/status.h>

#include "cli/option_table.h"

/* So many records, or so many percent of them. */
typedef struct sg_cli_share {
    double value;
    bool percent;
} sg_cli_share;

/* Every option's value, defaults filled in. Strings are borrowed from argv and the environment. */
typedef struct sg_cli_options {
    sg_cli_command command;
    const char **operands; /* without the command word */
    size_t operand_count;
    const char **files; /* -f, in order */
    size_t file_count;
    bool given[SG_OPTION_COUNT]; /* on the command line */

    const char *model; /* NULL: the shipped one; $SWITCH_GEN_MODEL is already in here */
    const char *revision; /* NULL: the hub's main */
    sg_capacity_mode capacity_mode;
    int64_t capacity;
    const char *generation_config; /* NULL: the model's own */

    bool null_records;
    const char *blank; /* NULL: no mark */
    int no_blank;      /* sg_no_blank */
    int64_t max_input_tokens;
    bool truncate;

    const char *output;      /* NULL: standard output */
    const char *format_word; /* as typed, or NULL */
    sg_cli_format format;
    const char *delimiter;
    bool scores;
    bool token_scores;
    bool add_space;

    sg_decoding_options decoding; /* early_stopping is set from the next */
    int early_stopping;           /* sg_early_stopping */
    bool stop_at_last_blank;

    const char *record; /* verify --record */
    double near_tie;    /* negative: 1e-4 for greedy cases, 1e-5 for beams */
    sg_cli_share max_near_ties;
    double score_tolerance;
    bool any_model;
    bool decode;
    bool checksum;
    int dtype;              /* sg_conversion_dtype */
    int64_t max_shard_size; /* bytes */

    int load;        /* sg_load */
    int64_t threads; /* 0: automatic; $SWITCH_GEN_THREADS is already in here */
    int matmul;      /* sg_matmul_backend */
    int cpu;         /* sg_cpu_level */

    int verbosity;
    bool quiet;
    int color; /* sg_cli_color */
    bool help;
    bool version;
} sg_cli_options;

/* Parse and check argv[1..argc). Options may stand before and after operands; of an option given
 * twice the last counts; `--` ends options. The environment fills what argv leaves open. On success
 * the arrays of *options are owned by the caller (sg_cli_options_clear, allowed also after a
 * failure). Errors: SG_STATUS_ARGUMENT (wrong usage: option, value found, values allowed),
 * SG_STATUS_MEMORY.
 */
sg_status sg_cli_options_parse(int argc, char *const *argv, sg_cli_options *options,
                               sg_error *error) SG_MUST_CHECK;

/* Free the arrays. Allowed on a zeroed struct and twice. */
void sg_cli_options_clear(sg_cli_options *options);

/* One warning to `log` for each option given that has no effect in this run. */
void sg_cli_options_warn_without_effect(const sg_cli_options *options, const sg_log *log);

/* The engine's part of the options. Strings stay borrowed. */
sg_engine_options sg_cli_options_engine(const sg_cli_options *options, sg_log log);

/* The part that holds for each text. Strings stay borrowed. */
sg_infill_options sg_cli_options_infill(const sg_cli_options *options);

#endif
