/* SPDX-License-Identifier: Apache-2.0 */
/* switch-gen's C API: open a model folder, fill the blanks of a text, read the result.
 *
 *     sg_error error;
 *     sg_engine *engine = NULL;
 *     sg_session *session = NULL;
 *     sg_engine_options engine_options = sg_engine_options_default();
 *     sg_infill_options options = sg_infill_options_default();
 *     sg_text text = {"A <extra_id_0> walks into a bar.", 32};
 *     sg_result *result = NULL;
 *     if (sg_engine_open("models/switch-small-64", &engine_options, &engine, &error) ==
 * SG_STATUS_OK && sg_session_create(engine, &session, &error) == SG_STATUS_OK &&
 *         sg_session_fill(session, text, &options, &result, &error) == SG_STATUS_OK) {
 *         puts(result->candidates[0].text);
 *     }
 *     sg_result_destroy(result);
 *     sg_session_destroy(session);
 *     sg_engine_close(engine);
 *
 * An engine is read-only once open and may be shared by threads. A session owns threads, scratch
 * and caches and serves one caller at a time. Results do not depend on company: a text gets
 * bit-identical ids and scores alone or among others, with any number of threads, on one machine.
 */
#ifndef SWITCHGEN_SWITCHGEN_H
#define SWITCHGEN_SWITCHGEN_H

#include <stddef.h>
#include <stdint.h>

#include <switchgen/options.h>
#include <switchgen/status.h>
#include <switchgen/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sg_engine sg_engine;
typedef struct sg_session sg_session;

/* A borrowed stretch of bytes; NULs inside are characters. */
typedef struct sg_text {
    const char *bytes;
    size_t length;
} sg_text;

/* Why generation ended. */
typedef enum sg_finish {
    SG_FINISH_EOS = 0, /* an end token */
    SG_FINISH_BLANK,   /* the sentinel after the last blank */
    SG_FINISH_LENGTH,  /* the length limit */
    SG_FINISH_NONE     /* nothing was generated (SG_NO_BLANK_COPY) */
} sg_finish;

/* What one occurrence of a blank got. */
typedef struct sg_fill {
    size_t blank;       /* N of <extra_id_N>, or the mark's number, from 0 */
    const char *text;   /* NUL-terminated; NULL where the model gave none */
    size_t text_length; /* bytes */
    size_t start, end; /* code points in the candidate's text; equal for an empty or missing fill */
    const int32_t *ids; /* the fill's own tokens, within the candidate's ids */
    size_t id_count;
    float logprob; /* sum over `ids` */
} sg_fill;

/* One hypothesis. Everything is borrowed from the sg_result. */
typedef struct sg_candidate {
    const int32_t *ids; /* generated, without the start token, with the end token */
    size_t id_count;
    const float
        *token_logprobs; /* [id_count] the model's own log-probabilities, before any penalty */
    const char *raw;     /* the reference's decode(ids), special tokens kept */
    size_t raw_length;
    const char *text; /* the input's bytes with the fills in the blanks; or the generated text */
    size_t text_length;
    const sg_fill *fills; /* one entry an occurrence of a blank, in the text's order */
    size_t fill_count;
    bool complete; /* every blank got a fill */
    float logprob; /* sum of token_logprobs */
    float score;   /* the reference's sequences_scores; NaN for greedy search */
    sg_finish finish;
} sg_candidate;

/* What one text gave. */
typedef struct sg_result {
    const sg_candidate *candidates; /* best first */
    size_t candidate_count;         /* num_return_sequences */
    const int32_t *input_ids;
    size_t input_tokens;
    const float
        *margins; /* one a step: how far the choice was from another; see models/README.md */
    size_t margin_count;
    size_t unk_tokens;     /* <unk> among the input ids */
    size_t dropped_tokens; /* source tokens over an expert's capacity, summed over the encoder's
                              layers */
    bool truncated;
} sg_result;

/* Open the model in `directory` (config.json, *.safetensors, spiece.model, ...). Weights are
 * mapped, never copied. `options` may be NULL. On success *engine is owned by the caller. Errors:
 * SG_STATUS_NOT_FOUND, _MODEL, _UNSUPPORTED, _ARGUMENT, _IO, _MEMORY. */
SG_PUBLIC sg_status sg_engine_open(const char *directory, const sg_engine_options *options,
                                   sg_engine **engine, sg_error *error) SG_MUST_CHECK;

/* Close an engine whose sessions are all destroyed. NULL is allowed. */
SG_PUBLIC void sg_engine_close(sg_engine *engine);

