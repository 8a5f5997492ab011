/* SPDX-License-Identifier: Apache-2.0 */
/* Whole runs on the shipped model: results do not depend on company, and the token loop allocates
 * nothing. */
#include "support/alloc_fault.h"
#include "support/test.h"

#include <math.h>
#include <stdlib.h>

#include <switchgen/switchgen.h>

#include "infill/infill.h"
#include "infill/request.h"
#include "infill/session.h"

#define MODEL SG_TEST_SOURCE_ROOT "/models/switch-small-64"

static const char *const texts[] = {
    "A <extra_id_0> walks into a bar and orders a <extra_id_1> with <extra_id_2> pinch of "
    "<extra_id_3>.",
    "The <extra_id_0>.",
    "It was a dark and <extra_id_0> night; the rain fell in torrents, except at occasional "
    "intervals, when "
    "it was checked by a violent gust of wind which swept up the <extra_id_1>.",
    "",
    "She opened the <extra_id_0> and looked out.",
    "No blank here.",
    "In the beginning God created the <extra_id_0> and the <extra_id_1>.",
};

enum { TEXTS = sizeof texts / sizeof texts[0] };

static sg_engine *open_engine(unsigned threads, sg_matmul_backend backend) {
    sg_engine_options options = sg_engine_options_default();
    sg_engine *engine = NULL;
    sg_error error = {0};
    options.threads = threads;
    options.matmul = backend;
    CHECK_INT(sg_engine_open(MODEL, &options, &engine, &error), SG_STATUS_OK);
    CHECK_TEXT(error.message, "");
    return engine;
}

static sg_text text_of(size_t i) {
    return (sg_text){texts[i], strlen(texts[i])};
}

/* Bit for bit: ids, log-probabilities, scores, texts. */
static void check_equal(const sg_result *found, const sg_result *expected) {
    CHECK(found != NULL && expected != NULL);
    if (found == NULL || expected == NULL) {
        return;
    }
    CHECK_INT(found->candidate_count, expected->candidate_count);
    for (size_t i = 0; i < expected->candidate_count; i++) {
        const sg_candidate *a = &found->candidates[i];
        const sg_candidate *b = &expected->candidates[i];
        CHECK_INT(a->id_count, b->id_count);
        CHECK(a->id_count == b->id_count &&
              memcmp(a->ids, b->ids, b->id_count * sizeof *b->ids) == 0 &&
              memcmp(a->token_logprobs, b->token_logprobs, b->id_count * sizeof(float)) == 0);
        CHECK(memcmp(&a->score, &b->score, sizeof a->score) == 0);
        CHECK_TEXT(a->text, b->text);
        CHECK_TEXT(a->raw, b->raw);
    }
}

static void fill_alone(sg_session *session, const sg_infill_options *options, sg_result **results) {
    for (size_t i = 0; i < TEXTS; i++) {
        sg_error error = {0};
        CHECK_INT(sg_session_fill(session, text_of(i), options, &results[i], &error), SG_STATUS_OK);
        CHECK_TEXT(error.message, "");
    }
}

static void destroy_all(sg_result **results) {
    for (size_t i = 0; i < TEXTS; i++) {
        sg_result_destroy(results[i]);
        results[i] = NULL;
    }
}

/* All texts in one call, in order and turned around, against each alone. */
static void compare_with_batch(sg_session *session, const sg_infill_options *options,
                               sg_result **alone) {
    for (int turned = 0; turned < 2; turned++) {
        sg_text batch[TEXTS];
        const sg_infill_options *batch_options[TEXTS];
        sg_result *results[TEXTS];
        sg_error errors[TEXTS];
        sg_error error = {0};
        for (size_t i = 0; i < TEXTS; i++) {
            batch[i] = text_of(turned ? TEXTS - 1 - i : i);
            batch_options[i] = options;
        }
        CHECK_INT(
            sg_session_fill_many(session, batch, TEXTS, batch_options, results, errors, &error),
            SG_STATUS_OK);
        for (size_t i = 0; i < TEXTS; i++) {
            CHECK_INT(errors[i].code, SG_STATUS_OK);
            check_equal(results[i], alone[turned ? TEXTS - 1 - i : i]);
        }
        destroy_all(results);
    }
}

