/* SPDX-License-Identifier: Apache-2.0 */
/* The option table, parsing, and what is refused. */
#include "cli/cli_options.h"

#include "cli/conversion.h"

#include <stdlib.h>

#include "base/log.h"
#include "support/test.h"

#define MAX_WORDS 16

static sg_error error;
static sg_cli_options options;

/* Parse the words of a NULL-ended list; the program's name is put before them. */
static sg_status parse(const char *const *words) {
    static char *argv[MAX_WORDS + 2];
    static char storage[MAX_WORDS + 1][128];
    int argc = 1;
    sg_cli_options_clear(&options);
    argv[0] = storage[MAX_WORDS];
    for (; words[argc - 1] != NULL; argc++) {
        (void)snprintf(storage[argc - 1], sizeof storage[0], "%s", words[argc - 1]);
        argv[argc] = storage[argc - 1];
    }
    argv[argc] = NULL;
    error.message[0] = '\0';
    error.hint[0] = '\0';
    return sg_cli_options_parse(argc, argv, &options, &error);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})
#define CHECK_REFUSED(part, ...)                           \
    do {                                                   \
        CHECK_INT(PARSE(__VA_ARGS__), SG_STATUS_ARGUMENT); \
        CHECK_CONTAINS(error.message, part);               \
    } while (0)

/* Rows that are missing, doubled or unusable would be parsed wrongly without a word. */
static void table_is_whole(void) {
    for (int id = 0; id < SG_OPTION_COUNT; id++) {
        const sg_option_row *row = sg_option_table_row((sg_option_id)id);
        bool choice = row->kind == SG_OPTION_KIND_CHOICE;
        bool flag = row->kind == SG_OPTION_KIND_FLAG || row->kind == SG_OPTION_KIND_COUNTER;
        CHECK(row->name != NULL && row->help != NULL && row->commands != 0);
        CHECK_INT(sg_option_table_find(row->name, strlen(row->name)), id);
        CHECK_INT(row->choices != NULL, choice);
        CHECK_INT(row->value == NULL, flag);
        CHECK_INT(row->expected != NULL, row->kind == SG_OPTION_KIND_REAL);
        CHECK(row->field < sizeof(sg_cli_options));
        if (row->letter != '\0') {
            CHECK_INT(sg_option_table_find_letter(row->letter), id);
        }
    }
    CHECK_INT(sg_option_table_find_letter('\0'), SG_OPTION_COUNT);
}

/* Both spellings of a value, short clusters, options after operands. */
static void reads_every_spelling(void) {
    CHECK_INT(PARSE("--num-beams=4", "a text", "--max-new-tokens", "7", "-zvv"), SG_STATUS_OK);
    CHECK_INT(options.decoding.num_beams, 4);
    CHECK_INT(options.decoding.max_new_tokens, 7);
    CHECK(options.null_records);
    CHECK_INT(options.verbosity, 2);
    CHECK_INT(options.operand_count, 1);
    CHECK_INT(PARSE("-zb3", "-d", "", "-f", "a", "--file=b", "-f-"), SG_STATUS_OK);
    CHECK_INT(options.decoding.num_beams, 3);
    CHECK_TEXT(options.delimiter, "");
    CHECK_INT(options.file_count, 3);
    CHECK_TEXT(options.files[2], "-");
    CHECK_INT(PARSE("--length-penalty", "-1.5", "x y"), SG_STATUS_OK);
    CHECK_NEAR(options.decoding.length_penalty, -1.5, 0);
}

/* The engine fills in what the command line leaves open, so "not given" must stay distinguishable.
 */
static void leaves_decoding_unset(void) {
    CHECK_INT(PARSE("x y"), SG_STATUS_OK);
    CHECK(options.decoding.num_beams == SG_OPTION_UNSET);
    CHECK(options.decoding.length_penalty != options.decoding.length_penalty);
    CHECK_INT(options.decoding.early_stopping, SG_EARLY_STOPPING_UNSET);
    CHECK_INT(options.capacity_mode, SG_CAPACITY_MODE_CONFIG);
    CHECK(options.stop_at_last_blank && options.add_space);
    CHECK_INT(options.max_input_tokens, 4096);
}

