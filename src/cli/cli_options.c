/* SPDX-License-Identifier: Apache-2.0 */
/* argv -> options, in one pass over the words and then a look at the whole.
 *
 * A word is an option, an option's value, or an operand. Which options exist, what they take and
 * which commands know them stands in option_table.c; nothing here names a single option but where
 * two depend on each other. The command is known only at the end of the pass, so membership is
 * checked last. */
#include "cli/cli_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/close_names.h"
#include "cli/option_values.h"

#define MAX_SUGGESTIONS_BYTES 512

typedef struct argument_parser {
    int argc;
    char *const *argv;
    int next;                /* index of the next unread word */
    bool only_operands;      /* after -- */
    bool command_may_follow; /* the first operand came before any -- */
    sg_cli_options *options;
    sg_error *error;
} argument_parser;

/* --- names that are not known --- */

static void suggest(sg_buffer *list, const char *before, const char *name) {
    (void)sg_buffer_append_format(list, "%s%s%s", list->length == 0 ? "did you mean " : " or ",
                                  before, name);
}

/* Put "did you mean A or B?" or `otherwise` into the hint. */
static sg_status hint_with_suggestions(sg_error *error, sg_buffer *list, const char *otherwise) {
    if (list->length > 0 && list->status == SG_STATUS_OK) {
        return sg_error_hint(error, "%s?", list->data);
    }
    return sg_error_hint(error, "%s", otherwise);
}

static sg_status refuse_option(const char *typed, size_t length, sg_error *error) {
    sg_buffer list;
    sg_status status;
    sg_buffer_init(&list, MAX_SUGGESTIONS_BYTES);
    for (int id = 0; id < SG_OPTION_COUNT; id++) {
        const char *name = sg_option_table_row((sg_option_id)id)->name;
        if (sg_close_names_match(typed, length, name)) {
            suggest(&list, "--", name);
        }
    }
    (void)sg_error_set(error, SG_STATUS_ARGUMENT, "--%.*s: unknown option", (int)length, typed);
    status = hint_with_suggestions(
        error, &list,
        "switch-gen --help lists the options; a text that begins with - goes after --");
    sg_buffer_clear(&list);
    return status;
}

/* `saying` is "no command", or that and why it is not taken for a text. */
static sg_status refuse_command(const char *word, const char *saying, sg_error *error) {
    sg_buffer list;
    sg_status status;
    sg_buffer_init(&list, MAX_SUGGESTIONS_BYTES);
    for (int command = 0; command < SG_CLI_COMMAND_COUNT; command++) {
        const char *name = sg_command_table_row((sg_cli_command)command)->name;
        if (sg_close_names_match(word, strlen(word), name)) {
            suggest(&list, "", name);
        }
    }
    (void)sg_error_set(error, SG_STATUS_ARGUMENT, "\"%s\" is %s", word, saying);
    status = hint_with_suggestions(
        error, &list,
        "commands: fill, verify, tokenize, inspect, models, convert, help; to "
        "run it as a text write fill first");
    sg_buffer_clear(&list);
    return status;
}

/* --- one word --- */

/* The value of an option that needs one: what stands behind it in the same word, or the next word.
 */
static sg_status take_value(argument_parser *parser, const sg_option_row *row, const char *where,
                            const char *attached) {
    const char *value = attached;
    char expected[SG_OPTION_VALUE_WORDS_SIZE];
    if (value == NULL) {
        if (parser->next >= parser->argc) {
            sg_option_value_describe(row, expected);
            return sg_error_set(parser->error, SG_STATUS_ARGUMENT,
                                "%s: a value is missing, expected %s", where, expected);
        }
        value = parser->argv[parser->next++];
    }
    return sg_option_value_store(parser->options, row, where, value, parser->error);
}

