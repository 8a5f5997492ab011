/* SPDX-License-Identifier: Apache-2.0 */
/* Every form of output, from a result made by hand. */
#include "cli/report.h"

#include <math.h>

#include "support/test.h"

static const int32_t ids[] = {10, 20, 21, 11, 1};
static const float logprobs[] = {-0.5f, -0.25f, -0.125f, -1.0f, -2.0f};
static const sg_fill fills[] = {
    {.blank = 0,
     .text = "\xc3\xa9t\xc3\xa9",
     .text_length = 5,
     .start = 2,
     .end = 5,
     .ids = ids + 1,
     .id_count = 2,
     .logprob = -0.375f},
    {.blank = 1, .text = "", .text_length = 0, .start = 6, .end = 6, .ids = ids + 4},
    {.blank = 2, .text = NULL, .start = 7, .end = 7},
};
static sg_candidate candidates[2];
static sg_result result;
static sg_input_record record;
static sg_report_style style;
static sg_buffer out;
static sg_error error;

/* "A été  <extra_id_2>\"" in its plainest style. */
static void set_up(void) {
    candidates[0] = (sg_candidate){.ids = ids,
                                   .id_count = 5,
                                   .token_logprobs = logprobs,
                                   .raw = "<raw>",
                                   .raw_length = 5,
                                   .text = "A \xc3\xa9t\xc3\xa9 <\"",
                                   .text_length = 10,
                                   .fills = fills,
                                   .fill_count = 3,
                                   .complete = false,
                                   .logprob = -3.875f,
                                   .score = (float)NAN,
                                   .finish = SG_FINISH_EOS};
    candidates[1] = candidates[0];
    candidates[1].text = "B";
    candidates[1].text_length = 1;
    candidates[1].finish = SG_FINISH_BLANK;
    result = (sg_result){.candidates = candidates, .candidate_count = 1, .input_tokens = 7};
    memset(&record, 0, sizeof record);
    record.text = "A <extra_id_0>";
    record.length = 14;
    record.index = 3;
    record.from_file = true;
    style = (sg_report_style){.format = SG_CLI_FORMAT_TEXT, .delimiter = "|"};
    sg_buffer_reset(&out);
}

static const char *report(void) {
    sg_buffer_reset(&out);
    CHECK_INT(sg_report_result(&style, NULL, &record, &result, &out, &error), SG_STATUS_OK);
    return out.data;
}

static void writes_lines(void) {
    set_up();
    CHECK_TEXT(report(), "A \xc3\xa9t\xc3\xa9 <\"\n");
    style.format = SG_CLI_FORMAT_FILLS;
    CHECK_TEXT(report(), "\xc3\xa9t\xc3\xa9||<extra_id_2>\n");
    style.format = SG_CLI_FORMAT_RAW;
    CHECK_TEXT(report(), "<raw>\n");
    style.format = SG_CLI_FORMAT_IDS;
    CHECK_TEXT(report(), "10 20 21 11 1\n");
    style.scores = true;
    CHECK_TEXT(report(), "-3.875\t10 20 21 11 1\n");
    style.null_records = true;
    CHECK_TEXT(report(), "-3.875\t10 20 21 11 1");
    CHECK_INT(out.data[out.length - 1], '\0');
    CHECK_INT(out.length, strlen(out.data) + 1);
}

/* start and end count code points; the marks must not cut a character. */
static void makes_fills_bold(void) {
    set_up();
    style.bold = true;
    CHECK_TEXT(report(), "A \x1b[1m\xc3\xa9t\xc3\xa9\x1b[0m <\"\n");
}

static void numbers_hypotheses(void) {
    set_up();
    result.candidate_count = 2;
    CHECK_TEXT(report(), "3\t0\tA \xc3\xa9t\xc3\xa9 <\"\n3\t1\tB\n");
    style.scores = true;
    CHECK_CONTAINS(report(), "3\t1\t-3.875\tB\n");
}

