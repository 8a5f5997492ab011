/* SPDX-License-Identifier: Apache-2.0 */
/* A problem in, the same with its mend out. */
#include "cli/inspection_mend.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "storage/model_advice.h"

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* True if the directory holds a file whose name ends so. */
static bool holds(const char *directory, const char *end) {
    DIR *opened = opendir(directory);
    const struct dirent *entry;
    bool found = false;
    while (opened != NULL && !found && (entry = readdir(opened)) != NULL) {
        found = ends_with(entry->d_name, end);
    }
    if (opened != NULL) {
        (void)closedir(opened);
    }
    return found;
}

/* The name of the file in `directory` that `message` begins with, into name[size]; false if it
 * begins with none. */
static bool file_of(const char *directory, const char *message, char *name, size_t size) {
    size_t length = strlen(directory);
    size_t end;
    if (strncmp(message, directory, length) != 0 || message[length] != '/') {
        return false;
    }
    end = strcspn(message + length + 1, ": ");
    if (end == 0 || end >= size) {
        return false;
    }
    memcpy(name, message + length + 1, end);
    name[end] = '\0';
    return true;
}

/* How to get `file` of this model into the directory; `before` begins the hint. */
static void hint_download(const char *directory, const sg_model_family *family, const char *before,
                          const char *file, sg_error *problem) {
    const sg_known_revision *revision =
        family->known == NULL ? NULL : sg_known_model_best(family->known);
    if (revision != NULL) {
        (void)sg_error_hint(problem, "%shf download %s %s --revision %s --local-dir %s", before,
                            family->known->repository, file, revision->revision, directory);
    } else {
        (void)sg_error_hint(problem, "%sput the %s of the same model into %s", before, file,
                            directory);
    }
}

/* How to get all of a known model into the directory. */
static void hint_all(const char *directory, const sg_model_family *family, sg_error *problem) {
    const sg_known_revision *revision =
        family->known == NULL ? NULL : sg_known_model_best(family->known);
    sg_buffer command;
    if (revision == NULL) {
        hint_download(directory, family, "", "model.safetensors", problem);
        return;
    }
    sg_buffer_init(&command, SG_ERROR_HINT_SIZE);
    sg_model_advice_download(family->known, revision, &command);
    if (command.length > 0) {
        (void)sg_error_hint(problem, "%s --local-dir %s", command.data, directory);
    }
    sg_buffer_clear(&command);
}

static void mend_file(const char *directory, const sg_model_family *family, const char *file,
                      sg_error *problem) {
    if (problem->code == SG_STATUS_NOT_FOUND) {
        hint_download(directory, family, "", file, problem);
    } else if (strstr(problem->message, " both hold tensor ") != NULL) {
        (void)sg_error_hint(problem, "files of two downloads are mixed in %s: keep those of one",
                            directory);
    } else if (problem->hint[0] == '\0' && ends_with(file, ".index.json")) {
        hint_download(directory, family,
                      "the index is damaged or of another download; replace it: ", file, problem);
    } else if (problem->hint[0] == '\0' && ends_with(file, "config.json")) {
        hint_download(directory, family, "correct it, or replace the file: ", file, problem);
    } else if (problem->hint[0] == '\0') {
        hint_download(directory, family, "the file is damaged or cut short; replace it: ", file,
                      problem);
    }
}

static void hint_conversion(const char *directory, sg_error *problem) {
    sg_buffer command;
    sg_buffer_init(&command, SG_ERROR_HINT_SIZE);
    sg_model_advice_conversion(directory, NULL, &command);
    if (command.length > 0) {
        (void)sg_error_hint(problem, "%s", command.data);
    }
    sg_buffer_clear(&command);
}

void sg_inspection_mend(const char *directory, const sg_model_family *family, sg_error *problem) {
    char file[256];
    bool no_weights = strstr(problem->message, "found no model.safetensors") != NULL;
    if (no_weights && holds(directory, ".bin")) {
        hint_conversion(directory, problem);
    } else if (no_weights && problem->hint[0] == '\0') {
        hint_all(directory, family, problem);
    } else if (file_of(directory, problem->message, file, sizeof file)) {
        mend_file(directory, family, file, problem);
    } else if (problem->hint[0] == '\0' && strncmp(problem->message, "tensor ", 7) == 0) {
        (void)sg_error_hint(problem, "config.json and the weights must be of the same model");
    }
}
