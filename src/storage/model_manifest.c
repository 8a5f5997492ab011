/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of models/manifest.json to arrays of plain structs.
 *
 * The texts are borrowed from the document, which stays open. The manifest is ours, but it is read
 * as strictly as a stranger's: its names become paths here and URLs in tools/fetch-model. */
#include "storage/model_manifest.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "storage/json.h"
#include "storage/manifest_bytes.h"

#define NAME_MAXIMUM 200 /* bytes of a repository, a revision or a file name */

struct sg_model_manifest {
    sg_json *document;
    sg_known_file *common; /* [common_count] */
    size_t common_count;
    sg_known_model *models; /* [count] */
    size_t count;
    sg_known_revision *revisions; /* of all models, one after the other */
    size_t revision_count;
    sg_known_file *files; /* of all revisions, one after the other */
    size_t file_count;
};

/* What is being read, for messages. */
typedef struct manifest_reader {
    const char *name;
    const sg_json_value *purposes;
    sg_model_manifest *manifest;
    sg_error *error;
} manifest_reader;

static sg_status refuse(const manifest_reader *reader, const char *what, const char *found) {
    return sg_error_set(reader->error, SG_STATUS_MODEL, "%s: %s: \"%s\"", reader->name, what,
                        found == NULL ? "" : found);
}

/* Parts of letters, digits, '.', '-' and '_' that begin with none of the signs, at most `slashes` +
 * 1 of them: nothing that a path, a URL or a table would take for something else. */
static bool is_safe_name(const char *text, size_t slashes) {
    size_t length = strlen(text);
    if (length == 0 || length > NAME_MAXIMUM) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool begins = i == 0 || text[i - 1] == '/';
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c == '/' && !begins && i + 1 < length && slashes > 0) {
            slashes--;
        } else if (!is_letter && (begins || strchr(".-_", c) == NULL)) {
            return false;
        }
    }
    return true;
}

