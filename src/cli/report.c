/* SPDX-License-Identifier: Apache-2.0 */
/* One record in, its bytes out.
 *
 * Line forms: one line a hypothesis. JSON Lines: record version 1, its fields in the order of
 * cli.md section 5. Every string here is valid UTF-8 already, every float finite or null. */
#include "cli/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/utf8.h"
#include "storage/json_writer.h"

static const char bold_on[] = "\x1b[1m";
static const char bold_off[] = "\x1b[0m";

/* --- lines --- */

static void end_line(const sg_report_style *style, sg_buffer *out) {
    (void)sg_buffer_append(out, style->null_records ? "\0" : "\n", 1);
}

/* Bytes of the first `count` code points of text[0..length). */
static size_t bytes_of(const char *text, size_t length, size_t count) {
    size_t offset = 0;
    for (; count > 0 && offset < length; count--) {
        size_t step = sg_utf8_decode(text + offset, length - offset, NULL);
        offset += step == 0 ? 1 : step;
    }
    return offset;
}

/* The text with its fills in bold. Fills stand in the text's order and do not overlap. */
static void append_bold(const sg_candidate *candidate, sg_buffer *out) {
    const char *rest = candidate->text;
    size_t length = candidate->text_length;
    size_t position = 0; /* code points before `rest` */
    for (size_t i = 0; i < candidate->fill_count; i++) {
        const sg_fill *fill = &candidate->fills[i];
        size_t before;
        size_t inside;
        if (fill->text == NULL || fill->end <= fill->start || fill->start < position) {
            continue;
        }
        before = bytes_of(rest, length, fill->start - position);
        inside = bytes_of(rest + before, length - before, fill->end - fill->start);
        (void)sg_buffer_append(out, rest, before);
        (void)sg_buffer_append_text(out, bold_on);
        (void)sg_buffer_append(out, rest + before, inside);
        (void)sg_buffer_append_text(out, bold_off);
        rest += before + inside;
        length -= before + inside;
        position = fill->end;
    }
    (void)sg_buffer_append(out, rest, length);
}

static void append_fills_line(const sg_report_style *style, const sg_candidate *candidate,
                              sg_buffer *out) {
    for (size_t i = 0; i < candidate->fill_count; i++) {
        const sg_fill *fill = &candidate->fills[i];
        (void)sg_buffer_append_text(out, i == 0 ? "" : style->delimiter);
        if (fill->text == NULL) {
            (void)sg_buffer_append_format(out, "<extra_id_%zu>", fill->blank);
        } else {
            (void)sg_buffer_append(out, fill->text, fill->text_length);
        }
    }
}

static void append_ids_line(const sg_candidate *candidate, sg_buffer *out) {
    for (size_t i = 0; i < candidate->id_count; i++) {
        (void)sg_buffer_append_format(out, "%s%" PRId32, i == 0 ? "" : " ", candidate->ids[i]);
    }
}

static sg_status append_card(const sg_engine *engine, const sg_candidate *candidate, sg_buffer *out,
                             sg_error *error) {
    char *text = NULL;
    size_t length = 0;
    SG_TRY(sg_engine_detokenize(engine, candidate->ids, candidate->id_count, SG_DECODE_FORM_CARD,
                                &text, &length, error));
    (void)sg_buffer_append(out, text, length);
    sg_free(text);
    return SG_STATUS_OK;
}

static sg_status append_line(const sg_report_style *style, const sg_engine *engine,
                             const sg_candidate *candidate, sg_buffer *out, sg_error *error) {
    if (style->scores) {
        char number[SG_NUMBER_F32_SIZE];
        (void)sg_number_format_f32(candidate->logprob, number);
        (void)sg_buffer_append_format(out, "%s\t", number);
    }
    switch (style->format) {
    case SG_CLI_FORMAT_FILLS:
        append_fills_line(style, candidate, out);
        break;
    case SG_CLI_FORMAT_RAW:
        (void)sg_buffer_append(out, candidate->raw, candidate->raw_length);
        break;
    case SG_CLI_FORMAT_CARD:
        SG_TRY(append_card(engine, candidate, out, error));
        break;
    case SG_CLI_FORMAT_IDS:
        append_ids_line(candidate, out);
        break;
    default:
        if (style->bold) {
            append_bold(candidate, out);
        } else {
            (void)sg_buffer_append(out, candidate->text, candidate->text_length);
        }
        break;
    }
    end_line(style, out);
    return out->status;
}

