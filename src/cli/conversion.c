/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a conversion: open, choose names and types, plan, see whether it fits, write, look
 * whether the source is still what it was, rename.
 *
 * The source's sums are taken meanwhile by a second thread that reads each file from its beginning;
 * they stand in the metadata, whose place is kept free, so nothing is read before the work can
 * start.
 *
 * Tied names: of names that share one view of one storage, those that every loader of this family
 * finds by itself (the embeddings; lm_head.weight where config.json ties it) are left out. Any
 * other alias is written in full: whether a reader would find it is not known here. */
#include "cli/conversion.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/element_types.h"
#include "cli/model_files.h"
#include "storage/digest.h"
#include "storage/json.h"
#include "storage/safetensors_writer.h"
#include "storage/target_folder.h"
#include "storage/tensor_source.h"

#define CONFIG_MAXIMUM 1048576u
#define PATH_SIZE 4096

/* What else a model's folder needs. */
static const char *const copied_names[] = {
    "config.json",           "generation_config.json",  "spiece.model",     "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"};
enum { COPIED_COUNT = sizeof copied_names / sizeof copied_names[0] };

typedef struct source_sums {
    const sg_tensor_source *source;
    char (*hex)[SG_DIGEST_HEX_SIZE]; /* [files] */
    atomic_bool stop;
    sg_status status;
    sg_error error;
    pthread_t thread;
    bool started;
} source_sums;

typedef struct conversion {
    const char *source_path;
    const sg_conversion_options *options;
    sg_conversion_summary summary;
    sg_tensor_source *source;
    sg_target_folder *folder;
    sg_safetensors_writer *writer;
    sg_written_tensor *tensors; /* [summary.tensors] */
    size_t *positions;          /* [summary.tensors]: which of the source's */
    sg_written_metadata *metadata;
    char *metadata_keys;
    size_t metadata_count;
    source_sums sums;
    unsigned char *converted; /* one piece in the new type */
    uint64_t done, total;     /* bytes of data */
    const sg_source_tensor *reading;
    sg_dtype reading_as;
    sg_error *error;
} conversion;

/* ---- names ---- */

/* config.json says that the head is the embedding; so does its silence. An unreadable one is not a
 * reason to fail here, but neither to leave anything out. */
static bool head_is_tied(const char *source) {
    char path[PATH_SIZE];
    sg_json *config = NULL;
    bool tied = true;
    if (sg_model_files_path(source, "config.json", path, sizeof path, NULL) != SG_STATUS_OK ||
        sg_json_parse_file(path, CONFIG_MAXIMUM, &config, NULL) != SG_STATUS_OK) {
        return false;
    }
    if (sg_json_get_bool(config, sg_json_root(config), "tie_word_embeddings", true, &tied, NULL) !=
        SG_STATUS_OK) {
        tied = false;
    }
    sg_json_destroy(config);
    return tied;
}

/* The names of the one embedding, the one to keep first. */
static const char *const embedding_names[] = {"shared.weight", "encoder.embed_tokens.weight",
                                              "decoder.embed_tokens.weight", "lm_head.weight"};
enum { EMBEDDING_COUNT = sizeof embedding_names / sizeof embedding_names[0] };

static const sg_source_tensor *find(const sg_tensor_source *source, const char *name) {
    for (size_t i = 0; i < sg_tensor_source_count(source); i++) {
        const sg_source_tensor *tensor = sg_tensor_source_at(source, i);
        if (strcmp(tensor->name, name) == 0) {
            return tensor;
        }
    }
    return NULL;
}

static bool same_dimensions(const uint64_t *a, const uint64_t *b, size_t rank) {
    return (a == NULL) == (b == NULL) &&
           (a == NULL || rank == 0 || memcmp(a, b, rank * sizeof *a) == 0);
}

static bool same_view(const sg_source_tensor *a, const sg_source_tensor *b) {
    return a->storage != SIZE_MAX && a->storage == b->storage && a->offset == b->offset &&
           a->rank == b->rank && same_dimensions(a->shape, b->shape, a->rank) &&
           same_dimensions(a->strides, b->strides, a->rank);
}