/* Of an option given twice the last counts, also for a flag and its opposite. */
static void last_one_counts(void) {
    CHECK_INT(PARSE("-b2", "-b5", "--no-stop-at-last-blank", "--stop-at-last-blank", "x y"),
              SG_STATUS_OK);
    CHECK_INT(options.decoding.num_beams, 5);
    CHECK(options.stop_at_last_blank);
}

/* Half a number must never run as another one. */
static void refuses_numbers(void) {
    CHECK_REFUSED("--num-beams: \"4x\" is not a whole number from 1 to 64", "--num-beams", "4x");
    CHECK_REFUSED("\"0\" is not a whole number", "--num-beams=0");
    CHECK_REFUSED("\"65\" is not", "-b65");
    CHECK_REFUSED("\"\" is not", "--num-beams=");
    CHECK_REFUSED("\" 4\" is not", "--num-beams", " 4");
    CHECK_REFUSED("\"+4\" is not", "--num-beams", "+4");
    CHECK_REFUSED("\"4.0\" is not", "--num-beams", "4.0");
    CHECK_REFUSED("\"99999999999999999999\" is not", "--max-new-tokens", "99999999999999999999");
    CHECK_REFUSED("\"nan\" is not a number", "--length-penalty", "nan");
    CHECK_REFUSED("\"1e999\" is not a number", "--length-penalty", "1e999");
    CHECK_REFUSED("\"0\" is not a number above 0", "--repetition-penalty", "0");
    CHECK_REFUSED("\"1025\" is not", "-t", "1025");
    CHECK_REFUSED("\"0\" is not", "--max-input-tokens", "0");
    CHECK_REFUSED("\"half\" is not config, off or a whole number", "--capacity", "half");
    CHECK_REFUSED("\"101%\" is not", "verify", "x", "--max-near-ties", "101%");
    CHECK_REFUSED("\"-1\" is not", "verify", "x", "--near-tie", "-1");
}

static void refuses_words(void) {
    CHECK_REFUSED("\"maybe\" is not false, true or never", "--early-stopping", "maybe");
    CHECK_REFUSED("\"jsonl\" is not text or json", "verify", "x", "--format", "jsonl");
    CHECK_REFUSED("\"json\" is not text, fills, raw, card, ids or jsonl", "--format=json", "x y");
    CHECK_REFUSED("-b: a value is missing, expected a whole number", "x y", "-b");
    CHECK_REFUSED("--scores: takes no value, found \"yes\"", "--scores=yes", "x y");
    CHECK_REFUSED("--blank: the mark is empty", "--blank=", "x y");
    CHECK_REFUSED("-q and -v", "-qv", "x y");
    CHECK_REFUSED("-y: unknown option in \"-zy\"", "-zy");
}

/* Contradictions are told before any model is opened. */
static void refuses_contradictions(void) {
    CHECK_REFUSED("--num-return-sequences: 3 is above --num-beams, which is 2",
                  "--num-return-sequences=3", "-b2", "x y");
    CHECK_REFUSED("--min-new-tokens: 9 is above --max-new-tokens, which is 8", "--min-new-tokens=9",
                  "--max-new-tokens=8", "x y");
    CHECK_REFUSED("--min-length: 9 is above --max-length, which is 8", "--min-length=9",
                  "--max-length=8", "x y");
    CHECK_INT(PARSE("--num-return-sequences=3", "x y"), SG_STATUS_OK);
}

/* convert takes two folders; sizes have units, types are the ones that are built. */
static void reads_conversions(void) {
    CHECK_INT(PARSE("convert", "a", "b"), SG_STATUS_OK);
    CHECK_INT(options.max_shard_size, 5000000000);
    CHECK_INT(options.dtype, SG_CONVERSION_DTYPE_KEEP);
    CHECK_INT(PARSE("convert", "a", "b", "--max-shard-size=3MiB", "--dtype=bf16"), SG_STATUS_OK);
    CHECK_INT(options.max_shard_size, 3145728);
    CHECK_INT(options.dtype, SG_CONVERSION_DTYPE_BF16);
    CHECK_INT(PARSE("convert", "a", "b", "--max-shard-size=12"), SG_STATUS_OK);
    CHECK_INT(options.max_shard_size, 12);
    CHECK_REFUSED("is not a number of bytes", "convert", "a", "b", "--max-shard-size=0");
    CHECK_REFUSED("is not a number of bytes", "convert", "a", "b", "--max-shard-size=-1GB");
    CHECK_REFUSED("is not a number of bytes", "convert", "a", "b", "--max-shard-size=1.5GB");
    CHECK_REFUSED("is not a number of bytes", "convert", "a", "b", "--max-shard-size=GB");
    CHECK_REFUSED("is not a number of bytes", "convert", "a", "b", "--max-shard-size=1TB");
    CHECK_REFUSED("is not a number of bytes", "convert", "a", "b",
                  "--max-shard-size=9223372036854775807KB");
    CHECK_REFUSED("\"q8\" is not keep, f32, bf16 or f16", "convert", "a", "b", "--dtype=q8");
    CHECK_REFUSED("an operand is missing", "convert", "a");
    CHECK_REFUSED("too many operands", "convert", "a", "b", "c");
    CHECK_REFUSED("not an option of convert", "convert", "a", "b", "--num-beams=2");
}

