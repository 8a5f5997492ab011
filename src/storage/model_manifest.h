/* SPDX-License-Identifier: Apache-2.0 */
/* The models this program knows by name: models/manifest.json, which the build puts into the
 * program.
 *
 * What is in it was seen in a published place; what was not seen is absent there and zero, false or
 * NULL here. Nothing in it is needed to run a model; it says where one is found, and how it is
 * fetched. */
#ifndef SG_STORAGE_MODEL_MANIFEST_H
#define SG_STORAGE_MODEL_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

typedef struct sg_known_file {
    const char *name;   /* a plain file name */
    uint64_t bytes;     /* 0: not known */
    const char *sha256; /* 64 hex digits, or NULL: not known */
    bool optional;      /* a model may lack it */
} sg_known_file;

typedef enum sg_known_form {
    SG_KNOWN_FORM_UNKNOWN = 0, /* not seen which */
    SG_KNOWN_FORM_SAFETENSORS,
    SG_KNOWN_FORM_PICKLE /* pytorch_model.bin, which `convert` reads */
} sg_known_form;

/* One published state of a model's files. */
typedef struct sg_known_revision {
    const char *revision; /* "main", "refs/pr/6" */
    sg_known_form form;
    const char *weights;        /* the weight file, or the index that names its shards; or NULL */
    uint64_t shards;            /* that the index names; 0: not known, or no index */
    uint64_t about_bytes;       /* of the weights, as published, rounded; 0: not known */
    const sg_known_file *files; /* [file_count] of which more is known than the name */
    size_t file_count;
} sg_known_revision;

typedef struct sg_known_model {
    const char *repository; /* "google/switch-base-64"; without a slash: comes with this program */
    const char *name;       /* what follows the slash */
    uint64_t parameters;
    const char *purpose; /* what it can be used for, in words */
    const char *licence;
    const sg_known_revision *revisions; /* [revision_count]; "main" first where it has any */
    size_t revision_count;
} sg_known_model;

typedef struct sg_model_manifest sg_model_manifest;

/* The manifest of this build. Owned by the caller. Errors: SG_STATUS_MEMORY. */
sg_status sg_model_manifest_open(sg_model_manifest **manifest, sg_error *error) SG_MUST_CHECK;

/* Read one from bytes[0..length), as the build's is read; `name` begins messages. Errors:
 * SG_STATUS_BAD_JSON, SG_STATUS_MODEL (a field is missing, unknown or out of its form),
 * SG_STATUS_MEMORY. */
sg_status sg_model_manifest_parse(const char *name, const char *bytes, size_t length,
                                  sg_model_manifest **manifest, sg_error *error) SG_MUST_CHECK;

/* Free. NULL is allowed. */
void sg_model_manifest_close(sg_model_manifest *manifest);

/* Number of models, and model number `position` in the manifest's order. Everything is borrowed. */
size_t sg_model_manifest_count(const sg_model_manifest *manifest);
const sg_known_model *sg_model_manifest_at(const sg_model_manifest *manifest, size_t position);

/* The model with this repository, or this name; NULL if there is none. */
const sg_known_model *sg_model_manifest_find(const sg_model_manifest *manifest, const char *name);

/* The files that each model has beside its weights. */
size_t sg_model_manifest_file_count(const sg_model_manifest *manifest);
const sg_known_file *sg_model_manifest_file(const sg_model_manifest *manifest, size_t position);

/* The revision from which to take the model: the first with safetensors, else the first of unknown
 * form, else the first; NULL if the model has none. */
const sg_known_revision *sg_known_model_best(const sg_known_model *model);

#endif