/* Fill `left_out` with the names that another one of the list stands for. Returns how many. */
static size_t find_aliases(const sg_tensor_source *source, bool tied,
                           const sg_source_tensor *left_out[EMBEDDING_COUNT]) {
    const sg_source_tensor *kept[EMBEDDING_COUNT];
    size_t kept_count = 0;
    size_t count = 0;
    for (size_t i = 0; i < (tied ? EMBEDDING_COUNT : EMBEDDING_COUNT - 1); i++) {
        const sg_source_tensor *tensor = find(source, embedding_names[i]);
        bool alias = false;
        if (tensor == NULL) {
            continue;
        }
        for (size_t k = 0; k < kept_count; k++) {
            alias = alias || same_view(kept[k], tensor);
        }
        if (alias) {
            left_out[count++] = tensor;
        } else {
            kept[kept_count++] = tensor;
        }
    }
    return count;
}

static sg_dtype target_dtype(const conversion *work, sg_dtype dtype) {
    static const sg_dtype types[] = {[SG_CONVERSION_DTYPE_F32] = SG_DTYPE_F32,
                                     [SG_CONVERSION_DTYPE_BF16] = SG_DTYPE_BF16,
                                     [SG_CONVERSION_DTYPE_F16] = SG_DTYPE_F16};
    bool keep =
        work->options->dtype == SG_CONVERSION_DTYPE_KEEP || !sg_element_types_is_float(dtype);
    return keep ? dtype : types[work->options->dtype];
}

static sg_status choose_tensors(conversion *work) {
    const sg_source_tensor *left_out[EMBEDDING_COUNT] = {NULL};
    size_t count = sg_tensor_source_count(work->source);
    work->summary.aliases = find_aliases(work->source, head_is_tied(work->source_path), left_out);
    work->tensors = sg_memory_alloc(count, sizeof *work->tensors);
    work->positions = sg_memory_alloc(count, sizeof *work->positions);
    if (work->tensors == NULL || work->positions == NULL) {
        return sg_memory_error(work->error, "the list of tensors", count * sizeof *work->tensors);
    }
    for (size_t i = 0; i < count; i++) {
        const sg_source_tensor *tensor = sg_tensor_source_at(work->source, i);
        bool skipped = false;
        for (size_t k = 0; k < work->summary.aliases; k++) {
            skipped = skipped || left_out[k] == tensor;
        }
        if (!skipped) {
            size_t place = work->summary.tensors++;
            work->positions[place] = i;
            work->tensors[place] = (sg_written_tensor){.name = tensor->name,
                                                       .dtype = target_dtype(work, tensor->dtype),
                                                       .rank = tensor->rank,
                                                       .shape = tensor->shape};
        }
    }
    return SG_STATUS_OK;
}

/* Views can make much out of little: what is written may be 1 % more than what is read, as the
 * reference's own converter has it (convert.py, check_file_size), counted in the source's types. */
static sg_status check_bound(const conversion *work) {
    uint64_t input = 0;
    uint64_t output = 0;
    for (size_t i = 0; i < sg_tensor_source_file_count(work->source); i++) {
        input += sg_tensor_source_file(work->source, i)->identity.size;
    }
    for (size_t i = 0; i < work->summary.tensors; i++) {
        const sg_source_tensor *tensor = sg_tensor_source_at(work->source, work->positions[i]);
        if (__builtin_add_overflow(output, tensor->numel * (sg_dtype_bits(tensor->dtype) / 8),
                                   &output)) {
            output = UINT64_MAX;
            break;
        }
    }
    if (output > input && output - input > input / 100) {
        return sg_error_set(work->error, SG_STATUS_MODEL,
                            "%s: %" PRIu64 " bytes of tensors in files of %" PRIu64
                            " bytes: they share their storage",
                            work->source_path, output, input);
    }
    return SG_STATUS_OK;
}

/* ---- metadata ---- */

/* The last part of a path. */
static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* {"format":"pt"}, as every writer of the family has it, and "sha256:FILE" for each of the source's
 * files; the sums come later. */