static sg_status parse_long(argument_parser *parser, const char *word) {
    const char *name = word + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals == NULL ? strlen(name) : (size_t)(equals - name);
    sg_option_id id = sg_option_table_find(name, length);
    const sg_option_row *row;
    char where[64];
    if (id == SG_OPTION_COUNT) {
        return refuse_option(name, length, parser->error);
    }
    row = sg_option_table_row(id);
    parser->options->given[id] = true;
    (void)snprintf(where, sizeof where, "--%s", row->name);
    if (sg_option_value_is_needed(row)) {
        return take_value(parser, row, where, equals == NULL ? NULL : equals + 1);
    }
    if (equals != NULL) {
        return sg_error_set(parser->error, SG_STATUS_ARGUMENT, "%s: takes no value, found \"%s\"",
                            where, equals + 1);
    }
    sg_option_value_store_flag(parser->options, row);
    return SG_STATUS_OK;
}

/* -vz, -b4, -b 4: flags may stand together, and what follows a letter that needs a value is its
 * value. */
static sg_status parse_cluster(argument_parser *parser, const char *word) {
    for (const char *letter = word + 1; *letter != '\0'; letter++) {
        sg_option_id id = sg_option_table_find_letter(*letter);
        const sg_option_row *row;
        char where[4] = {'-', *letter, '\0', '\0'};
        if (id == SG_OPTION_COUNT) {
            (void)sg_error_set(parser->error, SG_STATUS_ARGUMENT, "%s: unknown option in \"%s\"",
                               where, word);
            return sg_error_hint(parser->error, "switch-gen --help lists the options; a text that "
                                                "begins with - goes after --");
        }
        row = sg_option_table_row(id);
        parser->options->given[id] = true;
        if (sg_option_value_is_needed(row)) {
            return take_value(parser, row, where, letter[1] == '\0' ? NULL : letter + 1);
        }
        sg_option_value_store_flag(parser->options, row);
    }
    return SG_STATUS_OK;
}

static sg_status parse_word(argument_parser *parser) {
    const char *word = parser->argv[parser->next++];
    if (!parser->only_operands && strcmp(word, "--") == 0) {
        parser->only_operands = true;
        return SG_STATUS_OK;
    }
    if (parser->only_operands || word[0] != '-' || word[1] == '\0') {
        if (parser->options->operand_count == 0) {
            parser->command_may_follow = !parser->only_operands;
        }
        parser->options->operands[parser->options->operand_count++] = word;
        return SG_STATUS_OK;
    }
    return word[1] == '-' ? parse_long(parser, word) : parse_cluster(parser, word);
}

/* --- the whole --- */

static bool has_sentinel(const char *text) {
    static const char opening[] = "<extra_id_";
    for (const char *at = strstr(text, opening); at != NULL; at = strstr(at + 1, opening)) {
        const char *digits = at + sizeof opening - 1;
        size_t count = strspn(digits, "0123456789");
        if (count > 0 && digits[count] == '>') {
            return true;
        }
    }
    return false;
}

/* A word that could be a misspelt command: not empty, no white space, no blank, not the name of
 * stdin. */
static bool is_bare_word(const sg_cli_options *options, const char *text) {
    bool marked =
        options->blank != NULL && options->blank[0] != '\0' && strstr(text, options->blank) != NULL;
    return text[0] != '\0' && strcmp(text, "-") != 0 && strpbrk(text, " \t\n\v\f\r") == NULL &&
           !has_sentinel(text) && !marked;
}

static sg_status find_command(argument_parser *parser) {
    sg_cli_options *options = parser->options;
    options->command = SG_CLI_COMMAND_FILL;
    if (options->operand_count == 0 || !parser->command_may_follow) {
        return SG_STATUS_OK;
    }
    sg_cli_command command = sg_command_table_find(options->operands[0]);
    if (command != SG_CLI_COMMAND_COUNT) {
        options->command = command;
        options->operand_count--;
        memmove(options->operands, options->operands + 1,
                options->operand_count * sizeof *options->operands);
        return SG_STATUS_OK;
    }
    if (is_bare_word(options, options->operands[0])) {
        return refuse_command(options->operands[0], "no command, and no text with a blank",
                              parser->error);
    }
    return SG_STATUS_OK;
}

