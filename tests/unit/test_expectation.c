/* SPDX-License-Identifier: Apache-2.0 */
/* Expectation files: what is read, what is refused, and that a refusal says where. */
#include "cli/expectation.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/test.h"

#define HEADER "{\"v\":1,\"cases\":1}\n"

static char name[64];
static sg_expectation_file file;
static sg_expectation_case one_case;
static sg_error error;

static void write_text(const char *text) {
    size_t length = strlen(text);
    int descriptor;
    (void)snprintf(name, sizeof name, "/tmp/switchgen-expectation-XXXXXX");
    descriptor = mkstemp(name);
    CHECK(descriptor >= 0 && write(descriptor, text, length) == (ssize_t)length);
    CHECK_INT(close(descriptor), 0);
}

/* The status of opening `text` as a file; it stays open on success. */
static sg_status open_text(const char *text) {
    sg_status status;
    write_text(text);
    status = sg_expectation_open(name, &file, &error);
    CHECK_INT(unlink(name), 0);
    return status;
}

static void close_all(void) {
    sg_expectation_case_clear(&one_case);
    sg_expectation_close(&file);
}

static void reads_a_case(void) {
    bool found = false;
    CHECK_INT(
        open_text(
            HEADER
            "\n{\"text\":\"a <extra_id_0>\",\"options\":{\"num_beams\":3,\"max_length\":null,"
            "\"length_penalty\":-0.5,\"early_stopping\":\"never\",\"eos_token_id\":[1,7],"
            "\"decoder_start_token_id\":4,\"stop_at_last_blank\":false,\"do_sample\":false},"
            "\"input_ids\":[3,1],\"ids\":[5,1],\"raw\":\"x\",\"logprob\":-1.5,\"score\":null,"
            "\"margins\":[0.5,null],\"new_field\":{},\"candidates\":[{\"ids\":[5,1],\"score\":-2},"
            "{\"ids\":[]}]}\n"),
        SG_STATUS_OK);
    CHECK_INT(sg_expectation_next(&file, &one_case, &found, &error), SG_STATUS_OK);
    CHECK(found);
    CHECK_INT(one_case.line, 3);
    CHECK_TEXT(one_case.text, "a <extra_id_0>");
    CHECK_INT(one_case.options.decoding.num_beams, 3);
    CHECK(one_case.options.decoding.max_length == SG_OPTION_UNSET);
    CHECK_NEAR(one_case.options.decoding.length_penalty, -0.5, 0);
    CHECK_INT(one_case.options.decoding.early_stopping, SG_EARLY_STOPPING_NEVER);
    CHECK_INT(one_case.options.eos_token_id_count, 2);
    CHECK_INT(one_case.options.eos_token_ids[1], 7);
    CHECK_INT(one_case.options.decoder_start_token_id, 4);
    CHECK(!one_case.options.stop_at_last_blank);
    CHECK_INT(one_case.input_id_count, 2);
    CHECK_INT(one_case.own.id_count, 2);
    CHECK_NEAR(one_case.own.logprob, -1.5, 0);
    CHECK(isnan(one_case.own.score));
    CHECK_INT(one_case.margin_count, 2);
    CHECK(isinf(one_case.margins[1]));
    CHECK_INT(one_case.candidate_count, 2);
    CHECK_INT(one_case.candidates[1].id_count, 0);
    sg_expectation_case_clear(&one_case);
    CHECK_INT(sg_expectation_next(&file, &one_case, &found, &error), SG_STATUS_OK);
    CHECK(!found);
    close_all();
}

/* A file that lost a line must not pass. */
static void counts_cases(void) {
    static const char *const wrong[] = {"",
                                        "\n",
                                        "{\"v\":1,\"cases\":0}\n",
                                        HEADER,
                                        "{\"v\":1}\n{}\n",
                                        HEADER "{}\n{}\n",
                                        "{\"v\":2,\"cases\":1}\n{}\n",
                                        "[1]\n{}\n",
                                        "{\"v\":1,\"cases\":1.0}\n{}\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_INT(open_text(wrong[i]), SG_STATUS_ARGUMENT);
        sg_expectation_close(&file);
    }
    CHECK_INT(sg_expectation_open("/nonexistent", &file, &error), SG_STATUS_ARGUMENT);
    sg_expectation_close(&file);
}

