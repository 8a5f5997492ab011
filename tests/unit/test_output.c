/* SPDX-License-Identifier: Apache-2.0 */
/* A named output is the old file or the whole new one, at every moment. */
#include "cli/output.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/test.h"

static char folder[64];
static char path[128];
static char part[128];
static sg_output output;
static sg_error error;

static void write_file(const char *name, const char *text) {
    int descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(descriptor >= 0 && write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK_INT(close(descriptor), 0);
}

/* The file's text, or "(none)". Valid until the next call. */
static const char *read_file(const char *name) {
    static char text[64];
    int descriptor = open(name, O_RDONLY);
    ssize_t length = descriptor < 0 ? -1 : read(descriptor, text, sizeof text - 1);
    if (descriptor >= 0) {
        CHECK_INT(close(descriptor), 0);
    }
    if (length < 0) {
        return "(none)";
    }
    text[length] = '\0';
    return text;
}

static void begin(void) {
    (void)unlink(path);
    (void)unlink(part);
}

static void replaces_only_at_the_end(void) {
    begin();
    write_file(path, "old");
    CHECK_INT(sg_output_open(&output, path, NULL, &error), SG_STATUS_OK);
    CHECK_INT(sg_output_write(&output, "new", 3, &error), SG_STATUS_OK);
    CHECK_TEXT(read_file(path), "old");
    CHECK_TEXT(read_file(part), "new");
    CHECK_INT(sg_output_finish(&output, &error), SG_STATUS_OK);
    sg_output_clear(&output);
    CHECK_TEXT(read_file(path), "new");
    CHECK_TEXT(read_file(part), "(none)");
}

/* What was written stays for the user to look at; an empty .part would only be in the way. */
static void keeps_what_was_written(void) {
    begin();
    CHECK_INT(sg_output_open(&output, path, NULL, &error), SG_STATUS_OK);
    CHECK_INT(sg_output_write(&output, "half", 4, &error), SG_STATUS_OK);
    sg_output_clear(&output);
    CHECK_TEXT(read_file(part), "half");
    CHECK_INT(sg_output_open(&output, path, NULL, &error), SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message, "exists already");
    CHECK_CONTAINS(error.hint, "remove it");
    sg_output_clear(&output);
    CHECK_TEXT(read_file(part), "half");
    begin();
    CHECK_INT(sg_output_open(&output, path, NULL, &error), SG_STATUS_OK);
    sg_output_clear(&output);
    CHECK_TEXT(read_file(part), "(none)");
}

static void refuses_a_second_writer(void) {
    sg_output second;
    begin();
    CHECK_INT(sg_output_open(&output, path, NULL, &error), SG_STATUS_OK);
    CHECK_INT(sg_output_open(&second, path, NULL, &error), SG_STATUS_IO);
    CHECK_CONTAINS(error.message, "another run is writing it");
    sg_output_clear(&second);
    CHECK_TEXT(read_file(part), "");
    sg_output_clear(&output);
}

static void refuses_its_input(void) {
    const char *name = path;
    sg_input_source source = {.files = &name, .file_count = 1, .stop_descriptor = -1};
    sg_input input;
    begin();
    write_file(path, "text");
    CHECK_INT(sg_input_open(&input, &source, &error), SG_STATUS_OK);
    CHECK_INT(sg_output_open(&output, path, &input, &error), SG_STATUS_ARGUMENT);
    CHECK_CONTAINS(error.message, "both input and output");
    sg_output_clear(&output);
    sg_input_clear(&input);
    CHECK_INT(sg_output_check_apart(path, path, &error), SG_STATUS_ARGUMENT);
    CHECK_INT(sg_output_check_apart(path, folder, &error), SG_STATUS_OK);
    CHECK_INT(sg_output_check_apart(NULL, path, &error), SG_STATUS_OK);
}

/* Every failed write is seen, and a gone reader is told from a full disk. */
static void reports_failed_writes(void) {
    int ends[2];
    CHECK_INT(sg_output_open(&output, "/dev/full", NULL, &error), SG_STATUS_OK);
    CHECK_INT(sg_output_write(&output, "x", 1, &error), SG_STATUS_IO);
    CHECK_CONTAINS(error.message, "/dev/full: cannot be written");
    CHECK(!output.reader_closed);
    sg_output_clear(&output);
    CHECK_INT(pipe(ends), 0);
    CHECK_INT(close(ends[0]), 0);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    memset(&output, 0, sizeof output);
    output.descriptor = ends[1];
    output.owned = true;
    CHECK_INT(sg_output_write(&output, "x", 1, NULL), SG_STATUS_IO);
    CHECK(output.reader_closed);
    sg_output_clear(&output);
}

int main(void) {
    (void)snprintf(folder, sizeof folder, "/tmp/switchgen-output-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/out", folder);
    (void)snprintf(part, sizeof part, "%s/out.part", folder);
    TEST(replaces_only_at_the_end);
    TEST(keeps_what_was_written);
    TEST(refuses_a_second_writer);
    TEST(refuses_its_input);
    TEST(reports_failed_writes);
    begin();
    CHECK_INT(rmdir(folder), 0);
    return test_end();
}
