/* SPDX-License-Identifier: Apache-2.0 */
/* From what the user wrote to a directory: the order in which places and names are tried.
 *
 * A repository that is in the cache but cannot be used does not end the search; what was wrong with
 * the first such one is told if nothing else is found, since that is what the user means. */
#include "storage/model_locator.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "storage/hub_cache.h"
#include "storage/model_advice.h"
#include "storage/model_folder.h"

#define NAME_COUNT 4u  /* most names that one is tried as */
#define NAME_SIZE 256u /* of "google-t5/NAME"; longer ones name no folder */
#define MAIN_REVISION "main"

/* Organisations whose names may be left out: the contract's order. */
static const char *const organisations[] = {"google", "google-t5"};

/* What a name is tried as, in order, none twice. */
typedef struct name_list {
    const char *items[NAME_COUNT];
    char made[sizeof organisations / sizeof organisations[0]][NAME_SIZE];
    size_t count;
} name_list;

/* One search. */
typedef struct model_search {
    const sg_model_request *request;
    sg_model_places places;
    sg_model_manifest *manifest;
    const sg_known_model *model; /* the known one of this name, or NULL */
    bool has_failure;
    sg_error failure; /* of the first repository that is cached and cannot be used */
} model_search;

static bool is_directory(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static void add_name(name_list *names, const char *name) {
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0) {
            return;
        }
    }
    if (names->count < NAME_COUNT) {
        names->items[names->count++] = name;
    }
}

/* Names under a plain directory. */
static void list_folder_names(name_list *names, const char *name, const sg_known_model *model) {
    names->count = 0;
    add_name(names, name);
    if (model != NULL) {
        add_name(names, model->name);
        add_name(names, model->repository);
    }
}

/* Names in the cache. */
static void list_hub_names(name_list *names, const char *name, const sg_known_model *model) {
    names->count = 0;
    if (model != NULL && model->revision_count > 0) {
        add_name(names, model->repository);
    }
    add_name(names, name);
    for (size_t i = 0;
         strchr(name, '/') == NULL && i < sizeof organisations / sizeof organisations[0]; i++) {
        int length =
            snprintf(names->made[i], sizeof names->made[i], "%s/%s", organisations[i], name);
        if (length > 0 && (size_t)length < sizeof names->made[i]) {
            add_name(names, names->made[i]);
        }
    }
}

/* Take `path` as the result. */
static sg_status found(const char *path, char **directory, sg_error *error) {
    char *copy = sg_memory_copy_text(path, strlen(path));
    if (copy == NULL) {
        return sg_memory_error(error, "a model's directory", strlen(path) + 1);
    }
    *directory = copy;
    return SG_STATUS_OK;
}

/* Take a plain directory, where a revision says nothing. */
static sg_status found_folder(const model_search *search, const char *path, char **directory,
                              sg_error *error) {
    if (search->request->revision != NULL) {
        sg_log_write(search->request->log, SG_LOG_LEVEL_WARNING,
                     "--revision has no effect on the directory %s", path);
    }
    return found(path, directory, error);
}

/* ---- plain directories ---- */

static sg_status search_folders(const model_search *search, char **directory, sg_error *error) {
    name_list names;
    char path[SG_MODEL_PATH_MAXIMUM];
    list_folder_names(&names, search->request->name, search->model);
    for (const char *place = sg_model_places_next(&search->places, NULL); place != NULL;
         place = sg_model_places_next(&search->places, place)) {
        for (size_t i = 0; i < names.count; i++) {
            if (!sg_model_places_is_inner(names.items[i]) ||
                !sg_model_places_join(place, names.items[i], path) ||
                !sg_model_folder_is_model(path)) {
                continue;
            }
            if (search->request->needs_weights &&
                sg_model_folder_form(path) == SG_KNOWN_FORM_PICKLE) {
                return sg_model_advice_convert(&search->places, search->model,
                                               search->request->name, path, error);
            }
            return found_folder(search, path, directory, error);
        }
    }
    return SG_STATUS_OK;
}

/* ---- the cache ---- */

/* Accept a snapshot if it has what is needed; it is freed where it is refused. */
static sg_status accept_snapshot(const model_search *search, char *snapshot, char **directory,
                                 sg_error *error) {
    sg_status status = SG_STATUS_OK;
    sg_known_form form = sg_model_folder_form(snapshot);
    if (search->request->needs_weights && form == SG_KNOWN_FORM_PICKLE) {
        status = sg_model_advice_convert(&search->places, search->model, search->request->name,
                                         snapshot, error);
    } else {
        status = sg_model_folder_check_links(snapshot, error);
    }
    if (status != SG_STATUS_OK) {
        sg_memory_free(snapshot);
        return status;
    }
    *directory = snapshot;
    return SG_STATUS_OK;
}

/* A cached revision with safetensors that the manifest knows, other than main; NULL if there is
 * none. *snapshot is then the caller's. */
static const char *find_known_revision(const model_search *search, const char *repository,
                                       char **snapshot) {
    const sg_known_model *model = search->model;
    if (model == NULL || strcmp(model->repository, repository) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < model->revision_count; i++) {
        const char *revision = model->revisions[i].revision;
        if (strcmp(revision, MAIN_REVISION) == 0 ||
            sg_hub_cache_find(search->places.hub, repository, revision, snapshot, NULL) !=
                SG_STATUS_OK) {
            continue;
        }
        if (sg_model_folder_form(*snapshot) == SG_KNOWN_FORM_SAFETENSORS) {
            return revision;
        }
        sg_memory_free(*snapshot);
        *snapshot = NULL;
    }
    return NULL;
}

