/* SPDX-License-Identifier: Apache-2.0 */
/* What can be typed, as data. A default that help shows in brackets is set in cli_options.c. */
#include "cli/option_table.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include <switchgen/options.h>

#include "cli/cli_options.h"
#include "cli/conversion.h"

#define FIELD(name) offsetof(sg_cli_options, name)

static const sg_choice fill_formats[] = {{"text", SG_CLI_FORMAT_TEXT},
                                         {"fills", SG_CLI_FORMAT_FILLS},
                                         {"raw", SG_CLI_FORMAT_RAW},
                                         {"card", SG_CLI_FORMAT_CARD},
                                         {"ids", SG_CLI_FORMAT_IDS},
                                         {"jsonl", SG_CLI_FORMAT_JSONL},
                                         {NULL, 0}};
static const sg_choice tokenize_formats[] = {
    {"tsv", SG_CLI_FORMAT_TSV}, {"jsonl", SG_CLI_FORMAT_JSONL}, {NULL, 0}};
static const sg_choice report_formats[] = {
    {"text", SG_CLI_FORMAT_TEXT}, {"json", SG_CLI_FORMAT_JSON}, {NULL, 0}};
static const sg_choice models_formats[] = {{"text", SG_CLI_FORMAT_TEXT},
                                           {"json", SG_CLI_FORMAT_JSON},
                                           {"tsv", SG_CLI_FORMAT_TSV},
                                           {NULL, 0}};
static const sg_choice help_formats[] = {{"text", SG_CLI_FORMAT_TEXT}, {NULL, 0}};

static const sg_choice no_blank_choices[] = {{"generate", SG_NO_BLANK_GENERATE},
                                             {"copy", SG_NO_BLANK_COPY},
                                             {"error", SG_NO_BLANK_ERROR},
                                             {NULL, 0}};
static const sg_choice early_stopping_choices[] = {{"false", SG_EARLY_STOPPING_FALSE},
                                                   {"true", SG_EARLY_STOPPING_TRUE},
                                                   {"never", SG_EARLY_STOPPING_NEVER},
                                                   {NULL, 0}};
static const sg_choice matmul_choices[] = {{"auto", SG_MATMUL_BACKEND_AUTO},
                                           {"native", SG_MATMUL_BACKEND_NATIVE},
                                           {"blas", SG_MATMUL_BACKEND_BLAS},
                                           {NULL, 0}};
static const sg_choice load_choices[] = {{"auto", SG_LOAD_AUTO},
                                         {"mmap", SG_LOAD_MMAP},
                                         {"read", SG_LOAD_READ},
                                         {"lock", SG_LOAD_LOCK},
                                         {NULL, 0}};
static const sg_choice cpu_choices[] = {{"auto", SG_CPU_LEVEL_AUTO},
                                        {"avx512", SG_CPU_LEVEL_AVX512},
                                        {"avx2", SG_CPU_LEVEL_AVX2},
                                        {"portable", SG_CPU_LEVEL_PORTABLE},
                                        {NULL, 0}};
static const sg_choice dtype_choices[] = {{"keep", SG_CONVERSION_DTYPE_KEEP},
                                          {"f32", SG_CONVERSION_DTYPE_F32},
                                          {"bf16", SG_CONVERSION_DTYPE_BF16},
                                          {"f16", SG_CONVERSION_DTYPE_F16},
                                          {NULL, 0}};
static const sg_choice color_choices[] = {{"auto", SG_CLI_COLOR_AUTO},
                                          {"always", SG_CLI_COLOR_ALWAYS},
                                          {"never", SG_CLI_COLOR_NEVER},
                                          {NULL, 0}};

