/* SPDX-License-Identifier: Apache-2.0 */
/* What every function that can fail returns, and the message that goes with it.
 *
 * A function that can fail returns sg_status, writes its results only on success, and takes a
 * caller-owned sg_error (may be NULL) that it fills where the failure is first known: what failed,
 * which object, the value found and the value expected. */
#ifndef SWITCHGEN_STATUS_H
#define SWITCHGEN_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, value, word, text). `word` is the code that a JSON error record carries (stable). */
#define SG_STATUS_LIST(X)                                                                          \
    X(OK, 0, "ok", "success")                                                                      \
    X(MEMORY, 1, "memory", "out of memory")                                                        \
    X(IO, 2, "io", "input or output failed")                                                       \
    X(CHANGED, 3, "changed", "a model file changed while it was used")                             \
    X(ARGUMENT, 4, "bad_option", "an option or argument is out of range")                          \
    X(NOT_FOUND, 5, "not_found", "a model or file was not found")                                  \
    X(MODEL, 6, "bad_model", "the model is damaged")                                               \
    X(UNSUPPORTED, 7, "unsupported", "the model needs something this program does not do")         \
    X(TOO_LONG, 8, "too_long", "the text is too long")                                             \
    X(BAD_UTF8, 9, "bad_utf8", "the text is not UTF-8")                                            \
    X(BAD_JSON, 10, "bad_json", "the record is not JSON")                                          \
    X(BAD_RECORD, 11, "bad_record", "the record lacks what it needs")                              \
    X(NO_BLANK, 12, "no_blank", "the text has no blank")                                           \
    X(MIXED_BLANKS, 13, "mixed_blanks", "the text mixes two kinds of blanks")                      \
    X(TOO_MANY_BLANKS, 14, "too_many_blanks", "the text has more blanks than there are sentinels") \
    X(NEWLINE, 15, "newline", "a line format cannot hold a text with a line feed")                 \
    X(INCOMPLETE, 16, "incomplete", "a blank got no fill")                                         \
    X(NUMERIC, 17, "numeric", "a computed value is not finite")                                    \
    X(INTERNAL, 18, "internal", "a fault in this program")                                         \
    X(STOPPED, 19, "stopped", "the caller asked for an early end")

typedef enum sg_status {
#define SG_STATUS_ENUM(name, value, word, text) SG_STATUS_##name = (value),
    SG_STATUS_LIST(SG_STATUS_ENUM)
#undef SG_STATUS_ENUM
} sg_status;

#define SG_ERROR_MESSAGE_SIZE 1024
#define SG_ERROR_HINT_SIZE 2048

/* A failure in words. Plain data on the caller's stack; nothing to free. */
typedef struct sg_error {
    sg_status code;
    char message[SG_ERROR_MESSAGE_SIZE]; /* one line, lower case, no full stop */
    char hint[SG_ERROR_HINT_SIZE];       /* what to do about it, or empty */
} sg_error;

/* The stable one-word name of `status`, as error records carry it ("too_long"). Static storage;
 * "internal" for a value that is no sg_status. */
const char *sg_status_word(sg_status status);

/* One short English phrase for `status`. Static storage; never NULL. */
const char *sg_status_text(sg_status status);

#if defined(__GNUC__)
#define SG_MUST_CHECK __attribute__((warn_unused_result))
#define SG_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define SG_PUBLIC __attribute__((visibility("default")))
#else
#define SG_MUST_CHECK
#define SG_PRINTF(format_index, first)
#define SG_PUBLIC
#endif

#ifdef __cplusplus
}
#endif
#endif