/* design: the same prompt gives bit-identical output alone or in any batch, with any number of
 * threads. */
static void company_and_threads_change_nothing(void) {
    for (int64_t beams = 1; beams <= 4; beams += 3) {
        sg_infill_options options = sg_infill_options_default();
        sg_result *expected[TEXTS] = {NULL};
        options.decoding.num_beams = beams;
        options.decoding.num_return_sequences = beams;
        options.decoding.max_new_tokens = 24;
        for (unsigned threads = 1; threads <= 3; threads++) {
            sg_engine *engine = open_engine(threads, SG_MATMUL_BACKEND_NATIVE);
            sg_session *session = NULL;
            sg_result *alone[TEXTS] = {NULL};
            CHECK_INT(sg_session_create(engine, &session, NULL), SG_STATUS_OK);
            fill_alone(session, &options, alone);
            compare_with_batch(session, &options, alone);
            for (size_t i = 0; i < TEXTS && threads > 1; i++) {
                check_equal(alone[i], expected[i]);
            }
            if (threads == 1) {
                memcpy(expected, alone, sizeof alone);
            } else {
                destroy_all(alone);
            }
            sg_session_destroy(session);
            sg_engine_close(engine);
        }
        destroy_all(expected);
    }
}

/* One bad text among good ones fails alone. */
static void a_bad_text_fails_alone(void) {
    sg_engine *engine = open_engine(1, SG_MATMUL_BACKEND_NATIVE);
    sg_session *session = NULL;
    const sg_text batch[3] = {text_of(0), {"\xff", 1}, text_of(1)};
    sg_result *results[3];
    sg_error errors[3];
    CHECK_INT(sg_session_create(engine, &session, NULL), SG_STATUS_OK);
    CHECK_INT(sg_session_fill_many(session, batch, 3, NULL, results, errors, NULL), SG_STATUS_OK);
    CHECK(results[0] != NULL && results[1] == NULL && results[2] != NULL);
    CHECK_INT(errors[1].code, SG_STATUS_BAD_UTF8);
    for (size_t i = 0; i < 3; i++) {
        sg_result_destroy(results[i]);
    }
    sg_session_destroy(session);
    sg_engine_close(engine);
}

static bool count_to_three(void *context) {
    int *asked = context;
    return ++*asked == 3;
}

/* A caller can end a call at any token; the session is good for the next one. */
static void a_call_can_be_stopped(void) {
    sg_engine *engine = open_engine(1, SG_MATMUL_BACKEND_NATIVE);
    sg_session *session = NULL;
    sg_infill_options options = sg_infill_options_default();
    sg_result *result = NULL;
    sg_error error = {0};
    int asked = 0;
    CHECK_INT(sg_session_create(engine, &session, NULL), SG_STATUS_OK);
    options.stop = (sg_stop){.asked = count_to_three, .context = &asked};
    CHECK_INT(sg_session_fill(session, text_of(0), &options, &result, &error), SG_STATUS_STOPPED);
    CHECK(result == NULL);
    CHECK_INT(asked, 3);
    CHECK_INT(sg_session_fill(session, text_of(0), &options, &result, &error), SG_STATUS_OK);
    CHECK(asked > 4);
    sg_result_destroy(result);
    sg_session_destroy(session);
    sg_engine_close(engine);
}