/* Options of later releases are unknown, and close names are offered. */
static void refuses_unknown_options(void) {
    static const char *const later[] = {"--resume", "--stats", "--input-format=jsonl", "--ban=x",
                                        "--batch-size=2"};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        CHECK_REFUSED("unknown option", later[i], "x y");
    }
    CHECK_REFUSED("--num-baems: unknown option", "--num-baems=3");
    CHECK_TEXT(error.hint, "did you mean --num-beams?");
    CHECK_REFUSED("--num: unknown option", "--num");
    CHECK_CONTAINS(error.hint, "--num-beams or --num-return-sequences");
    CHECK_REFUSED("--xyzzy: unknown option", "--xyzzy");
    CHECK_CONTAINS(error.hint, "--help");
}

static void finds_the_command(void) {
    CHECK_INT(PARSE("-v", "verify", "file"), SG_STATUS_OK);
    CHECK_INT(options.command, SG_CLI_COMMAND_VERIFY);
    CHECK_TEXT(options.operands[0], "file");
    CHECK_INT(PARSE("fill", "verify", "help"), SG_STATUS_OK);
    CHECK_INT(options.command, SG_CLI_COMMAND_FILL);
    CHECK_INT(options.operand_count, 2);
    CHECK_INT(PARSE("--", "verify"), SG_STATUS_OK);
    CHECK_INT(options.command, SG_CLI_COMMAND_FILL);
    CHECK_TEXT(options.operands[0], "verify");
    CHECK_INT(PARSE("--", "-x"), SG_STATUS_OK);
    CHECK_TEXT(options.operands[0], "-x");
}

/* A misspelt command must not run as a text; a text must not be taken for one. */
static void tells_commands_from_texts(void) {
    CHECK_REFUSED("\"verfy\" is no command", "verfy", "x");
    CHECK_TEXT(error.hint, "did you mean verify?");
    CHECK_REFUSED("\"score\" is no command", "score", "x y");
    CHECK_REFUSED("\"frobnicate\" is no command", "frobnicate");
    CHECK_CONTAINS(error.hint, "fill, verify, tokenize, inspect, models, convert, help");
    CHECK_INT(PARSE("two words"), SG_STATUS_OK);
    CHECK_INT(PARSE("a<extra_id_0>b"), SG_STATUS_OK);
    CHECK_REFUSED("is no command", "a<extra_id_>b");
    CHECK_INT(PARSE("a___b", "--blank", "___"), SG_STATUS_OK);
    CHECK_REFUSED("is no command", "a___b");
    CHECK_INT(PARSE(""), SG_STATUS_OK);
    CHECK_INT(PARSE("-"), SG_STATUS_OK);
    CHECK_INT(options.operand_count, 1);
    CHECK_INT(PARSE("fill", "word"), SG_STATUS_OK);
}

static void refuses_operands_and_strangers(void) {
    CHECK_REFUSED("--near-tie: not an option of fill", "--near-tie=1", "x y");
    CHECK_REFUSED("--num-beams: not an option of inspect", "inspect", "x", "-b2");
    CHECK_REFUSED("verify: an operand is missing", "verify");
    CHECK_REFUSED("verify: too many operands", "verify", "a", "b");
    CHECK_REFUSED("verify: too many operands", "verify", "--record=o", "-f", "p", "a");
    CHECK_REFUSED("--file: verify reads texts only with --record", "verify", "a", "-f", "p");
    CHECK_REFUSED("inspect: an operand is missing", "inspect");
    CHECK_REFUSED("\"nothing\" is no command", "help", "nothing");
    CHECK_INT(PARSE("verify", "--record=o", "-f", "p"), SG_STATUS_OK);
    CHECK_INT(PARSE("verify", "--help"), SG_STATUS_OK);
}

