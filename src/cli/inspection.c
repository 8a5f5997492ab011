/* SPDX-License-Identifier: Apache-2.0 */
/* A directory in, facts and problems out.
 *
 * Each part is opened by the code that opens it for running, with a sink that takes note of every
 * flaw. At the end a model without problems is opened for running, so that "usable" is never only
 * this file's opinion. */
#include "cli/inspection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/config_keys.h"
#include "cli/inspection_mend.h"
#include "model/config_evidence.h"
#include "model/reconcile.h"
#include "model/tensor_table.h"
#include "model/weights.h"
#include "storage/mapped_file.h"
#include "text/piece_model.h"
#include "text/tokenizer_config.h"

#define PATH_SIZE 4096     /* Linux's PATH_MAX */
#define SPARE_ROWS 128     /* T5's vocabulary is rounded up to a multiple of it */
#define MAX_MISSING 100000 /* tensors not found before the search for used ones ends */

/* --- tensors by type --- */

static uint64_t elements_of(const sg_tensor *tensor) {
    uint64_t count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        count *= tensor->shape[i]; /* checked against the file's size by the reader */
    }
    return count;
}

void sg_type_totals_add(sg_type_totals *totals, const sg_tensor *tensor) {
    sg_type_total *total = &totals->of[tensor->dtype];
    total->tensors++;
    total->bytes += tensor->size;
    total->elements += elements_of(tensor);
}

sg_type_total sg_type_totals_sum(const sg_type_totals *totals) {
    sg_type_total sum = {0, 0, 0};
    for (int dtype = 0; dtype < SG_DTYPE_COUNT; dtype++) {
        sum.tensors += totals->of[dtype].tensors;
        sum.bytes += totals->of[dtype].bytes;
        sum.elements += totals->of[dtype].elements;
    }
    return sum;
}

/* --- problems --- */

static bool tell(void *context, const sg_error *problem) {
    sg_inspection *to = context;
    sg_error mended = *problem;
    sg_inspection_mend(to->directory, &to->family, &mended);
    return sg_problem_list_add(&to->problems, mended.message, mended.hint);
}

static sg_problem_sink sink_of(sg_inspection *to) {
    return (sg_problem_sink){.tell = tell, .context = to};
}

/* Keep a failure as a problem; what is none of the model's is returned. */
static sg_status keep(sg_inspection *to, sg_status status, sg_error *error) {
    if (status == SG_STATUS_OK || status == SG_STATUS_MEMORY || status == SG_STATUS_CHANGED) {
        return status;
    }
    (void)tell(to, error); /* a full list is long enough */
    return SG_STATUS_OK;
}

static bool is_there(const char *directory, const char *name) {
    char path[PATH_SIZE];
    struct stat found;
    return sg_model_files_path(directory, name, path, sizeof path, NULL) == SG_STATUS_OK &&
           lstat(path, &found) == 0;
}

/* --- configuration --- */

static sg_status read_config(sg_inspection *to, sg_error *error) {
    sg_problem_sink sink = sink_of(to);
    sg_status status;
    sg_model_family_find(to->manifest, to->directory, NULL, &to->family);
    status = sg_model_config_examine(to->directory, &sink, &to->config, error);
    if (status != SG_STATUS_OK) {
        return keep(to, status, error);
    }
    to->has_config = true;
    sg_model_family_find(to->manifest, to->directory, &to->config, &to->family);
    return sg_config_keys_find_defaults(to->directory, &to->config, &to->defaults, error);
}

static sg_status read_generation(sg_inspection *to, sg_error *error) {
    sg_problem_sink sink = sink_of(to);
    sg_log log = sg_problem_list_log(&to->warnings);
    sg_status status;
    to->has_generation_file = is_there(to->directory, "generation_config.json");
    status = sg_generation_config_examine(to->directory, NULL, &to->config, &log, &sink,
                                          &to->generation, error);
    to->has_generation = status == SG_STATUS_OK;
    return keep(to, status, error);
}

/* --- weights --- */

