/* SPDX-License-Identifier: Apache-2.0 */
/* convert: a checkpoint's folder -> a folder of safetensors. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/conversion.h"

#define MAX_SUMMARY_BYTES 8192

/* Nanoseconds between two lines of progress. */
#define PROGRESS_INTERVAL 200000000

typedef struct convert_progress {
    const sg_cli_context *context;
    bool shown; /* on a terminal */
    int64_t last;
} convert_progress;

static int64_t now(void) {
    struct timespec time = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static bool stop_asked(const sg_cli_context *context) {
    struct pollfd watched = {.fd = context->stop_descriptor, .events = POLLIN};
    return context->stop_descriptor >= 0 && poll(&watched, 1, 0) > 0;
}

static void write_progress(const sg_cli_context *context, const char *line) {
    ssize_t written = write(context->console->descriptor, line, strlen(line));
    (void)written; /* nobody is told less by it */
}

static bool note_progress(void *context, uint64_t done, uint64_t total) {
    convert_progress *progress = context;
    int64_t time = progress->shown ? now() : 0;
    if (progress->shown && time - progress->last >= PROGRESS_INTERVAL) {
        char line[64];
        progress->last = time;
        (void)snprintf(line, sizeof line, "\r%.1f of %.1f GB ", (double)done / 1e9,
                       (double)total / 1e9);
        write_progress(progress->context, line);
    }
    return !stop_asked(progress->context);
}

static sg_exit_code print_summary(sg_cli_context *context, const char *target,
                                  const sg_conversion_summary *summary) {
    sg_exit_code code;
    sg_buffer out;
    sg_buffer_init(&out, MAX_SUMMARY_BYTES);
    (void)sg_buffer_append_format(&out, "%s: %zu tensor%s in %zu file%s of %" PRIu64 " bytes",
                                  target, summary->tensors, summary->tensors == 1 ? "" : "s",
                                  summary->files, summary->files == 1 ? "" : "s", summary->bytes);
    if (summary->aliases > 0) {
        (void)sg_buffer_append_format(&out, "; %zu tied name%s left out", summary->aliases,
                                      summary->aliases == 1 ? "" : "s");
    }
    (void)sg_buffer_append_text(&out, "\n");
    code = sg_command_print(context, &out);
    sg_buffer_clear(&out);
    return code;
}

sg_exit_code sg_command_convert(sg_cli_context *context) {
    const sg_cli_options *options = context->options;
    convert_progress progress = {.context = context,
                                 .shown = !options->quiet && isatty(context->console->descriptor)};
    sg_conversion_options conversion = {.dtype = (sg_conversion_dtype)options->dtype,
                                        .max_shard_bytes = (uint64_t)options->max_shard_size,
                                        .progress = note_progress,
                                        .context = &progress,
                                        .log = sg_console_log(context->console)};
    sg_conversion_summary summary;
    sg_error error = {.code = SG_STATUS_OK};
    sg_status status = sg_conversion_run(options->operands[0], options->operands[1], &conversion,
                                         &summary, &error);
    if (progress.last != 0) {
        write_progress(context, "\r                              \r");
    }
    return status == SG_STATUS_OK ? print_summary(context, options->operands[1], &summary)
                                  : sg_command_fail(context, &error);
}
