/* SPDX-License-Identifier: Apache-2.0 */
/* A document, its top object and its path in one place, so that reading a key is one short call. */
#include "model/config_reader.h"

#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/config.h"

sg_status sg_config_reader_open(sg_config_reader *reader, const char *directory, const char *name,
                                sg_error *error) {
    sg_buffer path;
    *reader = (sg_config_reader){.error = error};
    sg_buffer_init(&path, SIZE_MAX - 1);
    if (directory != NULL) {
        (void)sg_buffer_append_format(&path, "%s/", directory);
    }
    (void)sg_buffer_append_text(&path, name);
    if (sg_buffer_take(&path, &reader->path, NULL) != SG_STATUS_OK) {
        sg_buffer_clear(&path);
        return sg_memory_error(error, "a path", strlen(name));
    }
    SG_TRY(sg_json_parse_file(reader->path, SG_CONFIG_MAX_FILE_BYTES, &reader->document, error));
    reader->object = sg_json_root(reader->document);
    if (sg_json_kind(reader->object) != SG_JSON_EVENT_OBJECT_BEGIN) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s: the top value is not an object",
                            reader->path);
    }
    return SG_STATUS_OK;
}

void sg_config_reader_close(sg_config_reader *reader) {
    sg_json_destroy(reader->document);
    sg_memory_free(reader->path);
    *reader = (sg_config_reader){0};
}

sg_status sg_config_reader_pass(const sg_config_reader *reader, sg_status status) {
    return sg_problem_pass(reader->sink, status, reader->error);
}

sg_status sg_config_reader_i64(const sg_config_reader *reader, const char *key, int64_t minimum,
                               int64_t maximum, int64_t *out) {
    return sg_config_reader_pass(reader,
                                 sg_json_get_i64(reader->document, reader->object, key, minimum,
                                                 maximum, true, out, reader->error));
}

sg_status sg_config_reader_size(const sg_config_reader *reader, const char *key, int64_t minimum,
                                int64_t maximum, size_t *out) {
    int64_t value = (int64_t)*out;
    SG_TRY(sg_config_reader_i64(reader, key, minimum, maximum, &value));
    *out = (size_t)value;
    return SG_STATUS_OK;
}

sg_status sg_config_reader_f64(const sg_config_reader *reader, const char *key, double minimum,
                               double maximum, double *out) {
    return sg_config_reader_pass(reader,
                                 sg_json_get_f64(reader->document, reader->object, key, minimum,
                                                 maximum, true, out, reader->error));
}

sg_status sg_config_reader_bool(const sg_config_reader *reader, const char *key, bool *out) {
    return sg_config_reader_pass(
        reader, sg_json_get_bool(reader->document, reader->object, key, true, out, reader->error));
}

sg_status sg_config_reader_string(const sg_config_reader *reader, const char *key,
                                  const char **out) {
    return sg_config_reader_pass(reader, sg_json_get_string(reader->document, reader->object, key,
                                                            true, out, reader->error));
}