static sg_status open_weights(sg_inspection *to, sg_error *error) {
    sg_problem_sink sink = sink_of(to);
    size_t before = to->problems.count;
    sg_status status = sg_shard_index_examine(to->directory, &sink, &to->index, error);
    to->partial = to->problems.count > before;
    SG_TRY(keep(to, status, error));
    for (size_t i = 0; to->index != NULL && i < sg_shard_index_count(to->index); i++) {
        sg_type_totals_add(&to->totals, sg_shard_index_at(to->index, i));
    }
    return SG_STATUS_OK;
}

/* Configuration against tensors: known contradictions are corrected, wrong numbers are problems
 * with their edit, and the rest is checked as if they were mended. */
static sg_status check_weights(sg_inspection *to, sg_error *error) {
    sg_problem_sink sink = sink_of(to);
    sg_log log = sg_problem_list_log(&to->warnings);
    sg_model_config stated = to->config;
    const sg_log silence = {0};
    sg_status status;
    sg_model_reconcile(&to->config, to->index, &log);
    sg_config_keys_find_corrected(&stated, &to->config, &to->from_tensors);
    to->mended = to->config;
    status =
        sg_config_evidence_check(&to->mended, to->index, to->partial, to->directory, &sink, error);
    sg_model_reconcile(&to->mended, to->index, &silence); /* steps fit the mended depth only */
    if (status == SG_STATUS_OK) {
        status = sg_weights_examine(&to->mended, to->index, to->partial, &log, &sink, error);
    }
    /* The sink wants no more: the list is full, which is no failure of the inspection. */
    return status == SG_STATUS_MEMORY ? status : SG_STATUS_OK;
}

/* --- tables --- */

/* transformers 5 calls every T5 tied, also those that do not scale and hold a head. */
bool sg_inspection_has_own_head(const sg_inspection *inspection) {
    return !inspection->config.tie_word_embeddings || !inspection->config.scale_output;
}

static void list_tables(sg_inspection *to) {
    static const char *const names[SG_INSPECTION_MAX_TABLES] = {
        "shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
        "lm_head.weight", "decoder.lm_head.weight"};
    sg_weight_tables used;
    sg_weights_find_tables(&to->config, to->index, &used);
    for (size_t i = 0; i < SG_INSPECTION_MAX_TABLES; i++) {
        const sg_tensor *tensor = sg_shard_index_find(to->index, names[i]);
        if (tensor != NULL) {
            sg_inspected_table *table = &to->tables[to->table_count];
            *table =
                (sg_inspected_table){.tensor = tensor,
                                     .encoder = tensor == used.encoder,
                                     .decoder = tensor == used.decoder,
                                     .head = tensor == used.head,
                                     .equality = to->table_count == 0 ? SG_TABLE_EQUALITY_FIRST
                                                                      : SG_TABLE_EQUALITY_UNKNOWN};
            to->used_tables += table->encoder || table->decoder || table->head ? 1 : 0;
            to->table_count++;
        }
    }
}

