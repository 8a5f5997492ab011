/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of options and the one table of commands: parsing, checks, help and "did you mean"
 * are all driven by them. */
#ifndef SG_CLI_OPTION_TABLE_H
#define SG_CLI_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SG_CLI_MAX_BEAMS 64
#define SG_CLI_MAX_NEW_TOKENS 1000000
#define SG_CLI_MAX_THREADS 1024

typedef enum sg_cli_command {
    SG_CLI_COMMAND_FILL = 0,
    SG_CLI_COMMAND_VERIFY,
    SG_CLI_COMMAND_TOKENIZE,
    SG_CLI_COMMAND_INSPECT,
    SG_CLI_COMMAND_MODELS,
    SG_CLI_COMMAND_CONVERT,
    SG_CLI_COMMAND_HELP,
    SG_CLI_COMMAND_COUNT
} sg_cli_command;

/* Bits of sg_option_row.commands. */
enum {
    SG_FOR_FILL = 1 << SG_CLI_COMMAND_FILL,
    SG_FOR_VERIFY = 1 << SG_CLI_COMMAND_VERIFY,
    SG_FOR_TOKENIZE = 1 << SG_CLI_COMMAND_TOKENIZE,
    SG_FOR_INSPECT = 1 << SG_CLI_COMMAND_INSPECT,
    SG_FOR_MODELS = 1 << SG_CLI_COMMAND_MODELS,
    SG_FOR_CONVERT = 1 << SG_CLI_COMMAND_CONVERT,
    SG_FOR_HELP = 1 << SG_CLI_COMMAND_HELP,
    SG_FOR_ALL = (1 << SG_CLI_COMMAND_COUNT) - 1
};

/* The forms of output over all commands. */
typedef enum sg_cli_format {
    SG_CLI_FORMAT_TEXT = 0,
    SG_CLI_FORMAT_FILLS,
    SG_CLI_FORMAT_RAW,
    SG_CLI_FORMAT_CARD,
    SG_CLI_FORMAT_IDS,
    SG_CLI_FORMAT_JSONL,
    SG_CLI_FORMAT_JSON,
    SG_CLI_FORMAT_TSV
} sg_cli_format;

typedef enum sg_cli_color {
    SG_CLI_COLOR_AUTO = 0,
    SG_CLI_COLOR_ALWAYS,
    SG_CLI_COLOR_NEVER
} sg_cli_color;

/* One word an option accepts, and what it means. Lists end with a NULL word. */
typedef struct sg_choice {
    const char *word;
    int value;
} sg_choice;

typedef struct sg_command_row {
    const char *name;
    const char *synopsis;     /* what stands after "switch-gen NAME" */
    const char *summary;      /* one line */
    const char *details;      /* a paragraph for `help NAME`; may be empty */
    const sg_choice *formats; /* the first is the default */
} sg_command_row;

typedef enum sg_option_kind {
    SG_OPTION_KIND_FLAG = 0, /* no value; stores `minimum` (0 or 1) into a bool */
    SG_OPTION_KIND_COUNTER,  /* no value; each one adds 1 to an int */
    SG_OPTION_KIND_TEXT,     /* const char * */
    SG_OPTION_KIND_FILES,    /* repeatable; const char ** and its count */
    SG_OPTION_KIND_WHOLE,    /* int64_t from minimum to maximum */
    SG_OPTION_KIND_REAL,     /* double from real_minimum up */
    SG_OPTION_KIND_CHOICE,   /* int, one of `choices` */
    SG_OPTION_KIND_CAPACITY, /* config, off or a whole number */
    SG_OPTION_KIND_SIZE,     /* int64_t of bytes; 500MB, 5GB, ... */
    SG_OPTION_KIND_SHARE     /* a count, or a percentage written P% */
} sg_option_kind;