static void refuses_case(const char *json, const char *part) {
    char text[512];
    bool found = false;
    (void)snprintf(text, sizeof text, HEADER "%s\n", json);
    CHECK_INT(open_text(text), SG_STATUS_OK);
    CHECK_INT(sg_expectation_next(&file, &one_case, &found, &error), SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message, ":2: ");
    CHECK_CONTAINS(error.message, part);
    close_all();
}

static void refuses_malformed_cases(void) {
    refuses_case("{\"ids\":[1]}", "\"text\" is missing");
    refuses_case("{\"text\":\"x\"}", "\"ids\" is missing");
    refuses_case("{\"text\":1,\"ids\":[1]}", "text");
    refuses_case("{\"text\":\"x\",\"ids\":[1.0]}", "\"ids\" is no list of token ids");
    refuses_case("{\"text\":\"x\",\"ids\":[-1]}", "\"ids\" is no list of token ids");
    refuses_case("{\"text\":\"x\",\"ids\":[2147483648]}", "\"ids\" is no list of token ids");
    refuses_case("{\"text\":\"x\",\"ids\":{\"a\":1}}", "\"ids\" is no list of token ids");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"margins\":[\"a\"]}", "\"margins\"");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"candidates\":{\"a\":1}}",
                 "\"candidates\" is no list");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"candidates\":[1]}",
                 "\"candidates\" is no list of outputs");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"candidates\":[{}]}", "\"ids\" is missing");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"candidates\":1}", "\"candidates\" is no list");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"margins\":5}", "\"margins\" is no list of numbers");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"ids\":[1]}", "ids");
    refuses_case("{\"text\":\"x\",\"ids\":[1]", "byte");
    refuses_case("[]", "is no JSON object");
}

/* A setting that is not understood could change the result. */
static void refuses_settings(void) {
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"options\":{\"temperature\":1}}", "\"temperature\"");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"options\":{\"do_sample\":true}}", "\"do_sample\"");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"options\":{\"num_beams\":\"2\"}}", "num_beams");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"options\":{\"early_stopping\":1}}",
                 "early_stopping");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"options\":{\"eos_token_id\":\"1\"}}",
                 "eos_token_id");
    refuses_case("{\"text\":\"x\",\"ids\":[1],\"options\":[]}", "\"options\" is no object");
}

/* The header's list of files decides whether the expectations are this model's. */
static void checks_the_model(void) {
    char text[512];
    (void)snprintf(
        text, sizeof text,
        "{\"v\":1,\"cases\":1,\"model\":{\"files\":[{\"name\":\"config.json\",\"bytes\":3,"
        "\"sha256\":\"%064d\"}]}}\n{}\n",
        0);
    CHECK_INT(open_text(text), SG_STATUS_OK);
    CHECK_INT(sg_expectation_check_model(&file, "/nonexistent", false, &error), SG_STATUS_MODEL);
    CHECK_CONTAINS(error.message, "/nonexistent/config.json: is missing");
    CHECK_CONTAINS(error.hint, "--any-model");
    sg_expectation_close(&file);
    CHECK_INT(
        open_text(
            "{\"v\":1,\"cases\":1,\"model\":{\"files\":[{\"name\":\"../x\",\"bytes\":3}]}}\n{}\n"),
        SG_STATUS_OK);
    CHECK_INT(sg_expectation_check_model(&file, "/tmp", false, &error), SG_STATUS_ARGUMENT);
    sg_expectation_close(&file);
    CHECK_INT(open_text(HEADER "{}\n"), SG_STATUS_OK);
    CHECK_INT(sg_expectation_check_model(&file, "/nonexistent", true, &error), SG_STATUS_OK);
    sg_expectation_close(&file);
}

int main(void) {
    TEST(reads_a_case);
    TEST(counts_cases);
    TEST(refuses_malformed_cases);
    TEST(refuses_settings);
    TEST(checks_the_model);
    return test_end();
}