static sg_status append_lines(const sg_report_style *style, const sg_engine *engine,
                              const sg_input_record *record, const sg_result *result,
                              sg_buffer *out, sg_error *error) {
    bool newline = record->from_file && memchr(record->text, '\n', record->length) != NULL;
    if (newline && !style->null_records) {
        return sg_error_set(error, SG_STATUS_NEWLINE,
                            "the text holds a line feed, expected one line");
    }
    for (size_t rank = 0; rank < result->candidate_count; rank++) {
        if (result->candidate_count > 1) {
            (void)sg_buffer_append_format(out, "%" PRIu64 "\t%zu\t", record->index, rank);
        }
        SG_TRY(append_line(style, engine, &result->candidates[rank], out, error));
    }
    return out->status;
}

/* --- JSON Lines --- */

static const char *finish_word(sg_finish finish) {
    switch (finish) {
    case SG_FINISH_EOS:
        return "eos";
    case SG_FINISH_BLANK:
        return "blank";
    case SG_FINISH_LENGTH:
        return "length";
    case SG_FINISH_NONE:
        break;
    }
    return "none";
}

static void append_bool(sg_buffer *out, const char *key, bool value) {
    (void)sg_buffer_append_format(out, ",\"%s\":%s", key, value ? "true" : "false");
}

static void append_f32(sg_buffer *out, const char *key, float value) {
    (void)sg_buffer_append_format(out, ",\"%s\":", key);
    sg_json_write_f32(out, value);
}

static void append_string(sg_buffer *out, const char *key, const char *text, size_t length) {
    (void)sg_buffer_append_format(out, "\"%s\":", key);
    sg_json_write_string(out, text, length);
}

static void append_fill(const sg_fill *fill, sg_buffer *out) {
    (void)sg_buffer_append_format(out, "{\"blank\":%zu,\"text\":", fill->blank);
    if (fill->text == NULL) {
        (void)sg_buffer_append_text(out, "null");
    } else {
        sg_json_write_string(out, fill->text, fill->text_length);
    }
    (void)sg_buffer_append_format(out, ",\"start\":%zu,\"end\":%zu,\"ids\":", fill->start,
                                  fill->end);
    sg_json_write_ids(out, fill->ids, fill->id_count);
    append_f32(out, "logprob", fill->logprob);
    (void)sg_buffer_append_text(out, "}");
}

static void append_fills(const sg_candidate *candidate, sg_buffer *out) {
    (void)sg_buffer_append_text(out, ",\"fills\":[");
    for (size_t i = 0; i < candidate->fill_count; i++) {
        (void)sg_buffer_append_text(out, i == 0 ? "" : ",");
        append_fill(&candidate->fills[i], out);
    }
    (void)sg_buffer_append_text(out, "]");
}

static void append_ids_and_scores(const sg_report_style *style, const sg_candidate *candidate,
                                  sg_buffer *out) {
    (void)sg_buffer_append_text(out, "\"ids\":");
    sg_json_write_ids(out, candidate->ids, candidate->id_count);
    (void)sg_buffer_append_text(out, ",");
    append_string(out, "raw", candidate->raw, candidate->raw_length);
    append_f32(out, "logprob", candidate->logprob);
    if (style->token_scores) {
        (void)sg_buffer_append_text(out, ",\"token_logprobs\":[");
        for (size_t i = 0; i < candidate->id_count; i++) {
            (void)sg_buffer_append_text(out, i == 0 ? "" : ",");
            sg_json_write_f32(out, candidate->token_logprobs[i]);
        }
        (void)sg_buffer_append_text(out, "]");
    }
    append_f32(out, "score", candidate->score);
}