static sg_status check_membership(const sg_cli_options *options, sg_error *error) {
    const char *command = sg_command_table_row(options->command)->name;
    for (int id = 0; id < SG_OPTION_COUNT; id++) {
        const sg_option_row *row = sg_option_table_row((sg_option_id)id);
        if (options->given[id] && (row->commands & (1u << options->command)) == 0) {
            (void)sg_error_set(error, SG_STATUS_ARGUMENT, "--%s: not an option of %s", row->name,
                               command);
            return sg_error_hint(error, "switch-gen help %s lists its options", command);
        }
    }
    return SG_STATUS_OK;
}

static sg_status choose_format(sg_cli_options *options, sg_error *error) {
    const sg_choice *formats = sg_command_table_row(options->command)->formats;
    sg_option_row row = *sg_option_table_row(SG_OPTION_FORMAT);
    int format = formats[0].value;
    row.kind = SG_OPTION_KIND_CHOICE;
    row.choices = options->version ? sg_command_table_row(SG_CLI_COMMAND_VERIFY)->formats : formats;
    if (options->help) {
        return SG_STATUS_OK;
    }
    if (options->format_word != NULL &&
        !sg_option_value_choose(row.choices, options->format_word, &format)) {
        return sg_option_value_refuse(&row, "--format", options->format_word, error);
    }
    options->format = (sg_cli_format)format;
    return SG_STATUS_OK;
}

static sg_status refuse_larger(sg_error *error, const char *name, int64_t value, const char *other,
                               int64_t limit) {
    return sg_error_set(error, SG_STATUS_ARGUMENT,
                        "--%s: %" PRId64 " is above --%s, which is %" PRId64, name, value, other,
                        limit);
}

static sg_status check_decoding(const sg_cli_options *options, sg_error *error) {
    const sg_decoding_options *decoding = &options->decoding;
    const bool *given = options->given;
    if (given[SG_OPTION_NUM_RETURN_SEQUENCES] && given[SG_OPTION_NUM_BEAMS] &&
        decoding->num_return_sequences > decoding->num_beams) {
        return refuse_larger(error, "num-return-sequences", decoding->num_return_sequences,
                             "num-beams", decoding->num_beams);
    }
    if (given[SG_OPTION_MIN_NEW_TOKENS] && given[SG_OPTION_MAX_NEW_TOKENS] &&
        decoding->min_new_tokens > decoding->max_new_tokens) {
        return refuse_larger(error, "min-new-tokens", decoding->min_new_tokens, "max-new-tokens",
                             decoding->max_new_tokens);
    }
    if (given[SG_OPTION_MIN_LENGTH] && given[SG_OPTION_MAX_LENGTH] &&
        !given[SG_OPTION_MAX_NEW_TOKENS] && decoding->min_length > decoding->max_length) {
        return refuse_larger(error, "min-length", decoding->min_length, "max-length",
                             decoding->max_length);
    }
    return SG_STATUS_OK;
}

/* Operands a command needs or refuses. */
static sg_status check_operands(const sg_cli_options *options, sg_error *error) {
    const sg_command_row *row = sg_command_table_row(options->command);
    bool recording_prompts = options->record != NULL && options->file_count > 0;
    size_t least = 0;
    size_t most = SIZE_MAX;
    switch (options->command) {
    case SG_CLI_COMMAND_VERIFY:
        least = recording_prompts ? 0 : 1;
        most = recording_prompts ? 0 : 1;
        break;
    case SG_CLI_COMMAND_INSPECT:
        least = 1;
        most = 1;
        break;
    case SG_CLI_COMMAND_MODELS:
        most = 0;
        break;
    case SG_CLI_COMMAND_CONVERT:
        least = 2;
        most = 2;
        break;
    case SG_CLI_COMMAND_HELP:
        most = 1;
        break;
    default:
        break;
    }
    if (options->operand_count < least || options->operand_count > most) {
        (void)sg_error_set(error, SG_STATUS_ARGUMENT, "%s: %s", row->name,
                           options->operand_count < least ? "an operand is missing"
                                                          : "too many operands");
        return sg_error_hint(error, "usage: switch-gen %s %s", row->name, row->synopsis);
    }
    if (options->command == SG_CLI_COMMAND_HELP && options->operand_count == 1 &&
        sg_command_table_find(options->operands[0]) == SG_CLI_COMMAND_COUNT) {
        return refuse_command(options->operands[0], "no command", error);
    }
    return SG_STATUS_OK;
}