/* Make a session: its threads start here. On success *session is owned by the caller and must be
 * destroyed before `engine` is closed. Errors: SG_STATUS_MEMORY, SG_STATUS_ARGUMENT (an engine
 * opened with tokenizer_only). */
SG_PUBLIC sg_status sg_session_create(const sg_engine *engine, sg_session **session,
                                      sg_error *error) SG_MUST_CHECK;

/* Stop the session's threads and free it. NULL is allowed. */
SG_PUBLIC void sg_session_destroy(sg_session *session);

/* Fill one text.
 *
 * text     UTF-8, at most 262,144 bytes. Borrowed.
 * options  NULL for the defaults. Borrowed.
 * result   on success owned by the caller (sg_result_destroy); NULL on failure.
 *
 * Errors: SG_STATUS_TOO_LONG, _BAD_UTF8, _NO_BLANK, _MIXED_BLANKS, _TOO_MANY_BLANKS, _NUMERIC,
 * _ARGUMENT: this text failed, the session goes on; SG_STATUS_MEMORY, _IO, _CHANGED, _INTERNAL: the
 * work cannot go on; SG_STATUS_STOPPED: options->stop asked for it. */
SG_PUBLIC sg_status sg_session_fill(sg_session *session, sg_text text,
                                    const sg_infill_options *options, sg_result **result,
                                    sg_error *error) SG_MUST_CHECK;

/* Fill `count` texts together: the same results as one by one, sooner.
 *
 * texts    [count] Borrowed.
 * options  [count] pointers, each NULL for the defaults; or NULL as a whole. Borrowed.
 * results  [count] on return owned by the caller; NULL where that text failed.
 * errors   [count] what happened to each text (code SG_STATUS_OK where it went well). Not NULL.
 *
 * Returns SG_STATUS_OK even where single texts failed; otherwise the status of a failure that ended
 * the work, and all results are NULL. */
SG_PUBLIC sg_status sg_session_fill_many(sg_session *session, const sg_text *texts, size_t count,
                                         const sg_infill_options *const *options,
                                         sg_result **results, sg_error *errors,
                                         sg_error *error) SG_MUST_CHECK;

/* What a session has used so far. */
typedef struct sg_statistics {
    uint64_t weight_bytes; /* of all weight files */
    size_t weight_files;
    size_t experts;         /* over all sparse layers of both stacks */
    size_t experts_touched; /* those that a token was sent to */
    const char *kernels;    /* which matrix products are used; borrowed from the session */
} sg_statistics;

/* The session's statistics up to now. */
SG_PUBLIC sg_statistics sg_session_statistics(const sg_session *session);

/* Free a result and everything borrowed from it. NULL is allowed. */
SG_PUBLIC void sg_result_destroy(sg_result *result);

/* Token ids of a text, </s> appended, as the reference's tokenizer gives them. On success *ids
 * (owned by the caller, freed with sg_free) holds *count entries. Errors: SG_STATUS_BAD_UTF8,
 * _TOO_LONG, _MEMORY. */
SG_PUBLIC sg_status sg_engine_tokenize(const sg_engine *engine, sg_text text, int32_t **ids,
                                       size_t *count, sg_error *error) SG_MUST_CHECK;

/* How ids become text. */
typedef enum sg_decode_form {
    SG_DECODE_FORM_RAW = 0, /* the reference's decode, special tokens kept */
    SG_DECODE_FORM_PLAIN,   /* the reference's decode with skip_special_tokens */
    SG_DECODE_FORM_CARD     /* the model card's form, from the decoder's start token on */
} sg_decode_form;

/* Text of `count` ids in `form`. On success *text (owned by the caller, freed with sg_free) is
 * NUL-terminated and *length its bytes. For SG_DECODE_FORM_CARD the start token is put first.
 * Errors: SG_STATUS_ARGUMENT for an id out of range, SG_STATUS_MEMORY. */
SG_PUBLIC sg_status sg_engine_detokenize(const sg_engine *engine, const int32_t *ids, size_t count,
                                         sg_decode_form form, char **text, size_t *length,
                                         sg_error *error) SG_MUST_CHECK;

/* The piece of an id, "▁" and all ("<extra_id_0>", "▁walks"); NULL for an id without a piece.
 * Borrowed from the engine. */
SG_PUBLIC const char *sg_engine_piece(const sg_engine *engine, int32_t id);

/* Free memory that this API handed out. NULL is allowed. */
SG_PUBLIC void sg_free(void *block);

#ifdef __cplusplus
}
#endif
#endif