static bool have_equal_values(const sg_tensor *a, const sg_tensor *b) {
    return a->dtype == b->dtype && a->size == b->size &&
           (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

/* Reads the tables. A tied model whose tables differ runs, but is not what its name says. */
static void compare_tables(sg_inspection *to) {
    for (size_t i = 1; i < to->table_count; i++) {
        sg_inspected_table *table = &to->tables[i];
        char message[256];
        if (have_equal_values(to->tables[0].tensor, table->tensor)) {
            table->equality = SG_TABLE_EQUALITY_EQUAL;
            continue;
        }
        table->equality = SG_TABLE_EQUALITY_DIFFERENT;
        if (!sg_inspection_has_own_head(to)) {
            (void)snprintf(message, sizeof message,
                           "config.json says tie_word_embeddings true, but %.64s and %.64s differ: "
                           "each is used in its own place",
                           to->tables[0].tensor->name, table->tensor->name);
            (void)sg_problem_list_add(&to->warnings, message, "");
        }
    }
}

/* --- tensors that are not used --- */

typedef struct used_search {
    const sg_inspection *of;
    const sg_tensor **used; /* [capacity] */
    size_t count, capacity;
    size_t missing;
} used_search;

static void add_used(used_search *search, const sg_tensor *tensor) {
    if (tensor != NULL && search->count < search->capacity) {
        search->used[search->count++] = tensor;
    }
}

static sg_status visit_used(void *context, const sg_tensor_slot *slot) {
    used_search *search = context;
    const sg_tensor *tensor = sg_shard_index_find(search->of->index, slot->name);
    add_used(search, tensor);
    search->missing += tensor == NULL ? 1 : 0;
    return search->missing > MAX_MISSING ? SG_STATUS_MODEL : SG_STATUS_OK;
}

static int by_address(const void *a, const void *b) {
    const sg_tensor *const *left = a;
    const sg_tensor *const *right = b;
    return (*left > *right) - (*left < *right);
}

/* Everything in the index that `search` did not find. */
static void list_unused(sg_inspection *to, const used_search *search) {
    qsort(search->used, search->count, sizeof(const sg_tensor *), by_address);
    for (size_t i = 0; i < sg_shard_index_count(to->index); i++) {
        const sg_tensor *tensor = sg_shard_index_at(to->index, i);
        if (bsearch(&tensor, search->used, search->count, sizeof tensor, by_address) == NULL) {
            to->unused[to->unused_count++] = tensor;
        }
    }
}

static sg_status find_unused(sg_inspection *to, sg_error *error) {
    size_t count = sg_shard_index_count(to->index);
    used_search search = {.of = to, .capacity = count + SG_INSPECTION_MAX_TABLES};
    search.used = sg_memory_alloc(search.capacity, sizeof(const sg_tensor *));
    to->unused = sg_memory_alloc(count, sizeof(const sg_tensor *));
    if (search.used == NULL || to->unused == NULL) {
        sg_memory_free(search.used);
        return sg_memory_error(error, "the list of tensors", count * sizeof(const sg_tensor *));
    }
    for (size_t i = 0; i < to->table_count; i++) {
        const sg_inspected_table *table = &to->tables[i];
        add_used(&search, table->encoder || table->decoder || table->head ? table->tensor : NULL);
    }
    /* A configuration that calls for far more than is there has other problems: nothing is listed.
     */
    if (sg_tensor_table_walk(&to->mended, visit_used, &search) == SG_STATUS_OK) {
        list_unused(to, &search);
    }
    sg_memory_free(search.used);
    return SG_STATUS_OK;
}

/* --- tokenizer --- */

/* Both files by themselves, so that a flaw of one does not hide the other's. */
static sg_status check_tokenizer_files(sg_inspection *to, sg_error *error) {
    char path[PATH_SIZE];
    char *bytes = NULL;
    size_t length = 0;
    sg_tokenizer_config unused;
    sg_piece_model model = {0};
    sg_status status;
    SG_TRY(sg_model_files_path(to->directory, "tokenizer_config.json", path, sizeof path, error));
    SG_TRY(keep(to, sg_tokenizer_config_read(path, &unused, error), error));
    SG_TRY(sg_model_files_path(to->directory, "spiece.model", path, sizeof path, error));
    status = sg_file_read_small(path, SG_PIECE_MODEL_MAX_BYTES, &bytes, &length, error);
    if (status == SG_STATUS_OK) {
        status = sg_piece_model_open(&model, bytes, length, error);
        status = status == SG_STATUS_OK ? status : sg_error_prefix(error, status, "%s", path);
        sg_piece_model_clear(&model);
    } else if (status == SG_STATUS_NOT_FOUND) {
        status = SG_STATUS_OK; /* sg_tokenizer_open has words for it */
    }
    sg_memory_free(bytes);
    return keep(to, status, error);
}

static sg_status read_tokenizer(sg_inspection *to, sg_error *error) {
    SG_TRY(check_tokenizer_files(to, error));
    return keep(to, sg_tokenizer_open(to->directory, &to->tokenizer, error), error);
}

static sg_status check_vocabulary(sg_inspection *to, sg_error *error) {
    size_t tokens = (size_t)sg_tokenizer_size(to->tokenizer);
    size_t rows = to->config.vocab_size;
    if (tokens > rows) {
        sg_status status =
            sg_error_set(error, SG_STATUS_MODEL,
                         "%s: the tokenizer has %zu tokens, expected at most vocab_size, %zu",
                         to->directory, tokens, rows);
        (void)sg_error_hint(error, "spiece.model and the weights must be of the same model");
        return keep(to, status, error);
    }
    if (rows - tokens > SPARE_ROWS) {
        char message[160];
        (void)snprintf(message, sizeof message,
                       "the tokenizer has %zu tokens, far fewer than vocab_size, %zu", tokens,
                       rows);
        (void)sg_problem_list_add(&to->warnings, message, "");
    }
    return SG_STATUS_OK;
}

/* --- files --- */

static sg_status sum_files(sg_inspection *to, sg_error *error) {
    char path[PATH_SIZE];
    to->sums = sg_memory_alloc_zeroed(to->files.count, sizeof *to->sums);
    if (to->sums == NULL) {
        return sg_memory_error(error, "sums", to->files.count * sizeof *to->sums);
    }
    for (size_t i = 0; i < to->files.count; i++) {
        SG_TRY(
            sg_model_files_path(to->directory, to->files.items[i].name, path, sizeof path, error));
        SG_TRY(sg_digest_sha256_file(path, to->sums[i], error));
    }
    return SG_STATUS_OK;
}

/* Open as for running: what this file did not find. */
static sg_status open_for_running(sg_inspection *to, sg_error *error) {
    sg_engine *engine = NULL;
    sg_engine_options options = sg_engine_options_default();
    sg_status status = sg_engine_open(to->directory, &options, &engine, error);
    sg_engine_close(engine);
    return keep(to, status, error);
}

static sg_status inspect_weights(sg_inspection *to, bool checksum, sg_error *error) {
    SG_TRY(check_weights(to, error));
    list_tables(to);
    if (checksum) {
        compare_tables(to);
    }
    return find_unused(to, error);
}

static void count_parameters(sg_inspection *to) {
    size_t tables = sg_inspection_has_own_head(to) ? 2 : 1;
    if (to->used_tables > 0 && sg_inspection_has_own_head(to)) {
        tables = to->used_tables;
    }
    sg_parameter_count_of(&to->config, tables, &to->parameters);
}

sg_status sg_inspection_open(const char *directory, bool checksum, sg_inspection *inspection,
                             sg_error *error) {
    sg_inspection *to = inspection;
    memset(to, 0, sizeof *to);
    to->directory = directory;
    SG_TRY(sg_model_manifest_open(&to->manifest, error));
    SG_TRY(read_config(to, error));
    SG_TRY(open_weights(to, error));
    if (to->has_config && to->index != NULL) {
        SG_TRY(inspect_weights(to, checksum, error));
    }
    if (to->has_config) {
        count_parameters(to);
        SG_TRY(read_generation(to, error));
    }
    SG_TRY(read_tokenizer(to, error));
    if (to->has_config && to->tokenizer != NULL) {
        SG_TRY(check_vocabulary(to, error));
    }
    SG_TRY(sg_model_files_list(directory, &to->files, error));
    if (checksum) {
        SG_TRY(sum_files(to, error));
    }
    if (to->problems.count == 0) {
        SG_TRY(open_for_running(to, error));
    }
    if (to->problems.status != SG_STATUS_OK || to->warnings.status != SG_STATUS_OK) {
        return sg_memory_error(error, "the list of problems", sizeof(sg_problem_entry));
    }
    return SG_STATUS_OK;
}

void sg_inspection_clear(sg_inspection *inspection) {
    sg_shard_index_close(inspection->index);
    sg_tokenizer_close(inspection->tokenizer);
    sg_memory_free(inspection->unused);
    sg_memory_free(inspection->sums);
    sg_model_files_clear(&inspection->files);
    sg_problem_list_clear(&inspection->problems);
    sg_problem_list_clear(&inspection->warnings);
    sg_model_manifest_close(inspection->manifest);
    memset(inspection, 0, sizeof *inspection);
}