static const sg_command_row command_table[SG_CLI_COMMAND_COUNT] = {
    [SG_CLI_COMMAND_FILL] = {"fill", "[OPTIONS] [--] [TEXT...]",
                             "fill the blanks of each text (the default command)",
                             "A blank is <extra_id_0>, <extra_id_1>, ... or the mark given with "
                             "--blank. Texts come first, "
                             "then\nfiles in order; with neither, standard input is read, a text a "
                             "line. A text without a "
                             "blank is a\ntext-to-text prompt.\n",
                             fill_formats},
    [SG_CLI_COMMAND_VERIFY] =
        {"verify", "[OPTIONS] FILE", "compare this program with an expectation file",
         "Runs every case of FILE: token ids must be equal, scores equal within a tolerance. Each "
         "difference is\nlisted with its first diverging position; near ties are listed apart. "
         "With "
         "--record OUT such a file is\nwritten instead, from the texts and settings of FILE, or "
         "from "
         "the texts of -f PROMPTS.\n",
         report_formats},
    [SG_CLI_COMMAND_TOKENIZE] = {"tokenize", "[OPTIONS] [--] [TEXT...]",
                                 "token ids and pieces of each text; needs no weights",
                                 "One line a text: ids by spaces, a tab, pieces by spaces. "
                                 "--decode turns lines of ids into "
                                 "text.\n",
                                 tokenize_formats},
    [SG_CLI_COMMAND_INSPECT] =
        {"inspect", "[OPTIONS] PATH", "what a model directory or one safetensors file holds",
         "Reads no weights unless --checksum is given. Exit code 0: usable, 3: not.\n",
         report_formats},
    [SG_CLI_COMMAND_MODELS] = {"models", "[OPTIONS]",
                               "the known models, where they are looked for, what is installed",
                               "json has all that is known of each model's files, tsv one line a "
                               "file for tools/fetch-model.\n"
                               "Any other model of the family runs too, by its directory.\n",
                               models_formats},
    [SG_CLI_COMMAND_CONVERT] = {"convert", "[OPTIONS] SOURCE TARGET",
                                "a checkpoint's folder to safetensors",
                                "SOURCE is a folder with pytorch_model.bin, with shards and "
                                "pytorch_model.bin.index.json, or with\n"
                                "safetensors. TARGET must not exist: it appears once it is whole, "
                                "with SOURCE's config and\n"
                                "tokenizer. Nothing in a .bin file is executed.\n",
                                help_formats},
    [SG_CLI_COMMAND_HELP] = {"help", "[COMMAND]", "this text, or a command's", "", help_formats},
};

/* Short for the columns that most rows leave alone. */
#define STORES(truth) .minimum = (truth), .maximum = (truth)

#define MODEL_COMMANDS (SG_FOR_FILL | SG_FOR_VERIFY)
#define TEXT_COMMANDS (SG_FOR_FILL | SG_FOR_VERIFY | SG_FOR_TOKENIZE)