static bool is_sha256(const char *text) {
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* Every member is one of `known`, a list that ends with NULL. */
static sg_status check_members(const manifest_reader *reader, const sg_json_value *object,
                               const char *const *known) {
    if (sg_json_kind(object) != SG_JSON_EVENT_OBJECT_BEGIN) {
        return refuse(reader, "expected an object", NULL);
    }
    for (size_t i = 0; i < sg_json_count(object); i++) {
        const char *key = NULL;
        size_t k = 0;
        (void)sg_json_at(object, i, &key);
        while (known[k] != NULL && strcmp(known[k], key) != 0) {
            k++;
        }
        if (known[k] == NULL) {
            return refuse(reader, "unknown field", key);
        }
    }
    return SG_STATUS_OK;
}

static sg_status get_count(const manifest_reader *reader, const sg_json_value *object,
                           const char *key, uint64_t *out) {
    int64_t value = 0;
    SG_TRY(sg_json_get_i64(reader->manifest->document, object, key, 1, INT64_MAX, false, &value,
                           reader->error));
    *out = (uint64_t)value;
    return SG_STATUS_OK;
}

/* A text, NULL where it is absent, or refused there if it is `needed`. */
static sg_status get_text(const manifest_reader *reader, const sg_json_value *object,
                          const char *key, bool needed, const char **out) {
    *out = NULL;
    SG_TRY(sg_json_get_string(reader->manifest->document, object, key, false, out, reader->error));
    return *out == NULL && needed ? refuse(reader, "a field is missing", key) : SG_STATUS_OK;
}

static sg_status get_name(const manifest_reader *reader, const sg_json_value *object,
                          const char *key, size_t slashes, bool needed, const char **out) {
    SG_TRY(get_text(reader, object, key, needed, out));
    return *out != NULL && !is_safe_name(*out, slashes)
               ? refuse(reader, "a name that is none", *out)
               : SG_STATUS_OK;
}

static sg_status get_form(const manifest_reader *reader, const sg_json_value *object,
                          sg_known_form *out) {
    const char *form;
    SG_TRY(get_text(reader, object, "form", false, &form));
    *out = SG_KNOWN_FORM_UNKNOWN;
    if (form == NULL) {
        return SG_STATUS_OK;
    }
    if (strcmp(form, "safetensors") != 0 && strcmp(form, "pickle") != 0) {
        return refuse(reader, "a form that is not known", form);
    }
    *out = form[0] == 's' ? SG_KNOWN_FORM_SAFETENSORS : SG_KNOWN_FORM_PICKLE;
    return SG_STATUS_OK;
}

static sg_status read_file(const manifest_reader *reader, const sg_json_value *object,
                           sg_known_file *file) {
    static const char *const known[] = {"name", "bytes", "sha256", "optional", NULL};
    SG_TRY(check_members(reader, object, known));
    SG_TRY(get_name(reader, object, "name", 0, true, &file->name));
    SG_TRY(get_count(reader, object, "bytes", &file->bytes));
    SG_TRY(get_text(reader, object, "sha256", false, &file->sha256));
    if (file->sha256 != NULL && !is_sha256(file->sha256)) {
        return refuse(reader, "no SHA-256 in hex digits", file->sha256);
    }
    return sg_json_get_bool(reader->manifest->document, object, "optional", false, &file->optional,
                            reader->error);
}

/* The list `key` of `object`: absent is empty, another kind is refused. */
static sg_status get_list(const manifest_reader *reader, const sg_json_value *object,
                          const char *key, const sg_json_value **list) {
    *list = sg_json_member(object, key);
    return *list != NULL && sg_json_kind(*list) != SG_JSON_EVENT_ARRAY_BEGIN
               ? refuse(reader, "expected a list", key)
               : SG_STATUS_OK;
}

static sg_status read_files(const manifest_reader *reader, const sg_json_value *object,
                            sg_known_file *files) {
    const sg_json_value *list = sg_json_member(object, "files");
    for (size_t i = 0; list != NULL && i < sg_json_count(list); i++) {
        SG_TRY(read_file(reader, sg_json_at(list, i, NULL), &files[i]));
    }
    return SG_STATUS_OK;
}

static sg_status read_revision(const manifest_reader *reader, const sg_json_value *object,
                               sg_known_revision *revision) {
    static const char *const known[] = {"revision",    "form",  "weights", "shards",
                                        "about_bytes", "files", NULL};
    sg_model_manifest *manifest = reader->manifest;
    SG_TRY(check_members(reader, object, known));
    SG_TRY(get_name(reader, object, "revision", 3, true, &revision->revision));
    SG_TRY(get_form(reader, object, &revision->form));
    SG_TRY(get_name(reader, object, "weights", 0, false, &revision->weights));
    SG_TRY(get_count(reader, object, "shards", &revision->shards));
    SG_TRY(get_count(reader, object, "about_bytes", &revision->about_bytes));
    revision->files = manifest->files + manifest->file_count;
    SG_TRY(read_files(reader, object, manifest->files + manifest->file_count));
    revision->file_count = sg_json_count(sg_json_member(object, "files"));
    manifest->file_count += revision->file_count;
    return SG_STATUS_OK;
}

static sg_status read_purpose(const manifest_reader *reader, const sg_json_value *object,
                              sg_known_model *model) {
    const char *key;
    SG_TRY(get_text(reader, object, "purpose", true, &key));
    SG_TRY(get_text(reader, reader->purposes, key, false, &model->purpose));
    return model->purpose == NULL ? refuse(reader, "a purpose that is not listed", key)
                                  : SG_STATUS_OK;
}

static sg_status read_model(const manifest_reader *reader, const sg_json_value *object,
                            sg_known_model *model) {
    static const char *const known[] = {"repository", "parameters", "purpose",
                                        "licence",    "revisions",  NULL};
    sg_model_manifest *manifest = reader->manifest;
    const sg_json_value *list;
    const char *slash;
    SG_TRY(check_members(reader, object, known));
    SG_TRY(get_name(reader, object, "repository", 1, true, &model->repository));
    if (sg_model_manifest_find(manifest, model->repository) != NULL) {
        return refuse(reader, "a repository is given twice", model->repository);
    }
    slash = strchr(model->repository, '/');
    model->name = slash == NULL ? model->repository : slash + 1;
    SG_TRY(get_count(reader, object, "parameters", &model->parameters));
    SG_TRY(get_text(reader, object, "licence", true, &model->licence));
    SG_TRY(read_purpose(reader, object, model));
    list = sg_json_member(object, "revisions");
    model->revisions = manifest->revisions + manifest->revision_count;
    for (size_t i = 0; i < sg_json_count(list); i++) {
        SG_TRY(read_revision(reader, sg_json_at(list, i, NULL),
                             &manifest->revisions[manifest->revision_count++]));
    }
    model->revision_count = sg_json_count(list);
    return SG_STATUS_OK;
}

/* Check that lists are lists, and count what is in them, so that no array has to move. */
static sg_status count_all(const manifest_reader *reader, const sg_json_value *models,
                           size_t *revisions, size_t *files) {
    *revisions = 0;
    *files = 0;
    for (size_t i = 0; i < sg_json_count(models); i++) {
        const sg_json_value *list;
        SG_TRY(get_list(reader, sg_json_at(models, i, NULL), "revisions", &list));
        if (list == NULL) {
            return refuse(reader, "a field is missing", "revisions");
        }
        *revisions += sg_json_count(list);
        for (size_t k = 0; k < sg_json_count(list); k++) {
            const sg_json_value *inner;
            SG_TRY(get_list(reader, sg_json_at(list, k, NULL), "files", &inner));
            *files += inner == NULL ? 0 : sg_json_count(inner);
        }
    }
    return SG_STATUS_OK;
}

static sg_status reserve(const manifest_reader *reader, size_t models, size_t revisions,
                         size_t files, size_t common) {
    sg_model_manifest *manifest = reader->manifest;
    manifest->models = sg_memory_alloc_zeroed(models, sizeof *manifest->models);
    manifest->revisions = sg_memory_alloc_zeroed(revisions, sizeof *manifest->revisions);
    manifest->files = sg_memory_alloc_zeroed(files, sizeof *manifest->files);
    manifest->common = sg_memory_alloc_zeroed(common, sizeof *manifest->common);
    return manifest->models == NULL || manifest->revisions == NULL || manifest->files == NULL ||
                   manifest->common == NULL
               ? sg_memory_error(reader->error, "the known models",
                                 models * sizeof *manifest->models)
               : SG_STATUS_OK;
}

static sg_status read_manifest(manifest_reader *reader) {
    static const char *const known[] = {"v", "files", "purposes", "models", NULL};
    sg_model_manifest *manifest = reader->manifest;
    const sg_json_value *root = sg_json_root(manifest->document);
    const sg_json_value *models;
    const sg_json_value *common;
    uint64_t version = 0;
    size_t revisions;
    size_t files;
    SG_TRY(check_members(reader, root, known));
    SG_TRY(get_count(reader, root, "v", &version));
    if (version != 1) {
        return refuse(reader, "expected version 1", NULL);
    }
    reader->purposes = sg_json_member(root, "purposes");
    SG_TRY(get_list(reader, root, "models", &models));
    SG_TRY(get_list(reader, root, "files", &common));
    if (reader->purposes == NULL || models == NULL || common == NULL) {
        return refuse(reader, "a field is missing", "purposes, models or files");
    }
    SG_TRY(count_all(reader, models, &revisions, &files));
    SG_TRY(reserve(reader, sg_json_count(models), revisions, files, sg_json_count(common)));
    SG_TRY(read_files(reader, root, manifest->common));
    manifest->common_count = sg_json_count(common);
    for (size_t i = 0; i < sg_json_count(models); i++) {
        SG_TRY(read_model(reader, sg_json_at(models, i, NULL), &manifest->models[i]));
        manifest->count++;
    }
    return SG_STATUS_OK;
}

sg_status sg_model_manifest_parse(const char *name, const char *bytes, size_t length,
                                  sg_model_manifest **manifest, sg_error *error) {
    manifest_reader reader = {.name = name, .error = error};
    sg_status status;
    sg_model_manifest *made = sg_memory_alloc_zeroed(1, sizeof *made);
    if (made == NULL) {
        return sg_memory_error(error, "the known models", sizeof *made);
    }
    reader.manifest = made;
    status = sg_json_parse(name, bytes, length, &made->document, error);
    if (status == SG_STATUS_OK) {
        status = read_manifest(&reader);
    }
    if (status != SG_STATUS_OK) {
        sg_model_manifest_close(made);
        return status;
    }
    *manifest = made;
    return SG_STATUS_OK;
}

sg_status sg_model_manifest_open(sg_model_manifest **manifest, sg_error *error) {
    return sg_model_manifest_parse("models/manifest.json", (const char *)sg_manifest_bytes,
                                   sizeof sg_manifest_bytes, manifest, error);
}

void sg_model_manifest_close(sg_model_manifest *manifest) {
    if (manifest == NULL) {
        return;
    }
    sg_json_destroy(manifest->document);
    sg_memory_free(manifest->common);
    sg_memory_free(manifest->models);
    sg_memory_free(manifest->revisions);
    sg_memory_free(manifest->files);
    sg_memory_free(manifest);
}

size_t sg_model_manifest_count(const sg_model_manifest *manifest) {
    return manifest->count;
}

const sg_known_model *sg_model_manifest_at(const sg_model_manifest *manifest, size_t position) {
    return &manifest->models[position];
}

const sg_known_model *sg_model_manifest_find(const sg_model_manifest *manifest, const char *name) {
    for (size_t i = 0; i < manifest->count; i++) {
        if (strcmp(manifest->models[i].repository, name) == 0 ||
            strcmp(manifest->models[i].name, name) == 0) {
            return &manifest->models[i];
        }
    }
    return NULL;
}

size_t sg_model_manifest_file_count(const sg_model_manifest *manifest) {
    return manifest->common_count;
}

const sg_known_file *sg_model_manifest_file(const sg_model_manifest *manifest, size_t position) {
    return &manifest->common[position];
}

const sg_known_revision *sg_known_model_best(const sg_known_model *model) {
    const sg_known_form order[] = {SG_KNOWN_FORM_SAFETENSORS, SG_KNOWN_FORM_UNKNOWN,
                                   SG_KNOWN_FORM_PICKLE};
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        for (size_t i = 0; i < model->revision_count; i++) {
            if (model->revisions[i].form == order[k]) {
                return &model->revisions[i];
            }
        }
    }
    return NULL;
}