static sg_status make_metadata(conversion *work) {
    size_t files = sg_tensor_source_file_count(work->source);
    size_t text = 0;
    char *key;
    for (size_t i = 0; i < files; i++) {
        text += strlen(base_name(sg_tensor_source_file(work->source, i)->path)) + sizeof "sha256:";
    }
    work->metadata = sg_memory_alloc(files + 1, sizeof *work->metadata);
    work->metadata_keys = sg_memory_alloc(text, 1);
    work->sums.hex = sg_memory_alloc_zeroed(files, sizeof *work->sums.hex);
    if (work->metadata == NULL || work->metadata_keys == NULL || work->sums.hex == NULL) {
        return sg_memory_error(work->error, "metadata", text + files * sizeof *work->metadata);
    }
    work->metadata[work->metadata_count++] = (sg_written_metadata){"format", "pt"};
    key = work->metadata_keys;
    for (size_t i = 0; i < files; i++) {
        const char *name = base_name(sg_tensor_source_file(work->source, i)->path);
        memset(work->sums.hex[i], '0', SG_DIGEST_HEX_SIZE - 1);
        memcpy(key, "sha256:", 7);
        memcpy(key + 7, name, strlen(name) + 1);
        work->metadata[work->metadata_count++] = (sg_written_metadata){key, work->sums.hex[i]};
        key += strlen(key) + 1;
    }
    return SG_STATUS_OK;
}

static bool sums_stopped(void *context) {
    source_sums *sums = context;
    return atomic_load(&sums->stop);
}

static void *take_sums(void *context) {
    source_sums *sums = context;
    for (size_t i = 0; i < sg_tensor_source_file_count(sums->source); i++) {
        char hex[SG_DIGEST_HEX_SIZE];
        sums->status = sg_digest_sha256_file_until(sg_tensor_source_file(sums->source, i)->path,
                                                   sums_stopped, sums, hex, &sums->error);
        if (sums->status != SG_STATUS_OK) {
            break;
        }
        memcpy(sums->hex[i], hex, sizeof hex);
    }
    return NULL;
}

static sg_status start_sums(conversion *work) {
    source_sums *sums = &work->sums;
    int failed;
    sums->source = work->source;
    atomic_init(&sums->stop, false);
    failed = pthread_create(&sums->thread, NULL, take_sums, sums);
    if (failed != 0) {
        return sg_error_from_errno(work->error, failed, "starting a thread");
    }
    sums->started = true;
    return SG_STATUS_OK;
}

static sg_status join_sums(conversion *work, bool stop) {
    if (!work->sums.started) {
        return SG_STATUS_OK;
    }
    atomic_store(&work->sums.stop, stop);
    (void)pthread_join(work->sums.thread, NULL);
    work->sums.started = false;
    if (!stop && work->sums.status != SG_STATUS_OK && work->error != NULL) {
        *work->error = work->sums.error;
    }
    return work->sums.status;
}

/* ---- data ---- */

static sg_status report(conversion *work, size_t written) {
    const sg_conversion_options *options = work->options;
    work->done += written;
    if (options->progress != NULL &&
        !options->progress(options->context, work->done, work->total)) {
        return sg_error_set(work->error, SG_STATUS_IO, "stopped before the end; nothing is kept");
    }
    return SG_STATUS_OK;
}

/* One piece of the tensor at work. */
static sg_status take_piece(void *context, const void *bytes, size_t length, sg_error *error) {
    conversion *work = context;
    sg_dtype from = work->reading->dtype;
    size_t written = length;
    if (from != work->reading_as) {
        size_t count = length / (sg_dtype_bits(from) / 8);
        work->summary.overflows +=
            sg_element_types_convert(bytes, from, work->converted, work->reading_as, count);
        written = count * (sg_dtype_bits(work->reading_as) / 8);
        bytes = work->converted;
    }
    SG_TRY(sg_safetensors_writer_append(work->writer, bytes, written, error));
    return report(work, written);
}