static const sg_option_row option_table[SG_OPTION_COUNT] = {
    [SG_OPTION_MODEL] = {.name = "model",
                         .letter = 'm',
                         .kind = SG_OPTION_KIND_TEXT,
                         .group = SG_OPTION_GROUP_MODEL,
                         .commands = TEXT_COMMANDS,
                         .field = FIELD(model),
                         .value = "NAME|DIR|ORG/NAME",
                         .help = "the model ($SWITCH_GEN_MODEL, else the shipped one)"},
    [SG_OPTION_REVISION] = {.name = "revision",
                            .kind = SG_OPTION_KIND_TEXT,
                            .group = SG_OPTION_GROUP_MODEL,
                            .commands = TEXT_COMMANDS | SG_FOR_INSPECT,
                            .field = FIELD(revision),
                            .value = "REV",
                            .help = "branch, ref or commit of a model in the Hugging Face cache\n"
                                    "(main, or a known one that has safetensors)"},
    [SG_OPTION_LOAD] = {.name = "load",
                        .kind = SG_OPTION_KIND_CHOICE,
                        .group = SG_OPTION_GROUP_MODEL,
                        .commands = MODEL_COMMANDS,
                        .field = FIELD(load),
                        .value = "auto|mmap|read|lock",
                        .choices = load_choices,
                        .help = "map the weights, read them whole, or map and lock them (mmap)"},
    [SG_OPTION_CAPACITY] = {.name = "capacity",
                            .kind = SG_OPTION_KIND_CAPACITY,
                            .group = SG_OPTION_GROUP_MODEL,
                            .commands = MODEL_COMMANDS,
                            .field = FIELD(capacity),
                            .value = "config|off|N",
                            .minimum = -1000000000,
                            .maximum = 1000000000,
                            .help = "tokens an expert serves in a sequence (config)"},
    [SG_OPTION_GENERATION_CONFIG] = {.name = "generation-config",
                                     .kind = SG_OPTION_KIND_TEXT,
                                     .group = SG_OPTION_GROUP_MODEL,
                                     .commands = SG_FOR_FILL,
                                     .field = FIELD(generation_config),
                                     .value = "FILE|none",
                                     .help = "generation settings instead of the model's own"},

    [SG_OPTION_FILE] = {.name = "file",
                        .letter = 'f',
                        .kind = SG_OPTION_KIND_FILES,
                        .group = SG_OPTION_GROUP_INPUT,
                        .commands = TEXT_COMMANDS,
                        .field = FIELD(files),
                        .value = "FILE",
                        .help = "read texts from FILE, one a line; repeatable; - is stdin"},
    [SG_OPTION_NULL] = {.name = "null",
                        .letter = 'z',
                        .kind = SG_OPTION_KIND_FLAG,
                        .group = SG_OPTION_GROUP_INPUT,
                        .commands = TEXT_COMMANDS,
                        .field = FIELD(null_records),
                        STORES(true),
                        .help = "records end in NUL instead of a line feed, in and out"},
    [SG_OPTION_BLANK] = {.name = "blank",
                         .kind = SG_OPTION_KIND_TEXT,
                         .group = SG_OPTION_GROUP_INPUT,
                         .commands = SG_FOR_FILL,
                         .field = FIELD(blank),
                         .value = "STR",
                         .help = "a mark that stands for a blank, such as ___"},
    [SG_OPTION_NO_BLANK] = {.name = "no-blank",
                            .kind = SG_OPTION_KIND_CHOICE,
                            .group = SG_OPTION_GROUP_INPUT,
                            .commands = SG_FOR_FILL,
                            .field = FIELD(no_blank),
                            .value = "generate|copy|error",
                            .choices = no_blank_choices,
                            .help =
                                "what a text without a blank gives (generate; error with --blank\n"
                                "or --format fills)"},
    [SG_OPTION_MAX_INPUT_TOKENS] = {.name = "max-input-tokens",
                                    .kind = SG_OPTION_KIND_WHOLE,
                                    .group = SG_OPTION_GROUP_INPUT,
                                    .commands = MODEL_COMMANDS,
                                    .field = FIELD(max_input_tokens),
                                    .value = "N",
                                    .minimum = 1,
                                    .maximum = 1000000,
                                    .help = "longer texts fail with too_long (4096)"},
    [SG_OPTION_TRUNCATE] = {.name = "truncate",
                            .kind = SG_OPTION_KIND_FLAG,
                            .group = SG_OPTION_GROUP_INPUT,
                            .commands = SG_FOR_FILL,
                            .field = FIELD(truncate),
                            STORES(true),
                            .help = "cut longer texts to --max-input-tokens instead"},

    [SG_OPTION_OUTPUT] = {.name = "output",
                          .letter = 'o',
                          .kind = SG_OPTION_KIND_TEXT,
                          .group = SG_OPTION_GROUP_OUTPUT,
                          .commands = SG_FOR_ALL & ~SG_FOR_HELP,
                          .field = FIELD(output),
                          .value = "FILE",
                          .help = "write to FILE.part, renamed to FILE once all is done"},
    [SG_OPTION_FORMAT] = {.name = "format",
                          .kind = SG_OPTION_KIND_TEXT,
                          .group = SG_OPTION_GROUP_OUTPUT,
                          .commands = SG_FOR_ALL,
                          .field = FIELD(format_word),
                          .value = "FORM",
                          .help = "the form of the output"},
    [SG_OPTION_DELIMITER] = {.name = "delimiter",
                             .letter = 'd',
                             .kind = SG_OPTION_KIND_TEXT,
                             .group = SG_OPTION_GROUP_OUTPUT,
                             .commands = SG_FOR_FILL,
                             .field = FIELD(delimiter),
                             .value = "STR",
                             .help = "between fills of --format fills (a tab)"},
    [SG_OPTION_SCORES] = {.name = "scores",
                          .kind = SG_OPTION_KIND_FLAG,
                          .group = SG_OPTION_GROUP_OUTPUT,
                          .commands = SG_FOR_FILL,
                          .field = FIELD(scores),
                          STORES(true),
                          .help = "put the log-probability and a tab before each line"},
    [SG_OPTION_TOKEN_SCORES] = {.name = "token-scores",
                                .kind = SG_OPTION_KIND_FLAG,
                                .group = SG_OPTION_GROUP_OUTPUT,
                                .commands = SG_FOR_FILL,
                                .field = FIELD(token_scores),
                                STORES(true),
                                .help = "jsonl: add the log-probability of every token"},
    [SG_OPTION_NO_ADD_SPACE] = {.name = "no-add-space",
                                .kind = SG_OPTION_KIND_FLAG,
                                .group = SG_OPTION_GROUP_OUTPUT,
                                .commands = SG_FOR_FILL,
                                .field = FIELD(add_space),
                                STORES(false),
                                .help = "put no space between a word and a fill beside it"},

    [SG_OPTION_NUM_BEAMS] = {.name = "num-beams",
                             .letter = 'b',
                             .kind = SG_OPTION_KIND_WHOLE,
                             .group = SG_OPTION_GROUP_DECODING,
                             .commands = MODEL_COMMANDS,
                             .field = FIELD(decoding.num_beams),
                             .value = "N",
                             .minimum = 1,
                             .maximum = SG_CLI_MAX_BEAMS,
                             .help = "beams; 1 is greedy search (1)"},
    [SG_OPTION_NUM_RETURN_SEQUENCES] = {.name = "num-return-sequences",
                                        .kind = SG_OPTION_KIND_WHOLE,
                                        .group = SG_OPTION_GROUP_DECODING,
                                        .commands = MODEL_COMMANDS,
                                        .field = FIELD(decoding.num_return_sequences),
                                        .value = "N",
                                        .minimum = 1,
                                        .maximum = SG_CLI_MAX_BEAMS,
                                        .help = "results a text, best first (1)"},
    [SG_OPTION_MAX_NEW_TOKENS] = {.name = "max-new-tokens",
                                  .kind = SG_OPTION_KIND_WHOLE,
                                  .group = SG_OPTION_GROUP_DECODING,
                                  .commands = MODEL_COMMANDS,
                                  .field = FIELD(decoding.max_new_tokens),
                                  .value = "N",
                                  .minimum = 1,
                                  .maximum = SG_CLI_MAX_NEW_TOKENS,
                                  .help =
                                      "most tokens generated (the larger of 64, 16 + 8 a blank)"},
    [SG_OPTION_MAX_LENGTH] = {.name = "max-length",
                              .kind = SG_OPTION_KIND_WHOLE,
                              .group = SG_OPTION_GROUP_DECODING,
                              .commands = MODEL_COMMANDS,
                              .field = FIELD(decoding.max_length),
                              .value = "N",
                              .minimum = 2,
                              .maximum = SG_CLI_MAX_NEW_TOKENS + 1,
                              .help = "the same, the start token counted"},
    [SG_OPTION_MIN_NEW_TOKENS] = {.name = "min-new-tokens",
                                  .kind = SG_OPTION_KIND_WHOLE,
                                  .group = SG_OPTION_GROUP_DECODING,
                                  .commands = MODEL_COMMANDS,
                                  .field = FIELD(decoding.min_new_tokens),
                                  .value = "N",
                                  .minimum = 0,
                                  .maximum = SG_CLI_MAX_NEW_TOKENS,
                                  .help = "tokens before an end token is allowed (0)"},
    [SG_OPTION_MIN_LENGTH] = {.name = "min-length",
                              .kind = SG_OPTION_KIND_WHOLE,
                              .group = SG_OPTION_GROUP_DECODING,
                              .commands = MODEL_COMMANDS,
                              .field = FIELD(decoding.min_length),
                              .value = "N",
                              .minimum = 0,
                              .maximum = SG_CLI_MAX_NEW_TOKENS + 1,
                              .help = "the same, the start token counted (0)"},
    [SG_OPTION_LENGTH_PENALTY] = {.name = "length-penalty",
                                  .kind = SG_OPTION_KIND_REAL,
                                  .group = SG_OPTION_GROUP_DECODING,
                                  .commands = MODEL_COMMANDS,
                                  .field = FIELD(decoding.length_penalty),
                                  .value = "X",
                                  .real_minimum = -(double)INFINITY,
                                  .expected = "a number",
                                  .help = "beams: scores are divided by length to the X (1.0)"},
    [SG_OPTION_EARLY_STOPPING] = {.name = "early-stopping",
                                  .kind = SG_OPTION_KIND_CHOICE,
                                  .group = SG_OPTION_GROUP_DECODING,
                                  .commands = MODEL_COMMANDS,
                                  .field = FIELD(early_stopping),
                                  .value = "false|true|never",
                                  .choices = early_stopping_choices,
                                  .help =
                                      "beams: when a full set of results ends the search (false)"},
    [SG_OPTION_NO_REPEAT_NGRAM_SIZE] = {.name = "no-repeat-ngram-size",
                                        .kind = SG_OPTION_KIND_WHOLE,
                                        .group = SG_OPTION_GROUP_DECODING,
                                        .commands = MODEL_COMMANDS,
                                        .field = FIELD(decoding.no_repeat_ngram_size),
                                        .value = "N",
                                        .minimum = 0,
                                        .maximum = SG_CLI_MAX_NEW_TOKENS,
                                        .help = "never generate N tokens in a row twice (0: off)"},
    [SG_OPTION_REPETITION_PENALTY] =
        {.name = "repetition-penalty",
         .kind = SG_OPTION_KIND_REAL,
         .group = SG_OPTION_GROUP_DECODING,
         .commands = MODEL_COMMANDS,
         .field = FIELD(decoding.repetition_penalty),
         .value = "X",
         .real_minimum = 1e-30,
         .expected = "a number above 0",
         .help = "above 1 makes tokens already generated less likely (1.0)"},
    [SG_OPTION_STOP_AT_LAST_BLANK] = {.name = "stop-at-last-blank",
                                      .kind = SG_OPTION_KIND_FLAG,
                                      .group = SG_OPTION_GROUP_DECODING,
                                      .commands = MODEL_COMMANDS,
                                      .field = FIELD(stop_at_last_blank),
                                      STORES(true),
                                      .help =
                                          "the sentinel after the last blank ends the output (on)"},
    [SG_OPTION_NO_STOP_AT_LAST_BLANK] = {.name = "no-stop-at-last-blank",
                                         .kind = SG_OPTION_KIND_FLAG,
                                         .group = SG_OPTION_GROUP_DECODING,
                                         .commands = MODEL_COMMANDS,
                                         .field = FIELD(stop_at_last_blank),
                                         STORES(false),
                                         .help = "it does not"},

    [SG_OPTION_RECORD] = {.name = "record",
                          .kind = SG_OPTION_KIND_TEXT,
                          .group = SG_OPTION_GROUP_VERIFY,
                          .commands = SG_FOR_VERIFY,
                          .field = FIELD(record),
                          .value = "OUT",
                          .help = "write an expectation file from this program's own results"},
    [SG_OPTION_NEAR_TIE] = {.name = "near-tie",
                            .kind = SG_OPTION_KIND_REAL,
                            .group = SG_OPTION_GROUP_VERIFY,
                            .commands = SG_FOR_VERIFY,
                            .field = FIELD(near_tie),
                            .value = "X",
                            .real_minimum = 0,
                            .expected = "a number of 0 or more",
                            .help = "a margin below X is a near tie (1e-4; 1e-5 with beams)"},
    [SG_OPTION_MAX_NEAR_TIES] = {.name = "max-near-ties",
                                 .kind = SG_OPTION_KIND_SHARE,
                                 .group = SG_OPTION_GROUP_VERIFY,
                                 .commands = SG_FOR_VERIFY,
                                 .field = FIELD(max_near_ties),
                                 .value = "N|P%",
                                 .help = "more near ties than this are a failure (1%)"},
    [SG_OPTION_SCORE_TOLERANCE] = {.name = "score-tolerance",
                                   .kind = SG_OPTION_KIND_REAL,
                                   .group = SG_OPTION_GROUP_VERIFY,
                                   .commands = SG_FOR_VERIFY,
                                   .field = FIELD(score_tolerance),
                                   .value = "X",
                                   .real_minimum = 0,
                                   .expected = "a number of 0 or more",
                                   .help = "scores and log-probabilities may differ by X (1e-3)"},
    [SG_OPTION_ANY_MODEL] = {.name = "any-model",
                             .kind = SG_OPTION_KIND_FLAG,
                             .group = SG_OPTION_GROUP_VERIFY,
                             .commands = SG_FOR_VERIFY,
                             .field = FIELD(any_model),
                             STORES(true),
                             .help = "run although the model's files are not those of FILE"},
    [SG_OPTION_DECODE] = {.name = "decode",
                          .kind = SG_OPTION_KIND_FLAG,
                          .group = SG_OPTION_GROUP_TOKENIZE,
                          .commands = SG_FOR_TOKENIZE,
                          .field = FIELD(decode),
                          STORES(true),
                          .help = "the reverse: lines of ids become text"},
    [SG_OPTION_CHECKSUM] = {.name = "checksum",
                            .kind = SG_OPTION_KIND_FLAG,
                            .group = SG_OPTION_GROUP_INSPECT,
                            .commands = SG_FOR_VERIFY | SG_FOR_INSPECT,
                            .field = FIELD(checksum),
                            STORES(true),
                            .help = "read the weight files whole and take their SHA-256"},

    [SG_OPTION_DTYPE] = {.name = "dtype",
                         .kind = SG_OPTION_KIND_CHOICE,
                         .group = SG_OPTION_GROUP_CONVERT,
                         .commands = SG_FOR_CONVERT,
                         .field = FIELD(dtype),
                         .value = "keep|f32|bf16|f16",
                         .choices = dtype_choices,
                         .help = "the type of the weights, rounded to nearest (keep)"},
    [SG_OPTION_MAX_SHARD_SIZE] = {.name = "max-shard-size",
                                  .kind = SG_OPTION_KIND_SIZE,
                                  .group = SG_OPTION_GROUP_CONVERT,
                                  .commands = SG_FOR_CONVERT,
                                  .field = FIELD(max_shard_size),
                                  .value = "SIZE",
                                  .minimum = 1,
                                  .maximum = INT64_MAX,
                                  .help = "most bytes of weights in a file, such as 500MB (5GB)"},

    [SG_OPTION_THREADS] = {.name = "threads",
                           .letter = 't',
                           .kind = SG_OPTION_KIND_WHOLE,
                           .group = SG_OPTION_GROUP_MACHINE,
                           .commands = MODEL_COMMANDS,
                           .field = FIELD(threads),
                           .value = "N",
                           .minimum = 1,
                           .maximum = SG_CLI_MAX_THREADS,
                           .help = "threads ($SWITCH_GEN_THREADS, else what the process may use)"},
    [SG_OPTION_MATMUL] = {.name = "matmul",
                          .kind = SG_OPTION_KIND_CHOICE,
                          .group = SG_OPTION_GROUP_MACHINE,
                          .commands = MODEL_COMMANDS,
                          .field = FIELD(matmul),
                          .value = "auto|native|blas",
                          .choices = matmul_choices,
                          .help = "whose matrix products (auto)"},
    [SG_OPTION_CPU] = {.name = "cpu",
                       .kind = SG_OPTION_KIND_CHOICE,
                       .group = SG_OPTION_GROUP_MACHINE,
                       .commands = MODEL_COMMANDS,
                       .field = FIELD(cpu),
                       .value = "LEVEL",
                       .choices = cpu_choices,
                       .help = "auto, avx512, avx2 or portable kernels (auto; for tests)"},

    [SG_OPTION_VERBOSE] = {.name = "verbose",
                           .letter = 'v',
                           .kind = SG_OPTION_KIND_COUNTER,
                           .group = SG_OPTION_GROUP_TALK,
                           .commands = SG_FOR_ALL,
                           .field = FIELD(verbosity),
                           .help = "say more; repeatable"},
    [SG_OPTION_QUIET] = {.name = "quiet",
                         .letter = 'q',
                         .kind = SG_OPTION_KIND_FLAG,
                         .group = SG_OPTION_GROUP_TALK,
                         .commands = SG_FOR_ALL,
                         .field = FIELD(quiet),
                         STORES(true),
                         .help = "no warnings"},
    [SG_OPTION_COLOR] = {.name = "color",
                         .kind = SG_OPTION_KIND_CHOICE,
                         .group = SG_OPTION_GROUP_TALK,
                         .commands = SG_FOR_FILL,
                         .field = FIELD(color),
                         .value = "auto|always|never",
                         .choices = color_choices,
                         .help = "fills in bold (auto: on a terminal, unless $NO_COLOR)"},
    [SG_OPTION_HELP] = {.name = "help",
                        .letter = 'h',
                        .kind = SG_OPTION_KIND_FLAG,
                        .group = SG_OPTION_GROUP_TALK,
                        .commands = SG_FOR_ALL,
                        .field = FIELD(help),
                        STORES(true),
                        .help = "this text"},
    [SG_OPTION_VERSION] = {.name = "version",
                           .letter = 'V',
                           .kind = SG_OPTION_KIND_FLAG,
                           .group = SG_OPTION_GROUP_TALK,
                           .commands = SG_FOR_ALL,
                           .field = FIELD(version),
                           STORES(true),
                           .help = "the version; with -v the build; with --format json as JSON"},
};

