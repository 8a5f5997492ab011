/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller may choose. Every struct is filled by its *_default function first; names of
 * decoding settings are those of Hugging Face's GenerationConfig (transformers 5.23.0). */
#ifndef SWITCHGEN_OPTIONS_H
#define SWITCHGEN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <switchgen/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sg_log_level {
    SG_LOG_LEVEL_WARNING = 0, /* the result may not be what the user expects */
    SG_LOG_LEVEL_INFO = 1,    /* what was loaded and chosen */
    SG_LOG_LEVEL_DEBUG = 2
} sg_log_level;

/* Where messages go. `write` may be NULL (silence); `message` is one line without a line feed,
 * valid during the call only. Called from the thread that called the library. */
typedef struct sg_log {
    void (*write)(void *context, sg_log_level level, const char *message);
    void *context;
} sg_log;

/* Which matrix products are used. */
typedef enum sg_matmul_backend {
    SG_MATMUL_BACKEND_AUTO = 0, /* OpenBLAS in the encoder, own kernels in the decoder */
    SG_MATMUL_BACKEND_NATIVE,   /* own kernels everywhere */
    SG_MATMUL_BACKEND_BLAS      /* OpenBLAS everywhere */
} sg_matmul_backend;

/* Which of our own kernels are used. Asking for one that the CPU lacks is SG_STATUS_ARGUMENT. */
typedef enum sg_cpu_level {
    SG_CPU_LEVEL_AUTO = 0,
    SG_CPU_LEVEL_PORTABLE,
    SG_CPU_LEVEL_AVX2,
    SG_CPU_LEVEL_AVX512
} sg_cpu_level;

/* How many tokens of one sequence an expert serves (Fedus et al. 2021, section 2.2). */
typedef enum sg_capacity_mode {
    SG_CAPACITY_MODE_CONFIG = 0, /* expert_capacity of config.json */
    SG_CAPACITY_MODE_OFF,        /* no limit */
    SG_CAPACITY_MODE_FIXED       /* sg_engine_options.capacity */
} sg_capacity_mode;

/* How weights come into memory. */
typedef enum sg_load {
    SG_LOAD_AUTO = 0, /* as MMAP */
    SG_LOAD_MMAP,     /* mapped: pages are read when they are used, and shared between processes */
    SG_LOAD_READ,     /* read whole into memory of the process's own */
    SG_LOAD_LOCK      /* mapped, and kept in memory (mlock); where that fails, a warning */
} sg_load;

/* Choices that hold for an engine's life. Strings are borrowed during sg_engine_open only. */
typedef struct sg_engine_options {
    unsigned threads; /* 0: as many as affinity and cgroup quota allow; at most 1024 */
    sg_matmul_backend matmul;
    sg_cpu_level cpu;
    sg_capacity_mode capacity_mode;
    int64_t capacity;              /* for SG_CAPACITY_MODE_FIXED; 0 or less drops every token */
    const char *generation_config; /* NULL: the model's own; "none": none; else a file */
    bool tokenizer_only;           /* load no config and no weights */
    sg_load load;
    sg_log log;
} sg_engine_options;

/* The defaults: threads 0, NULL, false, every choice AUTO or CONFIG, no log. */
SG_PUBLIC sg_engine_options sg_engine_options_default(void);

/* Limits on what may be asked for. */
#define SG_MAX_BEAMS 64
#define SG_MAX_NEW_TOKENS 1000000

/* The value of a whole-number setting that the caller leaves to the model. */
#define SG_OPTION_UNSET INT64_MIN

typedef enum sg_early_stopping {
    SG_EARLY_STOPPING_UNSET = 0,
    SG_EARLY_STOPPING_FALSE,
    SG_EARLY_STOPPING_TRUE,
    SG_EARLY_STOPPING_NEVER
} sg_early_stopping;

/* Decoding settings. Unset (SG_OPTION_UNSET; NaN for the doubles; ..._UNSET) means: from
 * generation_config.json; where the model has none, from config.json; else the default named here.
 */
typedef struct sg_decoding_options {
    int64_t num_beams;                /* 1 to 64 (1) */
    int64_t num_return_sequences;     /* 1 to num_beams (1) */
    int64_t max_new_tokens;           /* 1 to 1,000,000 (max(64, 16 + 8 * blanks)) */
    int64_t max_length;               /* counts the start token; max_new_tokens wins; at least 2 */
    int64_t min_new_tokens;           /* 0 or more (0) */
    int64_t min_length;               /* counts the start token; 0 or more (0) */
    int64_t no_repeat_ngram_size;     /* 0 (off) or more (0) */
    double length_penalty;            /* finite (1.0) */
    double repetition_penalty;        /* above 0 (1.0) */
    sg_early_stopping early_stopping; /* (false) */
} sg_decoding_options;

/* Everything unset. */
SG_PUBLIC sg_decoding_options sg_decoding_options_default(void);

/* What a text without a blank means. */
typedef enum sg_no_blank {
    SG_NO_BLANK_GENERATE = 0, /* a text-to-text prompt: the result is the generated text */
    SG_NO_BLANK_COPY,         /* the text comes back as it is; the model does not run */
    SG_NO_BLANK_ERROR         /* SG_STATUS_NO_BLANK */
} sg_no_blank;

/* Asked before every generated token whether the call should end early: true makes it fail with
 * SG_STATUS_STOPPED. `asked` may be NULL (never). Called from the thread that called the library.
 */
typedef struct sg_stop {
    bool (*asked)(void *context);
    void *context;
} sg_stop;

/* Everything that may differ from one text to the next. Strings are borrowed during the call. */
typedef struct sg_infill_options {
    sg_decoding_options decoding;
    const int32_t *eos_token_ids; /* NULL: the model's; else eos_token_id_count ids */
    size_t eos_token_id_count;
    int32_t decoder_start_token_id; /* negative: the model's */
    bool stop_at_last_blank; /* the sentinel after the text's highest blank ends the output too */
    bool add_space;          /* stitching puts a space between a word and a fill that begins one */
    const char *blank;       /* NULL, or a mark that stands for a blank besides <extra_id_N> */
    sg_no_blank no_blank;
    size_t max_input_tokens; /* 1 or more; </s> counted (4096) */
    bool truncate;           /* cut to max_input_tokens instead of SG_STATUS_TOO_LONG */
    sg_stop stop;            /* of any text: it ends the call for all of them */
} sg_infill_options;

/* All decoding settings unset, stop_at_last_blank and add_space true, 4096 input tokens. */
SG_PUBLIC sg_infill_options sg_infill_options_default(void);

#ifdef __cplusplus
}
#endif
#endif