/* Options out of range, and what each kind of text without a blank gives. */
static void options_are_checked(void) {
    sg_engine *engine = open_engine(1, SG_MATMUL_BACKEND_NATIVE);
    sg_session *session = NULL;
    sg_infill_options options = sg_infill_options_default();
    sg_result *result = NULL;
    sg_error error = {0};
    CHECK_INT(sg_session_create(engine, &session, NULL), SG_STATUS_OK);
    options.decoding.num_return_sequences = 2;
    CHECK_INT(sg_session_fill(session, text_of(0), &options, &result, &error), SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message,
                   "num_return_sequences is 2, expected at most num_beams, which is 1");
    options = sg_infill_options_default();
    options.max_input_tokens = 5;
    CHECK_INT(sg_session_fill(session, text_of(0), &options, &result, &error), SG_STATUS_TOO_LONG);
    options.truncate = true;
    CHECK_INT(sg_session_fill(session, text_of(0), &options, &result, &error), SG_STATUS_OK);
    CHECK(result->truncated && result->input_tokens == 5 && result->input_ids[4] == 1);
    sg_result_destroy(result);
    options = sg_infill_options_default();
    options.no_blank = SG_NO_BLANK_ERROR;
    CHECK_INT(sg_session_fill(session, text_of(5), &options, &result, &error), SG_STATUS_NO_BLANK);
    options.no_blank = SG_NO_BLANK_COPY;
    CHECK_INT(sg_session_fill(session, text_of(5), &options, &result, &error), SG_STATUS_OK);
    CHECK_TEXT(result->candidates[0].text, texts[5]);
    CHECK_INT(result->candidates[0].id_count, 0);
    sg_result_destroy(result);
    sg_session_destroy(session);
    sg_engine_close(engine);
}

/* Counts seen at the start of the first and of the last decoder step. */
typedef struct step_counts {
    size_t steps, first, last;
} step_counts;

static void count_at_step(void *context, sg_stack stack, size_t block, sg_probe_point point,
                          size_t first_row, const float *values, size_t rows, size_t columns) {
    step_counts *counts = context;
    (void)block;
    (void)first_row;
    (void)values;
    (void)rows;
    (void)columns;
    if (stack == SG_STACK_DECODER && point == SG_PROBE_POINT_EMBEDDING) {
        if (counts->steps++ == 0) {
            counts->first = alloc_fault_count();
        }
        counts->last = alloc_fault_count();
    }
}

/* No allocation from the first decoder step to the last, greedy and with beams. */
static void token_loop_allocates_nothing(void) {
    for (int64_t beams = 1; beams <= 4; beams += 3) {
        sg_engine *engine = open_engine(2, SG_MATMUL_BACKEND_AUTO);
        sg_session *session = NULL;
        sg_infill_options options = sg_infill_options_default();
        sg_request request;
        sg_request *const requests[1] = {&request};
        sg_error error = {0};
        step_counts counts = {0};
        const sg_probe probe = {.see = count_at_step, .context = &counts};
        options.decoding.num_beams = beams;
        options.decoding.min_new_tokens = 30;
        options.decoding.max_new_tokens = 40;
        options.decoding.no_repeat_ngram_size = 2;
        options.decoding.repetition_penalty = 1.1;
        CHECK_INT(sg_session_create(engine, &session, NULL), SG_STATUS_OK);
        CHECK_INT(sg_request_prepare(engine, text_of(0), &options, &request, &error), SG_STATUS_OK);
        CHECK_INT(sg_infill_run(session, requests, 1, &error, &probe, &error), SG_STATUS_OK);
        CHECK(counts.steps >= 30);
        CHECK(counts.first > 0);
        CHECK_INT(counts.last - counts.first, 0);
        sg_request_clear(&request);
        sg_session_destroy(session);
        sg_engine_close(engine);
    }
}

int main(void) {
    TEST(company_and_threads_change_nothing);
    TEST(a_bad_text_fails_alone);
    TEST(a_call_can_be_stopped);
    TEST(options_are_checked);
    TEST(token_loop_allocates_nothing);
    return test_end();
}
