/* SPDX-License-Identifier: Apache-2.0 */
/* One of a model's JSON documents while it is read, and where failures go. For config.c and
 * generation_config.c. */
#ifndef SG_MODEL_CONFIG_READER_H
#define SG_MODEL_CONFIG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "storage/json.h"

typedef struct sg_config_reader {
    sg_json *document; /* owned */
    const sg_json_value *object;
    char *path; /* owned; begins messages */
    sg_error *error;
    const sg_problem_sink *sink; /* NULL: the first flaw ends the reading */
} sg_config_reader;

/* Open DIRECTORY/NAME, or NAME itself where `directory` is NULL; its top value must be an object.
 * Release with sg_config_reader_close, also after a failure. */
sg_status sg_config_reader_open(sg_config_reader *reader, const char *directory, const char *name,
                                sg_error *error) SG_MUST_CHECK;

/* Release. Allowed on a zeroed struct. */
void sg_config_reader_close(sg_config_reader *reader);

/* A flaw of a value on its way up: told and passed over where there is a sink. */
sg_status sg_config_reader_pass(const sg_config_reader *reader, sg_status status) SG_MUST_CHECK;

/* Typed values. Absent or null leaves *out alone; a wrong kind or range is SG_STATUS_MODEL,
 * and leaves *out alone too where a sink took it. */
sg_status sg_config_reader_size(const sg_config_reader *reader, const char *key, int64_t minimum,
                                int64_t maximum, size_t *out) SG_MUST_CHECK;
sg_status sg_config_reader_i64(const sg_config_reader *reader, const char *key, int64_t minimum,
                               int64_t maximum, int64_t *out) SG_MUST_CHECK;
sg_status sg_config_reader_f64(const sg_config_reader *reader, const char *key, double minimum,
                               double maximum, double *out) SG_MUST_CHECK;
sg_status sg_config_reader_bool(const sg_config_reader *reader, const char *key,
                                bool *out) SG_MUST_CHECK;
sg_status sg_config_reader_string(const sg_config_reader *reader, const char *key,
                                  const char **out) SG_MUST_CHECK;

#endif