/* Readers depend on the names and on what is null; the order is cli.md's. */
static void writes_the_record(void) {
    set_up();
    style.format = SG_CLI_FORMAT_JSONL;
    CHECK_TEXT(
        report(),
        "{\"v\":1,\"index\":3,\"id\":null,\"status\":\"ok\",\"text\":\"A \xc3\xa9t\xc3\xa9 <\\\"\","
        "\"fills\":[{\"blank\":0,\"text\":\"\xc3\xa9t\xc3\xa9\",\"start\":2,\"end\":5,\"ids\":[20,"
        "21],"
        "\"logprob\":-0.375},{\"blank\":1,\"text\":\"\",\"start\":6,\"end\":6,\"ids\":[],"
        "\"logprob\":0.0},"
        "{\"blank\":2,\"text\":null,\"start\":7,\"end\":7,\"ids\":[],\"logprob\":0.0}],"
        "\"complete\":false,\"ids\":[10,20,21,11,1],\"raw\":\"<raw>\",\"logprob\":-3.875,"
        "\"score\":null,\"finish\":\"eos\",\"input_tokens\":7,\"output_tokens\":5,"
        "\"unk_tokens\":0,\"dropped_tokens\":0,\"truncated\":false}\n");
}

static void writes_candidates_and_token_scores(void) {
    set_up();
    style.format = SG_CLI_FORMAT_JSONL;
    style.token_scores = true;
    candidates[0].score = -0.75f;
    result.candidate_count = 2;
    CHECK_CONTAINS(report(), ",\"token_logprobs\":[-0.5,-0.25,-0.125,-1.0,-2.0],\"score\":-0.75,");
    CHECK_CONTAINS(out.data, ",\"finish\":\"eos\",\"candidates\":[{\"ids\":[10,20,21,11,1],");
    CHECK_CONTAINS(out.data, "\"text\":\"B\",\"fills\":[");
    CHECK_CONTAINS(out.data, ",\"complete\":false,\"finish\":\"blank\"}],\"input_tokens\":7,");
}

static void answers_failures(void) {
    sg_error failure = {.code = SG_STATUS_TOO_LONG, .message = "say \"no\""};
    set_up();
    CHECK_INT(sg_report_failure(&style, &record, &failure, &out), SG_STATUS_OK);
    CHECK_TEXT(out.data, "\n");
    style.format = SG_CLI_FORMAT_JSONL;
    sg_buffer_reset(&out);
    CHECK_INT(sg_report_failure(&style, &record, &failure, &out), SG_STATUS_OK);
    CHECK_TEXT(out.data,
               "{\"v\":1,\"index\":3,\"id\":null,\"status\":\"error\",\"error\":{\"code\":"
               "\"too_long\",\"message\":\"say \\\"no\\\"\"}}\n");
}

static void answers_empty_lines(void) {
    set_up();
    CHECK_INT(sg_report_empty(&style, &record, &out), SG_STATUS_OK);
    CHECK_TEXT(out.data, "\n");
    style.format = SG_CLI_FORMAT_JSONL;
    sg_buffer_reset(&out);
    CHECK_INT(sg_report_empty(&style, &record, &out), SG_STATUS_OK);
    CHECK_CONTAINS(out.data, "\"text\":\"\"");
    CHECK_CONTAINS(out.data, "\"ids\":[]");
    CHECK_CONTAINS(out.data, "\"finish\":\"empty\"");
}

/* One record is one line, or the lines of two files no longer match. */
static void refuses_line_feeds(void) {
    set_up();
    record.text = "a\nb";
    record.length = 3;
    CHECK_INT(sg_report_result(&style, NULL, &record, &result, &out, &error), SG_STATUS_NEWLINE);
    CHECK_INT(out.length, 0);
    record.from_file = false;
    CHECK_INT(sg_report_result(&style, NULL, &record, &result, &out, &error), SG_STATUS_OK);
    record.from_file = true;
    style.null_records = true;
    CHECK_INT(sg_report_result(&style, NULL, &record, &result, &out, &error), SG_STATUS_OK);
    style.null_records = false;
    style.format = SG_CLI_FORMAT_JSONL;
    CHECK_INT(sg_report_result(&style, NULL, &record, &result, &out, &error), SG_STATUS_OK);
}

int main(void) {
    sg_buffer_init(&out, 65536);
    TEST(writes_lines);
    TEST(makes_fills_bold);
    TEST(numbers_hypotheses);
    TEST(writes_the_record);
    TEST(writes_candidates_and_token_scores);
    TEST(answers_failures);
    TEST(answers_empty_lines);
    TEST(refuses_line_feeds);
    sg_buffer_clear(&out);
    return test_end();
}