static void append_candidates(const sg_report_style *style, const sg_result *result,
                              sg_buffer *out) {
    (void)sg_buffer_append_text(out, ",\"candidates\":[");
    for (size_t i = 0; i < result->candidate_count; i++) {
        const sg_candidate *candidate = &result->candidates[i];
        (void)sg_buffer_append_text(out, i == 0 ? "{" : ",{");
        append_ids_and_scores(style, candidate, out);
        (void)sg_buffer_append_text(out, ",");
        append_string(out, "text", candidate->text, candidate->text_length);
        append_fills(candidate, out);
        append_bool(out, "complete", candidate->complete);
        (void)sg_buffer_append_format(out, ",\"finish\":\"%s\"}", finish_word(candidate->finish));
    }
    (void)sg_buffer_append_text(out, "]");
}

/* Texts come without ids of their own, so "id" is null. */
static void begin_record(const sg_input_record *record, const char *status, sg_buffer *out) {
    (void)sg_buffer_append_format(out,
                                  "{\"v\":1,\"index\":%" PRIu64 ",\"id\":null,\"status\":\"%s\",",
                                  record->index, status);
}

static sg_status append_record(const sg_report_style *style, const sg_input_record *record,
                               const sg_result *result, sg_buffer *out) {
    const sg_candidate *best = &result->candidates[0];
    begin_record(record, "ok", out);
    append_string(out, "text", best->text, best->text_length);
    append_fills(best, out);
    append_bool(out, "complete", best->complete);
    (void)sg_buffer_append_text(out, ",");
    append_ids_and_scores(style, best, out);
    (void)sg_buffer_append_format(out, ",\"finish\":\"%s\"", finish_word(best->finish));
    if (result->candidate_count > 1) {
        append_candidates(style, result, out);
    }
    (void)sg_buffer_append_format(
        out,
        ",\"input_tokens\":%zu,\"output_tokens\":%zu,\"unk_tokens\":%zu,\"dropped_tokens\":%zu",
        result->input_tokens, best->id_count, result->unk_tokens, result->dropped_tokens);
    append_bool(out, "truncated", result->truncated);
    (void)sg_buffer_append_text(out, "}");
    end_line(style, out);
    return out->status;
}

/* --- what the commands call --- */

sg_status sg_report_result(const sg_report_style *style, const sg_engine *engine,
                           const sg_input_record *record, const sg_result *result, sg_buffer *out,
                           sg_error *error) {
    sg_status status = style->format == SG_CLI_FORMAT_JSONL
                           ? append_record(style, record, result, out)
                           : append_lines(style, engine, record, result, out, error);
    if (out->status != SG_STATUS_OK) {
        return sg_memory_error(error, "a result", out->length);
    }
    return status;
}

sg_status sg_report_failure(const sg_report_style *style, const sg_input_record *record,
                            const sg_error *failure, sg_buffer *out) {
    if (style->format == SG_CLI_FORMAT_JSONL) {
        begin_record(record, "error", out);
        (void)sg_buffer_append_format(out, "\"error\":{\"code\":\"%s\",",
                                      sg_status_word(failure->code));
        append_string(out, "message", failure->message, strlen(failure->message));
        (void)sg_buffer_append_text(out, "}}");
    }
    end_line(style, out);
    return out->status;
}

sg_status sg_report_empty(const sg_report_style *style, const sg_input_record *record,
                          sg_buffer *out) {
    if (style->format == SG_CLI_FORMAT_JSONL) {
        begin_record(record, "ok", out);
        (void)sg_buffer_append_text(
            out,
            "\"text\":\"\",\"fills\":[],\"complete\":true,\"ids\":[],\"raw\":\"\",\"logprob\":0.0,"
            "\"score\":null,\"finish\":\"empty\",\"input_tokens\":0,\"output_tokens\":0,"
            "\"unk_tokens\":0,\"dropped_tokens\":0,\"truncated\":false}");
    }
    end_line(style, out);
    return out->status;
}