/* cli.md: error with --blank or --format fills, generate otherwise; an explicit choice stays. */
static void settles_no_blank(void) {
    CHECK_INT(PARSE("x y"), SG_STATUS_OK);
    CHECK_INT(options.no_blank, SG_NO_BLANK_GENERATE);
    CHECK_INT(PARSE("x y", "--format", "fills"), SG_STATUS_OK);
    CHECK_INT(options.no_blank, SG_NO_BLANK_ERROR);
    CHECK_INT(PARSE("x y", "--blank", "_"), SG_STATUS_OK);
    CHECK_INT(options.no_blank, SG_NO_BLANK_ERROR);
    CHECK_INT(PARSE("x y", "--blank", "_", "--no-blank", "copy"), SG_STATUS_OK);
    CHECK_INT(options.no_blank, SG_NO_BLANK_COPY);
}

static void reads_the_environment(void) {
    CHECK_INT(setenv("SWITCH_GEN_MODEL", "somewhere", 1), 0);
    CHECK_INT(setenv("SWITCH_GEN_THREADS", "3", 1), 0);
    CHECK_INT(PARSE("x y"), SG_STATUS_OK);
    CHECK_TEXT(options.model, "somewhere");
    CHECK_INT(options.threads, 3);
    CHECK_INT(PARSE("x y", "-m", "here", "-t", "2"), SG_STATUS_OK);
    CHECK_TEXT(options.model, "here");
    CHECK_INT(options.threads, 2);
    CHECK_INT(setenv("SWITCH_GEN_THREADS", "many", 1), 0);
    CHECK_REFUSED("SWITCH_GEN_THREADS: \"many\" is not a whole number from 1 to 1024", "x y");
    CHECK_INT(PARSE("x y", "-t", "2"), SG_STATUS_OK);
    CHECK_INT(unsetenv("SWITCH_GEN_MODEL") | unsetenv("SWITCH_GEN_THREADS"), 0);
}

static void count_warning(void *context, sg_log_level level, const char *message) {
    int *count = context;
    CHECK_INT(level, SG_LOG_LEVEL_WARNING);
    CHECK_CONTAINS(message, "has no effect");
    (*count)++;
}

/* How many warnings the options just parsed give. */
static int warnings(void) {
    int count = 0;
    sg_log log = {.write = count_warning, .context = &count};
    sg_cli_options_warn_without_effect(&options, &log);
    return count;
}

static void warns_about_options_without_effect(void) {
    CHECK_INT(PARSE("x y", "-d", ","), SG_STATUS_OK);
    CHECK_INT(warnings(), 1);
    CHECK_INT(PARSE("x y", "-d", ",", "--format=fills"), SG_STATUS_OK);
    CHECK_INT(warnings(), 0);
    CHECK_INT(PARSE("x y", "--scores", "--format=jsonl", "--max-length=9", "--max-new-tokens=8"),
              SG_STATUS_OK);
    CHECK_INT(warnings(), 2);
    CHECK_INT(PARSE("x y", "-b1", "--length-penalty=2"), SG_STATUS_OK);
    CHECK_INT(warnings(), 1);
    CHECK_INT(PARSE("verify", "x", "-b4"), SG_STATUS_OK);
    CHECK_INT(warnings(), 1);
}

int main(void) {
    TEST(table_is_whole);
    TEST(reads_every_spelling);
    TEST(leaves_decoding_unset);
    TEST(last_one_counts);
    TEST(refuses_numbers);
    TEST(refuses_words);
    TEST(refuses_contradictions);
    TEST(reads_conversions);
    TEST(refuses_unknown_options);
    TEST(finds_the_command);
    TEST(tells_commands_from_texts);
    TEST(refuses_operands_and_strangers);
    TEST(settles_no_blank);
    TEST(reads_the_environment);
    TEST(warns_about_options_without_effect);
    sg_cli_options_clear(&options);
    return test_end();
}
