/* SPDX-License-Identifier: Apache-2.0 */
/* Where results go: one loop over write(2), every result checked; a named file appears whole or not
 * at all. */
#ifndef SG_CLI_OUTPUT_H
#define SG_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/status.h>

#include "cli/input.h"

typedef struct sg_output {
    int descriptor;
    char *name;         /* for messages; owned */
    char *path;         /* the file to rename to, or NULL: written directly; owned */
    char *part;         /* path and ".part"; owned */
    bool owned;         /* the descriptor is ours to close */
    bool wrote;         /* anything at all */
    bool reader_closed; /* a write failed with EPIPE: no failure to report, a death by SIGPIPE */
} sg_output;

/* Open `path`, or standard output where it is NULL or "-". A regular or new file is written as
 * PATH.part, locked. An output that is also one of `input` (may be NULL) is refused. Errors:
 * SG_STATUS_ARGUMENT (PATH.part exists, an input, cannot be created), SG_STATUS_IO (another run is
 * writing it), SG_STATUS_MEMORY. On failure *output may be cleared. */
sg_status sg_output_open(sg_output *output, const char *path, const sg_input *input,
                         sg_error *error) SG_MUST_CHECK;

/* SG_STATUS_ARGUMENT if `path` (may be NULL) and the file at `input_path` are one file. */
sg_status sg_output_check_apart(const char *path, const char *input_path,
                                sg_error *error) SG_MUST_CHECK;

/* Write all bytes. Errors: SG_STATUS_IO. */
sg_status sg_output_write(sg_output *output, const void *bytes, size_t length,
                          sg_error *error) SG_MUST_CHECK;

/* All is written: a named file is synced and renamed into place. Errors: SG_STATUS_IO. */
sg_status sg_output_finish(sg_output *output, sg_error *error) SG_MUST_CHECK;

/* Close and free. An unfinished .part stays, with its whole records, unless nothing was written to
 * it. Allowed on a zeroed struct and twice. */
void sg_output_clear(sg_output *output);

#endif
