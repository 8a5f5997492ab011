/* SPDX-License-Identifier: Apache-2.0 */
/* Texts from operands, files and standard input, one record after another, in bounded memory. */
#ifndef SG_CLI_INPUT_H
#define SG_CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "base/buffer.h"

/* A longer record is too_long (cli.md section 2). */
#define SG_INPUT_MAX_RECORD_BYTES 262144

/* Room for "FILE:LINE"; longer names are cut at the front. */
#define SG_INPUT_WHERE_SIZE 288

/* One file, opened. */
typedef struct sg_input_file {
    const char *name; /* as typed; "stdin" */
    int descriptor;
    uint64_t device, inode;
} sg_input_file;

/* What is read, and how. */
typedef struct sg_input_source {
    const char *const *texts; /* [text_count] operands; "-" is standard input */
    size_t text_count;
    const char *const *files; /* [file_count] "-" is standard input */
    size_t file_count;
    bool dash_is_stdin;  /* "-" among the texts is standard input */
    bool null_records;   /* records end in NUL instead of a line feed */
    int stop_descriptor; /* becomes readable when the run should end; -1: none */
} sg_input_source;

typedef struct sg_input {
    sg_input_source source;
    sg_input_file *files; /* [file_count] owned; the files to read after the texts */
    size_t file_count;
    size_t next_text;
    size_t current_file;
    size_t line; /* of the record read last, from 1 */
    char *chunk; /* bytes read and not yet looked at; owned */
    size_t chunk_begin, chunk_end;
    uint64_t records; /* handed out so far */
    bool at_file_begin;
    sg_buffer record;
} sg_input;

/* One text. */
typedef struct sg_input_record {
    const char *text; /* borrowed until the next call; NULL where status is SG_STATUS_TOO_LONG */
    size_t length;
    uint64_t index; /* number in the whole input, from 0 */
    bool from_file;
    bool empty;                      /* an empty line of a file: answered, not run */
    char where[SG_INPUT_WHERE_SIZE]; /* "FILE:LINE", "stdin:3", "text 1"; for messages */
    sg_status status; /* SG_STATUS_OK, _TOO_LONG or _BAD_UTF8; then `error` says more */
    sg_error error;
} sg_input_record;

/* Open every file of `source` (borrowed while the input lives). With neither texts nor files,
 * standard input is read, unless it is a terminal. Errors: SG_STATUS_ARGUMENT (a file that cannot
 * be opened, standard input twice or a terminal), SG_STATUS_MEMORY. On failure *input may be
 * cleared. */
sg_status sg_input_open(sg_input *input, const sg_input_source *source,
                        sg_error *error) SG_MUST_CHECK;

/* The next record. *found is false at the end of all input, and when the run should end.
 * Errors: SG_STATUS_IO, SG_STATUS_MEMORY. */
sg_status sg_input_next(sg_input *input, sg_input_record *record, bool *found,
                        sg_error *error) SG_MUST_CHECK;

/* True if the run should end: `stop_descriptor` (-1: never) is readable. */
bool sg_input_stop_requested(int stop_descriptor);

/* True if the file with this device and inode is among the inputs. */
bool sg_input_reads(const sg_input *input, uint64_t device, uint64_t inode);

/* Close all files and free. Allowed on a zeroed struct and twice. */
void sg_input_clear(sg_input *input);

#endif
