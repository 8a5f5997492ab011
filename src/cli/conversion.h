/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint's folder to a safetensors folder, as one step that happens or does not. */
#ifndef SG_CLI_CONVERSION_H
#define SG_CLI_CONVERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/options.h>
#include <switchgen/status.h>

/* The type that float tensors get; tensors of other types are kept as they are. */
typedef enum sg_conversion_dtype {
    SG_CONVERSION_DTYPE_KEEP = 0,
    SG_CONVERSION_DTYPE_F32,
    SG_CONVERSION_DTYPE_BF16,
    SG_CONVERSION_DTYPE_F16
} sg_conversion_dtype;

typedef struct sg_conversion_options {
    sg_conversion_dtype dtype;
    uint64_t max_shard_bytes; /* of data in a file; above 0 */
    /* Called after each piece: `done` of `total` bytes of tensors are written. False ends the run.
     * May be NULL. */
    bool (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
    sg_log log;
} sg_conversion_options;

/* What was done. */
typedef struct sg_conversion_summary {
    size_t tensors;     /* written */
    size_t aliases;     /* names left out: another has the same values and the loader knows it */
    size_t files;       /* of weights */
    uint64_t bytes;     /* of these */
    uint64_t overflows; /* finite values that became infinite */
} sg_conversion_summary;

/* Convert the checkpoint in `source`, whatever form it has, to safetensors in the new folder
 * `target`; its config, generation settings and tokenizer files are copied. `target` is there
 * afterwards only on success, and then whole; the metadata holds the SHA-256 of the source's weight
 * files. Memory stays below 256 MiB. Errors: SG_STATUS_ARGUMENT (`target` exists),
 * SG_STATUS_NOT_FOUND, _MODEL, _UNSUPPORTED (the source), _CHANGED (while it was read), _IO,
 * _MEMORY. */
sg_status sg_conversion_run(const char *source, const char *target,
                            const sg_conversion_options *options, sg_conversion_summary *summary,
                            sg_error *error) SG_MUST_CHECK;

#endif