const sg_option_row *sg_option_table_row(sg_option_id id) {
    return &option_table[id];
}

sg_option_id sg_option_table_find(const char *name, size_t length) {
    for (int id = 0; id < SG_OPTION_COUNT; id++) {
        if (strlen(option_table[id].name) == length &&
            memcmp(option_table[id].name, name, length) == 0) {
            return (sg_option_id)id;
        }
    }
    return SG_OPTION_COUNT;
}

sg_option_id sg_option_table_find_letter(char letter) {
    for (int id = 0; id < SG_OPTION_COUNT; id++) {
        if (option_table[id].letter == letter && letter != '\0') {
            return (sg_option_id)id;
        }
    }
    return SG_OPTION_COUNT;
}

const char *sg_option_table_group_title(sg_option_group group) {
    static const char *const titles[SG_OPTION_GROUP_COUNT] = {
        [SG_OPTION_GROUP_MODEL] = "model",
        [SG_OPTION_GROUP_INPUT] = "input",
        [SG_OPTION_GROUP_OUTPUT] = "output",
        [SG_OPTION_GROUP_DECODING] = "decoding, by Hugging Face's names",
        [SG_OPTION_GROUP_VERIFY] = "verify",
        [SG_OPTION_GROUP_TOKENIZE] = "tokenize",
        [SG_OPTION_GROUP_INSPECT] = "files",
        [SG_OPTION_GROUP_CONVERT] = "convert",
        [SG_OPTION_GROUP_MACHINE] = "machine",
        [SG_OPTION_GROUP_TALK] = "talk",
    };
    return titles[group];
}

const sg_command_row *sg_command_table_row(sg_cli_command command) {
    return &command_table[command];
}

sg_cli_command sg_command_table_find(const char *name) {
    for (int command = 0; command < SG_CLI_COMMAND_COUNT; command++) {
        if (strcmp(command_table[command].name, name) == 0) {
            return (sg_cli_command)command;
        }
    }
    return SG_CLI_COMMAND_COUNT;
}
