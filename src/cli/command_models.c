/* SPDX-License-Identifier: Apache-2.0 */
/* models: the models this program knows, where each is looked for, and what of them is installed.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cli/commands.h"
#include "storage/json_writer.h"
#include "storage/model_advice.h"
#include "storage/model_folder.h"
#include "storage/model_locator.h"

#define MAX_REPORT_BYTES ((size_t)4 << 20)

/* Where the columns of the text form begin. */
#define PARAMETERS_COLUMN 26
#define DOWNLOAD_COLUMN 38
#define INSTALLED_COLUMN 48

typedef struct models_run {
    bool json;
    sg_model_places places;
    sg_model_manifest *manifest;
    sg_buffer out;
    sg_buffer looked_for; /* of one model: elements of a JSON list */
    sg_buffer installed;  /* of one model: elements of a JSON list, or lines */
    size_t installed_count;
} models_run;

static bool is_directory(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static void append_text_value(sg_buffer *out, const char *key, const char *value) {
    (void)sg_buffer_append_format(out, "\"%s\":", key);
    if (value == NULL) {
        (void)sg_buffer_append_text(out, "null");
    } else {
        sg_json_write_string(out, value, strlen(value));
    }
}

/* A count that is not known is 0 here and null there. */
static void append_count(sg_buffer *out, const char *key, uint64_t value) {
    (void)sg_buffer_append_format(out, ",\"%s\":", key);
    if (value == 0) {
        (void)sg_buffer_append_text(out, "null");
    } else {
        (void)sg_buffer_append_format(out, "%" PRIu64, value);
    }
}

/* --- what is installed -------------------------------------------------------------------------
 */

static void add_installed_json(models_run *run, const char *path, const char *revision,
                               const char *problem) {
    sg_buffer *out = &run->installed;
    (void)sg_buffer_append_text(out, run->installed_count == 0 ? "{" : ",{");
    append_text_value(out, "path", path);
    (void)sg_buffer_append_text(out, ",");
    append_text_value(out, "revision", revision);
    (void)sg_buffer_append_format(out, ",\"complete\":%s,", problem == NULL ? "true" : "false");
    append_text_value(out, "problem", problem);
    (void)sg_buffer_append_text(out, "}");
}

static void add_installed_text(models_run *run, const char *path, const char *revision,
                               const char *problem) {
    if (run->installed_count > 0) {
        (void)sg_buffer_append_format(&run->installed, "%*s", INSTALLED_COLUMN, "");
    }
    if (problem != NULL) {
        (void)sg_buffer_append_format(&run->installed, "not complete: %s", problem);
    } else {
        (void)sg_buffer_append_text(&run->installed, path);
    }
    if (revision != NULL && revision[0] != '\0') {
        (void)sg_buffer_append_format(&run->installed, " (%s)", revision);
    }
    (void)sg_buffer_append_text(&run->installed, "\n");
}

/* One directory in which a model may lie. */
static void visit_place(void *context, const char *path, const char *revision) {
    models_run *run = context;
    sg_error error = {.code = SG_STATUS_OK};
    const char *problem = NULL;
    if (run->json) {
        (void)sg_buffer_append_text(&run->looked_for, run->looked_for.length == 0 ? "" : ",");
        sg_json_write_string(&run->looked_for, path, strlen(path));
    }
    if (revision == NULL ? !sg_model_folder_is_model(path) : !is_directory(path)) {
        return;
    }
    if (revision != NULL && revision[0] == '\0') {
        (void)sg_error_set(&error, SG_STATUS_NOT_FOUND, "%s: no known revision is in the cache",
                           path);
        problem = error.message;
    } else if (sg_model_folder_check(path, &error) != SG_STATUS_OK) {
        problem = error.message;
    }
    if (run->json) {
        add_installed_json(run, path, revision, problem);
    } else {
        add_installed_text(run, path, revision, problem);
    }
    run->installed_count++;
}

/* Fill run->looked_for and run->installed for one model. */
static void look_for(models_run *run, const sg_known_model *model) {
    sg_buffer_reset(&run->looked_for);
    sg_buffer_reset(&run->installed);
    run->installed_count = 0;
    sg_model_locator_each(&run->places, model, visit_place, run);
}

/* --- text --------------------------------------------------------------------------------------
 */

static void append_spaces_to(sg_buffer *out, size_t line, size_t column) {
    do {
        (void)sg_buffer_append_text(out, " ");
    } while (out->status == SG_STATUS_OK && out->length - line < column);
}

/* 22.9M, 3.8B, 1571.3B. */
static void append_parameters(sg_buffer *out, uint64_t parameters) {
    if (parameters >= 1000000000) {
        (void)sg_buffer_append_format(out, "%.1fB", (double)parameters / 1e9);
    } else {
        (void)sg_buffer_append_format(out, "%.1fM", (double)parameters / 1e6);
    }
}

static void append_size(sg_buffer *out, uint64_t bytes) {
    if (bytes == 0) {
        (void)sg_buffer_append_text(out, "-");
    } else if (bytes >= 1000000000) {
        (void)sg_buffer_append_format(out, "%.1f GB", (double)bytes / 1e9);
    } else {
        (void)sg_buffer_append_format(out, "%.0f MB", (double)bytes / 1e6);
    }
}

static void append_model_line(models_run *run, const sg_known_model *model) {
    const sg_known_revision *best = sg_known_model_best(model);
    sg_buffer *out = &run->out;
    size_t line = out->length;
    (void)sg_buffer_append_text(out, model->repository);
    append_spaces_to(out, line, PARAMETERS_COLUMN);
    append_parameters(out, model->parameters);
    append_spaces_to(out, line, DOWNLOAD_COLUMN);
    append_size(out, best == NULL ? 0 : best->about_bytes);
    append_spaces_to(out, line, INSTALLED_COLUMN);
    look_for(run, model);
    (void)sg_buffer_append_text(out, run->installed_count == 0 ? "no\n" : run->installed.data);
}

/* Whether an earlier model has the same purpose. */
static bool is_repeated_purpose(const models_run *run, size_t position) {
    const char *purpose = sg_model_manifest_at(run->manifest, position)->purpose;
    for (size_t i = 0; i < position; i++) {
        if (strcmp(sg_model_manifest_at(run->manifest, i)->purpose, purpose) == 0) {
            return true;
        }
    }
    return false;
}

/* Each purpose once, with the models that have it. */
static void append_purposes(models_run *run) {
    size_t count = sg_model_manifest_count(run->manifest);
    (void)sg_buffer_append_text(&run->out, "\nwhat they are for:\n");
    for (size_t i = 0; i < count; i++) {
        const char *purpose = sg_model_manifest_at(run->manifest, i)->purpose;
        if (is_repeated_purpose(run, i)) {
            continue;
        }
        (void)sg_buffer_append_format(&run->out, "  %s:\n   ", purpose);
        for (size_t k = i; k < count; k++) {
            const sg_known_model *model = sg_model_manifest_at(run->manifest, k);
            if (strcmp(model->purpose, purpose) == 0) {
                (void)sg_buffer_append_format(&run->out, " %s", model->name);
            }
        }
        (void)sg_buffer_append_text(&run->out, "\n");
    }
}

static void append_places(models_run *run) {
    (void)sg_buffer_append_text(&run->out,
                                "\nlooked for as NAME and ORG/NAME, in this order, in:\n");
    for (const char *place = sg_model_places_next(&run->places, NULL); place != NULL;
         place = sg_model_places_next(&run->places, place)) {
        (void)sg_buffer_append_format(&run->out, "  %s\n", place);
    }
    if (run->places.hub[0] != '\0') {
        (void)sg_buffer_append_format(&run->out, "  %s, as models--ORG--NAME\n", run->places.hub);
    }
    (void)sg_buffer_append_text(
        &run->out, "\nget one with: tools/fetch-model NAME, or hf download ORG/NAME\n");
}

static void append_text_report(models_run *run) {
    size_t line = run->out.length;
    (void)sg_buffer_append_text(&run->out, "model");
    append_spaces_to(&run->out, line, PARAMETERS_COLUMN);
    (void)sg_buffer_append_text(&run->out, "parameters");
    append_spaces_to(&run->out, line, DOWNLOAD_COLUMN);
    (void)sg_buffer_append_text(&run->out, "download");
    append_spaces_to(&run->out, line, INSTALLED_COLUMN);
    (void)sg_buffer_append_text(&run->out, "installed\n");
    for (size_t i = 0; i < sg_model_manifest_count(run->manifest); i++) {
        append_model_line(run, sg_model_manifest_at(run->manifest, i));
    }
    append_purposes(run);
    append_places(run);
}

/* --- json --------------------------------------------------------------------------------------
 */

static const char *form_name(sg_known_form form) {
    return form == SG_KNOWN_FORM_SAFETENSORS ? "safetensors"
           : form == SG_KNOWN_FORM_PICKLE    ? "pickle"
                                             : NULL;
}

static void append_file_json(sg_buffer *out, const sg_known_file *file) {
    (void)sg_buffer_append_text(out, "{");
    append_text_value(out, "name", file->name);
    append_count(out, "bytes", file->bytes);
    (void)sg_buffer_append_text(out, ",");
    append_text_value(out, "sha256", file->sha256);
    (void)sg_buffer_append_text(out, "}");
}

static void append_revision_json(sg_buffer *out, const sg_known_model *model,
                                 const sg_known_revision *revision) {
    sg_buffer command;
    sg_buffer_init(&command, MAX_REPORT_BYTES);
    sg_model_advice_download(model, revision, &command);
    (void)sg_buffer_append_text(out, "{");
    append_text_value(out, "revision", revision->revision);
    (void)sg_buffer_append_text(out, ",");
    append_text_value(out, "form", form_name(revision->form));
    (void)sg_buffer_append_text(out, ",");
    append_text_value(out, "weights", revision->weights);
    append_count(out, "shards", revision->shards);
    append_count(out, "about_bytes", revision->about_bytes);
    (void)sg_buffer_append_text(out, ",");
    append_text_value(out, "download", command.data);
    (void)sg_buffer_append_text(out, ",\"files\":[");
    for (size_t i = 0; i < revision->file_count; i++) {
        (void)sg_buffer_append_text(out, i == 0 ? "" : ",");
        append_file_json(out, &revision->files[i]);
    }
    (void)sg_buffer_append_text(out, "]}");
    sg_buffer_clear(&command);
}

static void append_model_json(models_run *run, const sg_known_model *model) {
    sg_buffer *out = &run->out;
    (void)sg_buffer_append_text(out, "{");
    append_text_value(out, "name", model->name);
    (void)sg_buffer_append_text(out, ",");
    append_text_value(out, "repository", model->repository);
    append_count(out, "parameters", model->parameters);
    (void)sg_buffer_append_text(out, ",");
    append_text_value(out, "purpose", model->purpose);
    (void)sg_buffer_append_text(out, ",");
    append_text_value(out, "licence", model->licence);
    (void)sg_buffer_append_text(out, ",\"revisions\":[");
    for (size_t i = 0; i < model->revision_count; i++) {
        (void)sg_buffer_append_text(out, i == 0 ? "" : ",");
        append_revision_json(out, model, &model->revisions[i]);
    }
    look_for(run, model);
    (void)sg_buffer_append_text(out, "],\"looked_for\":[");
    (void)sg_buffer_append(out, run->looked_for.data, run->looked_for.length);
    (void)sg_buffer_append_text(out, "],\"installed\":[");
    (void)sg_buffer_append(out, run->installed.data, run->installed.length);
    (void)sg_buffer_append_text(out, "]}");
}

static void append_json_report(models_run *run) {
    sg_buffer *out = &run->out;
    const char *comma = "";
    (void)sg_buffer_append_text(out, "{\"v\":1,\"places\":[");
    for (const char *place = sg_model_places_next(&run->places, NULL); place != NULL;
         place = sg_model_places_next(&run->places, place)) {
        (void)sg_buffer_append_text(out, comma);
        sg_json_write_string(out, place, strlen(place));
        comma = ",";
    }
    (void)sg_buffer_append_text(out, "],");
    append_text_value(out, "hub_cache", run->places.hub[0] == '\0' ? NULL : run->places.hub);
    (void)sg_buffer_append_text(out, ",");
    append_text_value(out, "data", run->places.data[0] == '\0' ? NULL : run->places.data);
    (void)sg_buffer_append_text(out, ",\"models\":[");
    for (size_t i = 0; i < sg_model_manifest_count(run->manifest); i++) {
        (void)sg_buffer_append_text(out, i == 0 ? "" : ",");
        append_model_json(run, sg_model_manifest_at(run->manifest, i));
    }
    (void)sg_buffer_append_text(out, "]}\n");
}

/* --- tsv ---------------------------------------------------------------------------------------
 */

/* One line of a model's revision; what is not known is "-". */
static void append_line(sg_buffer *out, const sg_known_model *model,
                        const sg_known_revision *revision, const char *role, const char *name,
                        const sg_known_file *file) {
    const char *form = form_name(revision->form);
    (void)sg_buffer_append_format(out, "%s\t%s\t%s\t%s\t%s\t", model->repository,
                                  revision->revision, form == NULL ? "-" : form, role,
                                  name == NULL ? "-" : name);
    if (file != NULL && file->bytes > 0) {
        (void)sg_buffer_append_format(out, "%" PRIu64, file->bytes);
    } else {
        (void)sg_buffer_append_text(out, "-");
    }
    (void)sg_buffer_append_format(out, "\t%s\n",
                                  file == NULL || file->sha256 == NULL ? "-" : file->sha256);
}

static const sg_known_file *find_file(const sg_known_revision *revision, const char *name) {
    for (size_t i = 0; name != NULL && i < revision->file_count; i++) {
        if (strcmp(revision->files[i].name, name) == 0) {
            return &revision->files[i];
        }
    }
    return NULL;
}

static void append_revision_lines(models_run *run, const sg_known_model *model,
                                  const sg_known_revision *revision) {
    for (size_t i = 0; i < sg_model_manifest_file_count(run->manifest); i++) {
        const sg_known_file *common = sg_model_manifest_file(run->manifest, i);
        append_line(&run->out, model, revision, common->optional ? "optional" : "needed",
                    common->name, find_file(revision, common->name));
    }
    append_line(&run->out, model, revision, "weights", revision->weights,
                find_file(revision, revision->weights));
    for (size_t i = 0; i < revision->file_count; i++) {
        append_line(&run->out, model, revision, "known", revision->files[i].name,
                    &revision->files[i]);
    }
}

/* The revision that should be taken comes first. */
static void append_tsv_report(models_run *run) {
    for (size_t i = 0; i < sg_model_manifest_count(run->manifest); i++) {
        const sg_known_model *model = sg_model_manifest_at(run->manifest, i);
        const sg_known_revision *best = sg_known_model_best(model);
        if (best != NULL) {
            append_revision_lines(run, model, best);
        }
        for (size_t k = 0; k < model->revision_count; k++) {
            if (&model->revisions[k] != best) {
                append_revision_lines(run, model, &model->revisions[k]);
            }
        }
    }
}

/* --- the command -------------------------------------------------------------------------------
 */

static sg_status report(models_run *run, sg_cli_format format, sg_error *error) {
    SG_TRY(sg_model_places_list(&run->places, error));
    SG_TRY(sg_model_manifest_open(&run->manifest, error));
    if (format == SG_CLI_FORMAT_JSON) {
        append_json_report(run);
    } else if (format == SG_CLI_FORMAT_TSV) {
        append_tsv_report(run);
    } else {
        append_text_report(run);
    }
    return SG_STATUS_OK;
}

sg_exit_code sg_command_models(sg_cli_context *context) {
    sg_error error = {.code = SG_STATUS_OK};
    sg_exit_code code;
    models_run run = {.json = context->options->format == SG_CLI_FORMAT_JSON};
    sg_buffer_init(&run.out, MAX_REPORT_BYTES);
    sg_buffer_init(&run.looked_for, MAX_REPORT_BYTES);
    sg_buffer_init(&run.installed, MAX_REPORT_BYTES);
    code = report(&run, context->options->format, &error) == SG_STATUS_OK
               ? sg_command_print(context, &run.out)
               : sg_command_fail(context, &error);
    sg_buffer_clear(&run.installed);
    sg_buffer_clear(&run.looked_for);
    sg_buffer_clear(&run.out);
    sg_model_manifest_close(run.manifest);
    sg_model_places_clear(&run.places);
    return code;
}