static sg_status check_whole(sg_cli_options *options, sg_error *error) {
    size_t offset = 0;
    if (options->blank != NULL && options->blank[0] == '\0') {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "--blank: the mark is empty");
    }
    if (options->blank != NULL &&
        !sg_utf8_is_valid(options->blank, strlen(options->blank), &offset)) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "--blank: the mark is not UTF-8 at byte %zu",
                            offset);
    }
    if (options->revision != NULL && options->revision[0] == '\0') {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "--revision: the name is empty");
    }
    if (options->quiet && options->verbosity > 0) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "-q and -v contradict each other");
    }
    if (options->command == SG_CLI_COMMAND_VERIFY && options->file_count > 0 &&
        options->record == NULL) {
        return sg_error_set(error, SG_STATUS_ARGUMENT,
                            "--file: verify reads texts only with --record");
    }
    SG_TRY(check_decoding(options, error));
    return check_operands(options, error);
}

static void read_environment(sg_cli_options *options) {
    const char *model = getenv("SWITCH_GEN_MODEL");
    if (model != NULL && model[0] != '\0') {
        options->model = model;
    }
}

static sg_status read_thread_environment(sg_cli_options *options, sg_error *error) {
    const char *threads = getenv("SWITCH_GEN_THREADS");
    if (threads == NULL || threads[0] == '\0' || options->given[SG_OPTION_THREADS] ||
        options->help || options->version) {
        return SG_STATUS_OK;
    }
    return sg_option_value_store(options, sg_option_table_row(SG_OPTION_THREADS),
                                 "SWITCH_GEN_THREADS", threads, error);
}

static void set_defaults(sg_cli_options *options) {
    sg_infill_options infill = sg_infill_options_default();
    memset(options, 0, sizeof *options);
    options->no_blank = SG_NO_BLANK_GENERATE;
    options->max_input_tokens = (int64_t)infill.max_input_tokens;
    options->delimiter = "\t";
    options->add_space = infill.add_space;
    options->decoding = infill.decoding;
    options->early_stopping = SG_EARLY_STOPPING_UNSET;
    options->stop_at_last_blank = infill.stop_at_last_blank;
    options->near_tie = -1;
    options->max_near_ties = (sg_cli_share){.value = 1, .percent = true};
    options->score_tolerance = 1e-3;
    options->max_shard_size = 5000000000; /* huggingface_hub's MAX_SHARD_SIZE */
}

/* What depends on more than one option, once all are known. */
static void settle(sg_cli_options *options) {
    if (!options->given[SG_OPTION_NO_BLANK] &&
        (options->blank != NULL || options->format == SG_CLI_FORMAT_FILLS)) {
        options->no_blank = SG_NO_BLANK_ERROR;
    }
    options->decoding.early_stopping = (sg_early_stopping)options->early_stopping;
}

sg_status sg_cli_options_parse(int argc, char *const *argv, sg_cli_options *options,
                               sg_error *error) {
    argument_parser parser = {
        .argc = argc, .argv = argv, .next = 1, .options = options, .error = error};
    size_t words = argc > 0 ? (size_t)argc : 1;
    set_defaults(options);
    options->operands = sg_memory_alloc(words, sizeof *options->operands);
    options->files = sg_memory_alloc(words, sizeof *options->files);
    if (options->operands == NULL || options->files == NULL) {
        return sg_memory_error(error, "the command line", words * sizeof *options->operands);
    }
    read_environment(options);
    while (parser.next < argc) {
        SG_TRY(parse_word(&parser));
    }
    SG_TRY(read_thread_environment(options, error));
    SG_TRY(find_command(&parser));
    SG_TRY(check_membership(options, error));
    SG_TRY(choose_format(options, error));
    if (!options->help && !options->version) {
        SG_TRY(check_whole(options, error));
    }
    settle(options);
    return SG_STATUS_OK;
}

void sg_cli_options_clear(sg_cli_options *options) {
    sg_memory_free((void *)options->operands);
    sg_memory_free((void *)options->files);
    options->operands = NULL;
    options->files = NULL;
    options->operand_count = 0;
    options->file_count = 0;
}