typedef enum sg_option_group {
    SG_OPTION_GROUP_MODEL = 0,
    SG_OPTION_GROUP_INPUT,
    SG_OPTION_GROUP_OUTPUT,
    SG_OPTION_GROUP_DECODING,
    SG_OPTION_GROUP_VERIFY,
    SG_OPTION_GROUP_TOKENIZE,
    SG_OPTION_GROUP_INSPECT,
    SG_OPTION_GROUP_CONVERT,
    SG_OPTION_GROUP_MACHINE,
    SG_OPTION_GROUP_TALK,
    SG_OPTION_GROUP_COUNT
} sg_option_group;

/* Index into the table and into sg_cli_options.given. */
typedef enum sg_option_id {
    SG_OPTION_MODEL = 0,
    SG_OPTION_REVISION,
    SG_OPTION_LOAD,
    SG_OPTION_CAPACITY,
    SG_OPTION_GENERATION_CONFIG,
    SG_OPTION_FILE,
    SG_OPTION_NULL,
    SG_OPTION_BLANK,
    SG_OPTION_NO_BLANK,
    SG_OPTION_MAX_INPUT_TOKENS,
    SG_OPTION_TRUNCATE,
    SG_OPTION_OUTPUT,
    SG_OPTION_FORMAT,
    SG_OPTION_DELIMITER,
    SG_OPTION_SCORES,
    SG_OPTION_TOKEN_SCORES,
    SG_OPTION_NO_ADD_SPACE,
    SG_OPTION_NUM_BEAMS,
    SG_OPTION_NUM_RETURN_SEQUENCES,
    SG_OPTION_MAX_NEW_TOKENS,
    SG_OPTION_MAX_LENGTH,
    SG_OPTION_MIN_NEW_TOKENS,
    SG_OPTION_MIN_LENGTH,
    SG_OPTION_LENGTH_PENALTY,
    SG_OPTION_EARLY_STOPPING,
    SG_OPTION_NO_REPEAT_NGRAM_SIZE,
    SG_OPTION_REPETITION_PENALTY,
    SG_OPTION_STOP_AT_LAST_BLANK,
    SG_OPTION_NO_STOP_AT_LAST_BLANK,
    SG_OPTION_RECORD,
    SG_OPTION_NEAR_TIE,
    SG_OPTION_MAX_NEAR_TIES,
    SG_OPTION_SCORE_TOLERANCE,
    SG_OPTION_ANY_MODEL,
    SG_OPTION_DECODE,
    SG_OPTION_CHECKSUM,
    SG_OPTION_DTYPE,
    SG_OPTION_MAX_SHARD_SIZE,
    SG_OPTION_THREADS,
    SG_OPTION_MATMUL,
    SG_OPTION_CPU,
    SG_OPTION_VERBOSE,
    SG_OPTION_QUIET,
    SG_OPTION_COLOR,
    SG_OPTION_HELP,
    SG_OPTION_VERSION,
    SG_OPTION_COUNT
} sg_option_id;

typedef struct sg_option_row {
    const char *name; /* long name without dashes */
    char letter;      /* short form, or 0 */
    sg_option_kind kind;
    sg_option_group group;
    unsigned commands; /* SG_FOR_... */
    size_t field;      /* offset in sg_cli_options */
    const char *value; /* what help calls the value, or NULL */
    int64_t minimum, maximum;
    double real_minimum;
    const char *expected; /* what a value must be, for kinds that do not say it themselves */
    const sg_choice *choices;
    const char *help;
} sg_option_row;

/* The row of `id`. */
const sg_option_row *sg_option_table_row(sg_option_id id);

/* The option called `name` (length bytes, without dashes), or SG_OPTION_COUNT. */
sg_option_id sg_option_table_find(const char *name, size_t length);

/* The option with the short form `letter`, or SG_OPTION_COUNT. */
sg_option_id sg_option_table_find_letter(char letter);

/* The heading of a group in help. */
const char *sg_option_table_group_title(sg_option_group group);

/* The row of `command`. */
const sg_command_row *sg_command_table_row(sg_cli_command command);

/* The command called `name`, or SG_CLI_COMMAND_COUNT. */
sg_cli_command sg_command_table_find(const char *name);

#endif
