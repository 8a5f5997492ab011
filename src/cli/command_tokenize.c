/* SPDX-License-Identifier: Apache-2.0 */
/* tokenize: text -> "ids<TAB>pieces", or with --decode "ids" -> text. Opens no weights. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "cli/commands.h"
#include "cli/record_loop.h"
#include "cli/report.h"
#include "storage/json_writer.h"

typedef struct tokenize_state {
    const sg_cli_options *options;
} tokenize_state;

static void end_line(const tokenize_state *state, sg_buffer *out) {
    (void)sg_buffer_append(out, state->options->null_records ? "\0" : "\n", 1);
}

/* Every id of a tokenized text has a piece. */
static const char *piece_of(const sg_engine *engine, int32_t id) {
    const char *piece = sg_engine_piece(engine, id);
    return piece == NULL ? "" : piece;
}

static void append_tsv(const sg_engine *engine, const int32_t *ids, size_t count, sg_buffer *out) {
    for (size_t i = 0; i < count; i++) {
        (void)sg_buffer_append_format(out, "%s%" PRId32, i == 0 ? "" : " ", ids[i]);
    }
    for (size_t i = 0; i < count; i++) {
        (void)sg_buffer_append_text(out, i == 0 ? "\t" : " ");
        (void)sg_buffer_append_text(out, piece_of(engine, ids[i]));
    }
}

static void append_json(const sg_engine *engine, uint64_t index, const int32_t *ids, size_t count,
                        sg_buffer *out) {
    (void)sg_buffer_append_format(
        out, "{\"v\":1,\"index\":%" PRIu64 ",\"id\":null,\"status\":\"ok\",\"ids\":", index);
    sg_json_write_ids(out, ids, count);
    (void)sg_buffer_append_text(out, ",\"pieces\":[");
    for (size_t i = 0; i < count; i++) {
        const char *piece = piece_of(engine, ids[i]);
        (void)sg_buffer_append_text(out, i == 0 ? "" : ",");
        sg_json_write_string(out, piece, strlen(piece));
    }
    (void)sg_buffer_append_text(out, "]}");
}

static sg_status answer_text(void *context, const sg_engine_setup *setup,
                             const sg_input_record *record, sg_buffer *out, sg_error *error) {
    const tokenize_state *state = context;
    sg_text text = {.bytes = record->text, .length = record->length};
    int32_t *ids = NULL;
    size_t count = 0;
    SG_TRY(sg_engine_tokenize(setup->engine, text, &ids, &count, error));
    if (state->options->format == SG_CLI_FORMAT_JSONL) {
        append_json(setup->engine, record->index, ids, count, out);
    } else {
        append_tsv(setup->engine, ids, count, out);
    }
    end_line(state, out);
    sg_free(ids);
    return out->status == SG_STATUS_OK ? SG_STATUS_OK : sg_memory_error(error, "ids", out->length);
}

/* --- the reverse --- */

/* Read the ids of "12 7 1", or of a line that tokenize printed: what follows a tab is left out.
 * `ids` has room for every second byte of the record. */
static sg_status parse_ids(const sg_input_record *record, int32_t *ids, size_t *count,
                           sg_error *error) {
    const char *tab = memchr(record->text, '\t', record->length);
    size_t length = tab == NULL ? record->length : (size_t)(tab - record->text);
    size_t offset = 0;
    *count = 0;
    while (offset < length) {
        const char *word = record->text + offset;
        const char *space = memchr(word, ' ', length - offset);
        size_t word_length = space == NULL ? length - offset : (size_t)(space - word);
        int64_t id = 0;
        if (word_length > 0) {
            if (!sg_number_parse_i64(word, word_length, &id) || id < 0 || id > INT32_MAX) {
                return sg_error_set(error, SG_STATUS_BAD_RECORD, "\"%.*s\" is not a token id",
                                    (int)(word_length < 80 ? word_length : 80), word);
            }
            ids[(*count)++] = (int32_t)id;
        }
        offset += word_length + 1;
    }
    return SG_STATUS_OK;
}

static sg_status append_decoded(const tokenize_state *state, const sg_engine *engine,
                                uint64_t index, const int32_t *ids, size_t count, sg_buffer *out,
                                sg_error *error) {
    char *text = NULL;
    size_t length = 0;
    sg_status status =
        sg_engine_detokenize(engine, ids, count, SG_DECODE_FORM_RAW, &text, &length, error);
    if (status != SG_STATUS_OK) {
        return status == SG_STATUS_ARGUMENT ? SG_STATUS_BAD_RECORD : status;
    }
    if (state->options->format == SG_CLI_FORMAT_JSONL) {
        (void)sg_buffer_append_format(
            out, "{\"v\":1,\"index\":%" PRIu64 ",\"id\":null,\"status\":\"ok\",\"text\":", index);
        sg_json_write_string(out, text, length);
        (void)sg_buffer_append_text(out, "}");
    } else {
        (void)sg_buffer_append(out, text, length);
    }
    end_line(state, out);
    sg_free(text);
    return out->status == SG_STATUS_OK ? SG_STATUS_OK
                                       : sg_memory_error(error, "a text", out->length);
}

static sg_status answer_ids(void *context, const sg_engine_setup *setup,
                            const sg_input_record *record, sg_buffer *out, sg_error *error) {
    const tokenize_state *state = context;
    size_t room = record->length / 2 + 1;
    size_t count = 0;
    sg_status status;
    int32_t *ids = sg_memory_alloc(room, sizeof *ids);
    if (ids == NULL) {
        return sg_memory_error(error, "ids", room * sizeof *ids);
    }
    status = parse_ids(record, ids, &count, error);
    if (status == SG_STATUS_OK) {
        status = append_decoded(state, setup->engine, record->index, ids, count, out, error);
    }
    sg_memory_free(ids);
    return status;
}

sg_exit_code sg_command_tokenize(sg_cli_context *context) {
    const sg_cli_options *options = context->options;
    tokenize_state state = {.options = options};
    sg_engine_options engine_options =
        sg_cli_options_engine(options, sg_console_log(context->console));
    sg_record_loop loop = {
        .engine_options = &engine_options,
        .style = {.format = options->format, .null_records = options->null_records},
        .answer = options->decode ? answer_ids : answer_text,
        .state = &state};
    engine_options.tokenizer_only = true;
    return sg_record_loop_run(&loop, context);
}