static sg_status write_tensors(conversion *work) {
    /* The widest change: 2 bytes become 4. */
    work->converted = sg_memory_alloc(2, SG_TENSOR_SOURCE_PIECE);
    if (work->converted == NULL) {
        return sg_memory_error(work->error, "a tensor", 2 * (size_t)SG_TENSOR_SOURCE_PIECE);
    }
    for (;;) {
        bool more;
        size_t index = 0;
        SG_TRY(sg_safetensors_writer_next(work->writer, &more, &index, work->error));
        if (!more) {
            return SG_STATUS_OK;
        }
        work->reading = sg_tensor_source_at(work->source, work->positions[index]);
        work->reading_as = work->tensors[index].dtype;
        SG_TRY(sg_tensor_source_read(work->source, work->positions[index], take_piece, work,
                                     work->error));
    }
}

/* ---- the folder ---- */

static bool is_our_name(const char *name) {
    for (size_t i = 0; i < COPIED_COUNT; i++) {
        if (strcmp(name, copied_names[i]) == 0) {
            return true;
        }
    }
    return sg_safetensors_writer_is_name(name);
}

static sg_status copy_files(const conversion *work) {
    for (size_t i = 0; i < COPIED_COUNT; i++) {
        char path[PATH_SIZE];
        struct stat found;
        SG_TRY(sg_model_files_path(work->source_path, copied_names[i], path, sizeof path,
                                   work->error));
        if (stat(path, &found) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
            continue;
        }
        SG_TRY(sg_target_folder_copy(work->folder, path, copied_names[i], work->error));
    }
    return SG_STATUS_OK;
}

static sg_status check_space(const conversion *work) {
    uint64_t space = 0;
    uint64_t needed = sg_safetensors_writer_bytes(work->writer);
    SG_TRY(sg_target_folder_space(work->folder, &space, work->error));
    if (needed > space) {
        return sg_error_set(work->error, SG_STATUS_IO,
                            "the result needs %" PRIu64 " bytes, the disk has %" PRIu64, needed,
                            space);
    }
    return SG_STATUS_OK;
}

static void warn(const conversion *work) {
    if (work->summary.overflows > 0) {
        sg_log_write(&work->options->log, SG_LOG_LEVEL_WARNING,
                     "%" PRIu64 " values were too large for the new type and became infinite",
                     work->summary.overflows);
    }
}

static sg_status run(conversion *work, const char *target) {
    SG_TRY(sg_tensor_source_open(work->source_path, &work->source, work->error));
    SG_TRY(choose_tensors(work));
    SG_TRY(check_bound(work));
    SG_TRY(make_metadata(work));
    SG_TRY(sg_target_folder_create(target, is_our_name, &work->folder, work->error));
    SG_TRY(sg_safetensors_writer_create(work->folder, work->tensors, work->summary.tensors,
                                        work->options->max_shard_bytes, work->metadata,
                                        work->metadata_count, &work->writer, work->error));
    work->summary.files = sg_safetensors_writer_shard_count(work->writer);
    work->summary.bytes = sg_safetensors_writer_bytes(work->writer);
    work->total = work->summary.bytes;
    SG_TRY(check_space(work));
    SG_TRY(copy_files(work));
    SG_TRY(start_sums(work));
    SG_TRY(write_tensors(work));
    SG_TRY(join_sums(work, false));
    SG_TRY(sg_safetensors_writer_finish(work->writer, work->error));
    SG_TRY(sg_tensor_source_check_unchanged(work->source, work->error));
    SG_TRY(report(work, 0));
    warn(work);
    return sg_target_folder_commit(work->folder, work->error);
}

sg_status sg_conversion_run(const char *source, const char *target,
                            const sg_conversion_options *options, sg_conversion_summary *summary,
                            sg_error *error) {
    conversion work = {.source_path = source, .options = options, .error = error};
    sg_status status = run(&work, target);
    if (status == SG_STATUS_OK) {
        *summary = work.summary;
    }
    (void)join_sums(&work, true);
    sg_safetensors_writer_destroy(work.writer);
    sg_target_folder_close(work.folder);
    sg_tensor_source_close(work.source);
    sg_memory_free(work.tensors);
    sg_memory_free(work.positions);
    sg_memory_free(work.metadata);
    sg_memory_free(work.metadata_keys);
    sg_memory_free(work.sums.hex);
    sg_memory_free(work.converted);
    return status;
}
