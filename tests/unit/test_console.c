/* SPDX-License-Identifier: Apache-2.0 */
/* Standard error: the form of messages, and that repeated warnings are counted. */
#include "cli/console.h"

#include <unistd.h>

#include "base/log.h"
#include "cli/close_names.h"
#include "support/test.h"

static int ends[2];
static sg_console console;
static sg_log messages;

static void begin(void) {
    CHECK_INT(pipe(ends), 0);
    sg_console_init(&console);
    console.descriptor = ends[1];
    messages = sg_console_log(&console);
}

/* Everything written since begin. */
static const char *written(void) {
    static char text[4096];
    ssize_t length;
    sg_console_clear(&console);
    CHECK_INT(close(ends[1]), 0);
    length = read(ends[0], text, sizeof text - 1);
    CHECK_INT(close(ends[0]), 0);
    text[length < 0 ? 0 : length] = '\0';
    return text;
}

static void writes_errors(void) {
    sg_error error = {.code = SG_STATUS_IO, .message = "it broke", .hint = "mend it"};
    sg_error plain = {.code = SG_STATUS_MEMORY};
    begin();
    sg_console_error(&console, "file:3", &error);
    sg_console_error(&console, NULL, &plain);
    CHECK_TEXT(written(),
               "switch-gen: file:3: it broke\nhint: mend it\nswitch-gen: out of memory\n");
}

/* Ten thousand equal warnings are two lines; other ones are not swallowed. */
static void counts_warnings(void) {
    begin();
    for (int i = 1; i <= 10000; i++) {
        sg_log_write(&messages, SG_LOG_LEVEL_WARNING, "text %d is long", i);
    }
    sg_log_write(&messages, SG_LOG_LEVEL_WARNING, "text is long");
    CHECK_TEXT(written(), "switch-gen: warning: text 1 is long\n"
                          "switch-gen: warning: text is long\n"
                          "switch-gen: warning: 10000 times in all: text 1 is long\n");
}

static void keeps_to_its_level(void) {
    begin();
    sg_log_write(&messages, SG_LOG_LEVEL_INFO, "note");
    console.verbosity = 1;
    sg_log_write(&messages, SG_LOG_LEVEL_INFO, "second note");
    sg_log_write(&messages, SG_LOG_LEVEL_DEBUG, "detail");
    console.quiet = true;
    sg_log_write(&messages, SG_LOG_LEVEL_WARNING, "warning");
    CHECK_TEXT(written(), "switch-gen: second note\n");
}

static bool is_close(const char *typed, const char *name) {
    return sg_close_names_match(typed, strlen(typed), name);
}

/* Slips of the finger are close, other words are not. */
static void finds_close_names(void) {
    CHECK(is_close("verfy", "verify"));
    CHECK(is_close("evrify", "verify"));
    CHECK(is_close("fil", "fill"));
    CHECK(is_close("num-beam", "num-beams"));
    CHECK(is_close("max", "max-length"));
    CHECK(!is_close("score", "verify"));
    CHECK(!is_close("walks", "fill"));
    CHECK(!is_close("fu", "fill"));
    CHECK(!is_close("", "fill"));
    CHECK(!is_close("a-word-that-is-longer-than-any-option-of-the-table", "fill"));
}

int main(void) {
    TEST(writes_errors);
    TEST(counts_warnings);
    TEST(keeps_to_its_level);
    TEST(finds_close_names);
    return test_end();
}
