/* SPDX-License-Identifier: Apache-2.0 */
/* What a model's directory holds, as facts. No weight is read unless sums are asked for. */
#ifndef SG_CLI_INSPECTION_H
#define SG_CLI_INSPECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#include "cli/model_family.h"
#include "cli/model_files.h"
#include "cli/problem_list.h"
#include "model/config.h"
#include "model/generation_config.h"
#include "model/parameter_count.h"
#include "storage/digest.h"
#include "storage/shard_index.h"
#include "text/tokenizer.h"

enum {
#define SG_COUNT_DTYPE(name, bits) +1
    SG_DTYPE_COUNT = 0 SG_DTYPE_LIST(SG_COUNT_DTYPE)
#undef SG_COUNT_DTYPE
};

/* Tensors of one type. */
typedef struct sg_type_total {
    size_t tensors;
    uint64_t bytes;
    uint64_t elements;
} sg_type_total;

/* By sg_dtype. */
typedef struct sg_type_totals {
    sg_type_total of[SG_DTYPE_COUNT];
} sg_type_totals;

/* Count one tensor more; and the sum over the types. */
void sg_type_totals_add(sg_type_totals *totals, const sg_tensor *tensor);
sg_type_total sg_type_totals_sum(const sg_type_totals *totals);

/* Whether a table holds the same values as the first one. */
typedef enum sg_table_equality {
    SG_TABLE_EQUALITY_FIRST = 0, /* it is the first */
    SG_TABLE_EQUALITY_UNKNOWN,   /* not compared: that reads weights */
    SG_TABLE_EQUALITY_EQUAL,
    SG_TABLE_EQUALITY_DIFFERENT
} sg_table_equality;

/* One of the tensors that can be embedding or head. */
typedef struct sg_inspected_table {
    const sg_tensor *tensor;
    bool encoder, decoder, head; /* what it is used for */
    sg_table_equality equality;
} sg_inspected_table;

#define SG_INSPECTION_MAX_TABLES 5
#define SG_INSPECTION_MAX_KEYS 24

/* Names of keys of config.json. */
typedef struct sg_key_list {
    const char *items[SG_INSPECTION_MAX_KEYS];
    size_t count;
} sg_key_list;

typedef struct sg_inspection {
    const char *directory;       /* borrowed */
    sg_model_manifest *manifest; /* what `family` points into; owned */
    sg_model_family family;

    bool has_config;
    sg_model_config config;   /* corrected as for running */
    sg_model_config mended;   /* the same with the numbers that the tensors show */
    sg_key_list defaults;     /* keys that config.json does not give */
    sg_key_list from_tensors; /* keys where the tensors won */
    sg_parameter_count parameters;

    bool has_generation;
    sg_generation_config generation;
    bool has_generation_file; /* generation_config.json, else config.json stands in */

    sg_shard_index *index; /* NULL: there are no weights that can be read */
    bool partial;          /* some files could not be opened */
    sg_type_totals totals;
    sg_inspected_table tables[SG_INSPECTION_MAX_TABLES];
    size_t table_count;
    size_t used_tables;       /* different ones */
    const sg_tensor **unused; /* tensors that no place calls for, in the order of names; owned */
    size_t unused_count;

    sg_tokenizer *tokenizer; /* NULL: none that can be read */

    sg_model_files files;
    char (*sums)[SG_DIGEST_HEX_SIZE]; /* of each file, or NULL; owned */

    sg_problem_list problems; /* none: the model can be used */
    sg_problem_list warnings; /* what the program makes of oddities */
} sg_inspection;

/* Inspect `directory`, which must outlive the result. `checksum` reads every byte. What is wrong
 * with the model is in the result; returned are only failures of the inspection: SG_STATUS_MEMORY,
 * _IO, _CHANGED. Clear *inspection in either case. */
sg_status sg_inspection_open(const char *directory, bool checksum, sg_inspection *inspection,
                             sg_error *error) SG_MUST_CHECK;

/* True if by the configuration the head is not the embedding again. */
bool sg_inspection_has_own_head(const sg_inspection *inspection);

/* Free. Allowed on a zeroed struct and twice. */
void sg_inspection_clear(sg_inspection *inspection);

#endif