/* No revision was asked for. */
static sg_status search_default_revision(const model_search *search, const char *repository,
                                         char **directory, sg_error *error) {
    char *snapshot = NULL;
    char *known_snapshot = NULL;
    const char *known = NULL;
    sg_status status =
        sg_hub_cache_find(search->places.hub, repository, MAIN_REVISION, &snapshot, error);
    if (status == SG_STATUS_MEMORY) {
        return status;
    }
    if (status != SG_STATUS_OK || sg_model_folder_form(snapshot) != SG_KNOWN_FORM_SAFETENSORS) {
        known = find_known_revision(search, repository, &known_snapshot);
    }
    if (known == NULL) {
        return status == SG_STATUS_OK ? accept_snapshot(search, snapshot, directory, error)
                                      : status;
    }
    sg_log_write(search->request->log, SG_LOG_LEVEL_WARNING,
                 "%s: main %s, revision %s is used; choose one with --revision", repository,
                 status == SG_STATUS_OK ? "has no safetensors" : "is not in the cache", known);
    sg_memory_free(snapshot);
    return accept_snapshot(search, known_snapshot, directory, error);
}

static sg_status search_repository(const model_search *search, const char *repository,
                                   char **directory, sg_error *error) {
    char *snapshot = NULL;
    if (search->request->revision == NULL) {
        return search_default_revision(search, repository, directory, error);
    }
    SG_TRY(sg_hub_cache_find(search->places.hub, repository, search->request->revision, &snapshot,
                             error));
    return accept_snapshot(search, snapshot, directory, error);
}

static sg_status search_hub(model_search *search, char **directory, sg_error *error) {
    name_list names;
    list_hub_names(&names, search->request->name, search->model);
    for (size_t i = 0; i < names.count; i++) {
        sg_error failure = {.code = SG_STATUS_OK};
        sg_status status;
        if (!sg_hub_cache_has(search->places.hub, names.items[i])) {
            continue;
        }
        status = search_repository(search, names.items[i], directory, &failure);
        if (status == SG_STATUS_OK) {
            return status;
        }
        if (status == SG_STATUS_MEMORY) {
            return sg_error_set(error, status, "%s", failure.message);
        }
        if (!search->has_failure) {
            search->failure = failure;
            search->has_failure = true;
        }
    }
    return SG_STATUS_OK;
}

/* ---- the whole ---- */

static sg_status run_search(model_search *search, char **directory, sg_error *error) {
    SG_TRY(sg_model_places_list(&search->places, error));
    SG_TRY(sg_model_manifest_open(&search->manifest, error));
    search->model = sg_model_manifest_find(search->manifest, search->request->name);
    SG_TRY(search_folders(search, directory, error));
    if (*directory == NULL) {
        SG_TRY(search_hub(search, directory, error));
    }
    if (*directory != NULL) {
        return SG_STATUS_OK;
    }
    if (search->has_failure) {
        if (error != NULL) {
            *error = search->failure;
        }
        return search->failure.code;
    }
    return sg_model_advice_not_found(&search->places, search->manifest, search->request->name,
                                     error);
}

sg_status sg_model_locator_find(const sg_model_request *request, char **directory,
                                sg_error *error) {
    model_search search = {.request = request};
    char *result = NULL;
    sg_status status;
    if (request->name[0] != '\0' && is_directory(request->name)) {
        return found_folder(&search, request->name, directory, error);
    }
    status = run_search(&search, &result, error);
    sg_model_places_clear(&search.places);
    sg_model_manifest_close(search.manifest);
    if (status == SG_STATUS_OK) {
        *directory = result;
    }
    return status;
}

/* ---- all places of a known model ---- */

/* The cached snapshots of main and of the known revisions; true if there is any. */
static bool visit_snapshots(const sg_model_places *places, const sg_known_model *model,
                            const char *repository,
                            void (*visit)(void *context, const char *path, const char *revision),
                            void *context) {
    bool any = false;
    for (size_t i = 0; i <= model->revision_count; i++) {
        const char *revision = i == 0 ? MAIN_REVISION : model->revisions[i - 1].revision;
        char *snapshot = NULL;
        if ((i == 0 || strcmp(revision, MAIN_REVISION) != 0) &&
            sg_hub_cache_find(places->hub, repository, revision, &snapshot, NULL) == SG_STATUS_OK) {
            visit(context, snapshot, revision);
            sg_memory_free(snapshot);
            any = true;
        }
    }
    return any;
}

void sg_model_locator_each(const sg_model_places *places, const sg_known_model *model,
                           void (*visit)(void *context, const char *path, const char *revision),
                           void *context) {
    name_list names;
    char path[SG_MODEL_PATH_MAXIMUM];
    list_folder_names(&names, model->name, model);
    for (const char *place = sg_model_places_next(places, NULL); place != NULL;
         place = sg_model_places_next(places, place)) {
        for (size_t i = 0; i < names.count; i++) {
            if (sg_model_places_join(place, names.items[i], path)) {
                visit(context, path, NULL);
            }
        }
    }
    list_hub_names(&names, model->name, model);
    for (size_t i = 0; i < names.count; i++) {
        bool any = sg_hub_cache_has(places->hub, names.items[i]) &&
                   visit_snapshots(places, model, names.items[i], visit, context);
        if (!any && sg_hub_cache_path(places->hub, names.items[i], path)) {
            visit(context, path, "");
        }
    }
}
