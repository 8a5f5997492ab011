/* SPDX-License-Identifier: Apache-2.0 */
/* The expectation file of verify (cli.md section 6): a header line, then one case a line. */
#ifndef SG_CLI_EXPECTATION_H
#define SG_CLI_EXPECTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/options.h>
#include <switchgen/status.h>

#include "storage/json.h"

#define SG_EXPECTATION_MAX_FILE_BYTES ((size_t)512 << 20)
#define SG_EXPECTATION_MAX_EOS_IDS 64

/* An open file. */
typedef struct sg_expectation_file {
    const char *path; /* borrowed */
    char *bytes;      /* the whole file; owned */
    size_t length;
    size_t offset; /* of the next unread line */
    size_t line;   /* of the line read last, from 1 */
    size_t case_count;
    sg_json *header; /* owned */
} sg_expectation_file;

/* One hypothesis that is expected. */
typedef struct sg_expected_output {
    int32_t *ids; /* owned */
    size_t id_count;
    const char *raw; /* NULL where the file does not say; borrowed from the case */
    double logprob;  /* NaN where the file does not say */
    double score;    /* NaN: none */
} sg_expected_output;

typedef struct sg_expectation_case {
    size_t line; /* in the file */
    sg_json *document;
    const char *text;
    sg_infill_options options; /* eos_token_ids points into this struct: do not copy it */
    int32_t eos_token_ids[SG_EXPECTATION_MAX_EOS_IDS];
    int32_t *input_ids; /* owned; NULL where the file does not say */
    size_t input_id_count;
    sg_expected_output own;         /* the case's own fields: the best output */
    sg_expected_output *candidates; /* [candidate_count] best first; owned; NULL: only the best */
    size_t candidate_count;
    double *margins; /* owned; NULL where the file does not say */
    size_t margin_count;
} sg_expectation_case;

/* Read the file at `path` and its header. Errors: SG_STATUS_ARGUMENT (cannot be read, malformed,
 * another number of cases than the header says, or none), SG_STATUS_MEMORY. On failure *file may be
 * closed. */
sg_status sg_expectation_open(const char *path, sg_expectation_file *file,
                              sg_error *error) SG_MUST_CHECK;

/* Free. Allowed on a zeroed struct and twice. */
void sg_expectation_close(sg_expectation_file *file);

/* The next case; *found is false after the last. On success *one_case is cleared by the caller.
 * Errors: SG_STATUS_ARGUMENT ("FILE:LINE: ..."), SG_STATUS_MEMORY. */
sg_status sg_expectation_next(sg_expectation_file *file, sg_expectation_case *one_case, bool *found,
                              sg_error *error) SG_MUST_CHECK;

/* Free. Allowed on a zeroed struct and twice. */
void sg_expectation_case_clear(sg_expectation_case *one_case);

/* Compare the files that the header names with those in `directory`: names and sizes, and with
 * `checksum` their SHA-256. A header without a list of files passes. Errors: SG_STATUS_MODEL (the
 * file, found, expected), SG_STATUS_ARGUMENT (a malformed header), SG_STATUS_IO, SG_STATUS_MEMORY.
 */
sg_status sg_expectation_check_model(const sg_expectation_file *file, const char *directory,
                                     bool checksum, sg_error *error) SG_MUST_CHECK;

#endif