/* --- options without effect --- */

static void warn_if(const sg_cli_options *options, const sg_log *log, sg_option_id id, bool useless,
                    const char *why) {
    if (options->given[id] && useless) {
        sg_log_write(log, SG_LOG_LEVEL_WARNING, "--%s has no effect %s",
                     sg_option_table_row(id)->name, why);
    }
}

static void warn_fill(const sg_cli_options *options, const sg_log *log) {
    sg_cli_format format = options->format;
    bool greedy = options->given[SG_OPTION_NUM_BEAMS] && options->decoding.num_beams == 1;
    warn_if(options, log, SG_OPTION_DELIMITER, format != SG_CLI_FORMAT_FILLS,
            "without --format fills");
    warn_if(options, log, SG_OPTION_SCORES, format == SG_CLI_FORMAT_JSONL,
            "with --format jsonl, which has them always");
    warn_if(options, log, SG_OPTION_TOKEN_SCORES, format != SG_CLI_FORMAT_JSONL,
            "without --format jsonl");
    warn_if(options, log, SG_OPTION_NO_ADD_SPACE,
            format != SG_CLI_FORMAT_TEXT && format != SG_CLI_FORMAT_JSONL,
            "on this form of output");
    warn_if(options, log, SG_OPTION_COLOR,
            format != SG_CLI_FORMAT_TEXT && options->color == SG_CLI_COLOR_ALWAYS,
            "without --format text");
    warn_if(options, log, SG_OPTION_LENGTH_PENALTY, greedy, "in greedy search");
    warn_if(options, log, SG_OPTION_EARLY_STOPPING, greedy, "in greedy search");
}

static void warn_verify(const sg_cli_options *options, const sg_log *log) {
    bool recording = options->record != NULL;
    bool own_settings = recording && options->file_count > 0;
    for (int id = SG_OPTION_NUM_BEAMS; id <= SG_OPTION_NO_STOP_AT_LAST_BLANK; id++) {
        warn_if(options, log, (sg_option_id)id, !own_settings,
                "where each case has its own settings");
    }
    for (int id = SG_OPTION_NEAR_TIE; id <= SG_OPTION_ANY_MODEL; id++) {
        warn_if(options, log, (sg_option_id)id, recording, "with --record");
    }
    warn_if(options, log, SG_OPTION_CHECKSUM, recording,
            "with --record, which takes the sums always");
    warn_if(options, log, SG_OPTION_NULL, !own_settings, "without --record and --file");
    warn_if(options, log, SG_OPTION_OUTPUT, recording, "with --record");
}

void sg_cli_options_warn_without_effect(const sg_cli_options *options, const sg_log *log) {
    warn_if(options, log, SG_OPTION_MAX_LENGTH, options->given[SG_OPTION_MAX_NEW_TOKENS],
            "beside --max-new-tokens, which wins");
    if (options->command == SG_CLI_COMMAND_FILL) {
        warn_fill(options, log);
    } else if (options->command == SG_CLI_COMMAND_VERIFY) {
        warn_verify(options, log);
    }
}

/* --- for the library --- */

sg_engine_options sg_cli_options_engine(const sg_cli_options *options, sg_log log) {
    sg_engine_options engine = sg_engine_options_default();
    engine.threads = (unsigned)options->threads;
    engine.load = (sg_load)options->load;
    engine.matmul = (sg_matmul_backend)options->matmul;
    engine.cpu = (sg_cpu_level)options->cpu;
    engine.capacity_mode = options->capacity_mode;
    engine.capacity = options->capacity;
    engine.generation_config = options->generation_config;
    engine.log = log;
    return engine;
}

sg_infill_options sg_cli_options_infill(const sg_cli_options *options) {
    sg_infill_options infill = sg_infill_options_default();
    infill.decoding = options->decoding;
    infill.stop_at_last_blank = options->stop_at_last_blank;
    infill.add_space = options->add_space;
    infill.blank = options->blank;
    infill.no_blank = (sg_no_blank)options->no_blank;
    infill.max_input_tokens = (size_t)options->max_input_tokens;
    infill.truncate = options->truncate;
    return infill;
}
