/* SPDX-License-Identifier: Apache-2.0 */
/* Help and version, rendered from the tables. */
#include <stdio.h>
#include <string.h>

#include <switchgen/version.h>

#include "cli/commands.h"
#include "math/cpu.h"
#include "storage/json_writer.h"

#define MAX_HELP_BYTES 65536

/* Where the help texts of options begin. */
#define HELP_COLUMN 34

static void append_spaces(sg_buffer *out, size_t count) {
    for (; count > 0; count--) {
        (void)sg_buffer_append(out, " ", 1);
    }
}

/* Lines of `text` after the first begin under the first. */
static void append_help_text(sg_buffer *out, const char *text) {
    const char *line = text;
    for (;;) {
        const char *end = strchr(line, '\n');
        if (end == NULL) {
            (void)sg_buffer_append_format(out, "%s\n", line);
            return;
        }
        (void)sg_buffer_append(out, line, (size_t)(end - line) + 1);
        append_spaces(out, HELP_COLUMN);
        line = end + 1;
    }
}

static void append_option(sg_buffer *out, const sg_option_row *row) {
    size_t begin = out->length;
    size_t width;
    if (row->letter != '\0') {
        (void)sg_buffer_append_format(out, "  -%c, --%s", row->letter, row->name);
    } else {
        (void)sg_buffer_append_format(out, "      --%s", row->name);
    }
    if (row->value != NULL) {
        (void)sg_buffer_append_format(out, " %s", row->value);
    }
    width = out->length - begin;
    if (width + 2 > HELP_COLUMN) {
        (void)sg_buffer_append_text(out, "\n");
        width = 0;
    }
    append_spaces(out, HELP_COLUMN - width);
    append_help_text(out, row->help);
}

/* The forms of output differ by command, so the table's text for --format is completed here. */
static void append_formats(sg_buffer *out, const sg_choice *formats) {
    sg_option_row row = *sg_option_table_row(SG_OPTION_FORMAT);
    sg_buffer help;
    sg_buffer_init(&help, 256);
    for (const sg_choice *format = formats; format->word != NULL; format++) {
        (void)sg_buffer_append_format(&help, "%s%s", format == formats ? "" : "|", format->word);
    }
    (void)sg_buffer_append_format(&help, " (%s)", formats[0].word);
    if (help.status == SG_STATUS_OK) {
        row.help = help.data;
        append_option(out, &row);
    }
    sg_buffer_clear(&help);
}

static void append_group(sg_buffer *out, sg_option_group group, sg_cli_command command) {
    bool begun = false;
    for (int id = 0; id < SG_OPTION_COUNT; id++) {
        const sg_option_row *row = sg_option_table_row((sg_option_id)id);
        if (row->group != group || (row->commands & (1u << command)) == 0) {
            continue;
        }
        if (!begun) {
            (void)sg_buffer_append_format(out, "\n%s:\n", sg_option_table_group_title(group));
            begun = true;
        }
        if (id == SG_OPTION_FORMAT) {
            append_formats(out, sg_command_table_row(command)->formats);
        } else {
            append_option(out, row);
        }
    }
}

static void append_options(sg_buffer *out, sg_cli_command command) {
    for (int group = 0; group < SG_OPTION_GROUP_COUNT; group++) {
        append_group(out, (sg_option_group)group, command);
    }
}

static void append_exit_codes(sg_buffer *out) {
    (void)sg_buffer_append_text(
        out, "\nexit codes:\n"
             "  0  all records done\n"
             "  1  the work failed: memory, input or output, a model that changed underneath\n"
             "  2  wrong usage\n"
             "  3  model unusable: not found, damaged, unsupported\n"
             "  4  finished, but some records failed\n"
             "  5  verify found a difference\n");
}

static void append_overview(sg_buffer *out) {
    (void)sg_buffer_append_text(
        out, "switch-gen fills the blanks of a text with a Switch Transformer.\n\n"
             "usage: switch-gen [COMMAND] [OPTIONS] [--] [TEXT...]\n\n"
             "  switch-gen \"A <extra_id_0> walks into a bar.\"\n"
             "  switch-gen --blank ___ \"A ___ walks into a bar.\"\n"
             "  switch-gen -f texts.txt --format jsonl -o fills.jsonl\n\n"
             "commands (switch-gen help COMMAND says more):\n");
    for (int command = 0; command < SG_CLI_COMMAND_COUNT; command++) {
        const sg_command_row *row = sg_command_table_row((sg_cli_command)command);
        (void)sg_buffer_append_format(out, "  %-10s%s\n", row->name, row->summary);
    }
    (void)sg_buffer_append_format(out, "\n%s", sg_command_table_row(SG_CLI_COMMAND_FILL)->details);
}

sg_exit_code sg_command_help(sg_cli_context *context, sg_cli_command command, bool overview) {
    const sg_command_row *row = sg_command_table_row(command);
    sg_exit_code code;
    sg_buffer out;
    sg_buffer_init(&out, MAX_HELP_BYTES);
    if (overview) {
        append_overview(&out);
        append_options(&out, SG_CLI_COMMAND_FILL);
    } else {
        (void)sg_buffer_append_format(&out, "usage: switch-gen %s %s\n\n%s\n%s%s", row->name,
                                      row->synopsis, row->summary,
                                      row->details[0] == '\0' ? "" : "\n", row->details);
        append_options(&out, command);
    }
    append_exit_codes(&out);
    code = sg_command_print(context, &out);
    sg_buffer_clear(&out);
    return code;
}

/* --- version --- */

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* Which transformers release this program computes the same as. */
#define REFERENCE "transformers 5.23.0"

static const char *chosen_kernels(void) {
    sg_cpu_level level = SG_CPU_LEVEL_PORTABLE;
    return sg_cpu_choose(SG_CPU_LEVEL_AUTO, &level, NULL) == SG_STATUS_OK ? sg_cpu_level_name(level)
                                                                          : "portable";
}

static void append_version_json(sg_buffer *out) {
    (void)sg_buffer_append_text(out, "{\"name\":\"switch-gen\",\"version\":\"" SG_VERSION
                                     "\",\"reference\":\"" REFERENCE "\",\"compiler\":");
    sg_json_write_string(out, COMPILER, strlen(COMPILER));
    (void)sg_buffer_append_format(out, ",\"kernels\":\"%s\"}\n", chosen_kernels());
}

sg_exit_code sg_command_version(sg_cli_context *context) {
    sg_exit_code code;
    sg_buffer out;
    sg_buffer_init(&out, MAX_HELP_BYTES);
    if (context->options->format_word != NULL && context->options->format == SG_CLI_FORMAT_JSON) {
        append_version_json(&out);
    } else {
        (void)sg_buffer_append_text(&out, "switch-gen " SG_VERSION "\n");
        if (context->options->verbosity > 0) {
            (void)sg_buffer_append_format(&out, "reference: %s\ncompiler:  %s\nkernels:   %s\n",
                                          REFERENCE, COMPILER, chosen_kernels());
        }
    }
    code = sg_command_print(context, &out);
    sg_buffer_clear(&out);
    return code;
}
