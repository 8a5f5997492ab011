/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizer: text comes in, ids go out, and back.
 *
 *     text -> special strings | stretches -> normaliser -> words, "▁" before each -> unigram ->
 * ids, </s>
 *
 * Invariant: each step is linear. A stretch goes to the normaliser in parts of about
 * NORMALISE_BYTES, cut where its rules end (charsmap.h), because the library is quadratic in what
 * it gets at once. */
#include "text/tokenizer.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "storage/mapped_file.h"
#include "text/detokenizer.h"
#include "text/piece_model.h"
#include "text/sentencepiece_shim.h"
#include "text/tokenizer_config.h"
#include "text/unigram.h"
#include "text/vocabulary.h"

/* Measured on 256 KiB of "a", of a CJK letter, of U+FDFA and of English: from 512 to 2048 the times
 * are the same, at 4096 they are 1.4 to 3.6 times as long. */
#define NORMALISE_BYTES 1024

#define SPACE_MARK "\xE2\x96\x81"
#define SPACE_MARK_CODE_POINT 0x2581U

struct sg_tokenizer {
    sg_tokenizer_config config;
    sg_vocabulary vocabulary;
    sg_unigram unigram;
    sg_normalizer *normalizer;
};

/* What one call of encode works with. */
typedef struct encoding {
    const sg_tokenizer *tokenizer;
    sg_buffer normalised;
    sg_buffer word;
    sg_unigram_scratch scratch;
    sg_id_list ids;
} encoding;

void sg_token_ids_clear(sg_token_ids *ids) {
    sg_memory_free(ids->ids);
    *ids = (sg_token_ids){0};
}

/* Open the parts over the checked file. The duplicate check of sg_unigram_open comes before the
 * library is handed anything. */
static sg_status open_parts(sg_tokenizer *tokenizer, const char *bytes, size_t length,
                            sg_error *error) {
    sg_piece_model model;
    sg_vocabulary *vocabulary = &tokenizer->vocabulary;
    SG_TRY(sg_piece_model_open(&model, bytes, length, error));
    const char *charsmap = model.charsmap_bytes;
    size_t charsmap_length = model.charsmap_length;
    sg_status status = sg_vocabulary_open(vocabulary, &model, tokenizer->config.extra_ids, error);
    if (status != SG_STATUS_OK) {
        sg_piece_model_clear(&model);
        return status;
    }
    SG_TRY(sg_unigram_open(&tokenizer->unigram, vocabulary->texts, vocabulary->scores,
                           (size_t)vocabulary->size, SG_VOCABULARY_UNK_ID, error));
    return sg_normalizer_open(charsmap, charsmap_length, &tokenizer->normalizer, error);
}

/* "DIRECTORY/NAME"; freed with sg_memory_free. */
static char *join_path(const char *directory, const char *name) {
    sg_buffer path;
    char *joined;
    sg_buffer_init(&path, 1 << 16);
    sg_buffer_append_format(&path, "%s/%s", directory, name);
    if (sg_buffer_take(&path, &joined, NULL) != SG_STATUS_OK) {
        sg_buffer_clear(&path);
        return NULL;
    }
    return joined;
}

/* A folder with only tokenizer.json gets its own words: the file looks like what is needed. */
static sg_status explain_missing(const char *directory, const char *json_path, sg_status status,
                                 sg_error *error) {
    if (access(json_path, F_OK) != 0) {
        return status;
    }
    (void)sg_error_set(error, SG_STATUS_NOT_FOUND,
                       "%s: there is tokenizer.json but no spiece.model", directory);
    (void)sg_error_hint(error,
                        "this program reads SentencePiece's own file; put the spiece.model of the "
                        "same model beside tokenizer.json");
    return SG_STATUS_NOT_FOUND;
}

static sg_status open_files(sg_tokenizer *tokenizer, const char *directory,
                            const char *const paths[3], sg_error *error) {
    char *bytes = NULL;
    size_t length = 0;
    sg_status status =
        sg_file_read_small(paths[0], SG_PIECE_MODEL_MAX_BYTES, &bytes, &length, error);
    if (status == SG_STATUS_NOT_FOUND) {
        return explain_missing(directory, paths[2], status, error);
    }
    if (status == SG_STATUS_OK) {
        status = sg_tokenizer_config_read(paths[1], &tokenizer->config, error);
    }
    if (status == SG_STATUS_OK) {
        status = open_parts(tokenizer, bytes, length, error);
        if (status != SG_STATUS_OK) {
            (void)sg_error_prefix(error, status, "%s", paths[0]);
        }
    }
    sg_memory_free(bytes);
    return status;
}

sg_status sg_tokenizer_open(const char *directory, sg_tokenizer **tokenizer, sg_error *error) {
    static const char *const names[3] = {"spiece.model", "tokenizer_config.json", "tokenizer.json"};
    char *paths[3] = {NULL};
    sg_status status = SG_STATUS_OK;
    sg_tokenizer *opened = sg_memory_alloc_zeroed(1, sizeof(*opened));
    bool enough = opened != NULL;
    for (size_t i = 0; i < 3; i++) {
        paths[i] = join_path(directory, names[i]);
        enough = enough && paths[i] != NULL;
    }
    if (enough) {
        status = open_files(opened, directory, (const char *const *)paths, error);
    } else {
        status = sg_memory_error(error, "the tokenizer", sizeof(*opened));
    }
    for (size_t i = 0; i < 3; i++) {
        sg_memory_free(paths[i]);
    }
    if (status != SG_STATUS_OK) {
        sg_tokenizer_close(opened);
        return status;
    }
    *tokenizer = opened;
    return SG_STATUS_OK;
}

void sg_tokenizer_close(sg_tokenizer *tokenizer) {
    if (tokenizer == NULL) {
        return;
    }
    sg_normalizer_close(tokenizer->normalizer);
    sg_unigram_clear(&tokenizer->unigram);
    sg_vocabulary_clear(&tokenizer->vocabulary);
    sg_memory_free(tokenizer);
}

/* White_Space of Unicode, which is where tokenizers' WhitespaceSplit splits. After nmt_nfkc only
 * the space and U+0085 are left of them. */
static bool is_white_space(uint32_t code_point) {
    return (code_point >= 0x09 && code_point <= 0x0D) || code_point == 0x20 || code_point == 0x85 ||
           code_point == 0xA0 || code_point == 0x1680 ||
           (code_point >= 0x2000 && code_point <= 0x200A) || code_point == 0x2028 ||
           code_point == 0x2029 || code_point == 0x202F || code_point == 0x205F ||
           code_point == 0x3000;
}

/* Append the normalised form of text[0..length) to job->normalised. */
static sg_status normalise(encoding *job, const char *text, size_t length, sg_error *error) {
    const sg_tokenizer *tokenizer = job->tokenizer;
    for (size_t begin = 0; begin < length;) {
        size_t size = sg_charsmap_stretch(&tokenizer->vocabulary.model.charsmap, text + begin,
                                          length - begin, NORMALISE_BYTES);
        SG_TRY(sg_normalizer_append(tokenizer->normalizer, text + begin, size, &job->normalised,
                                    error));
        begin += size;
    }
    size_t bad;
    if (!sg_utf8_is_valid(job->normalised.data, job->normalised.length, &bad)) {
        return sg_error_set(error, SG_STATUS_MODEL, "the normalised text is not UTF-8 at byte %zu",
                            bad);
    }
    return SG_STATUS_OK;
}

/* One word: "▁" is put before it if it has none, and every further "▁" begins a word of its own
 * (tokenizers' Metaspace). */
static sg_status encode_word(encoding *job, const char *text, size_t length, sg_error *error) {
    const sg_unigram *unigram = &job->tokenizer->unigram;
    sg_buffer *word = &job->word;
    uint32_t first = 0;
    (void)sg_utf8_decode(text, length, &first);
    sg_buffer_reset(word);
    if (first != SPACE_MARK_CODE_POINT) {
        sg_buffer_append_text(word, SPACE_MARK);
    }
    if (sg_buffer_append(word, text, length) != SG_STATUS_OK) {
        return sg_memory_error(error, "a word", length);
    }
    size_t begin = 0;
    for (size_t at = 0; at < word->length;) {
        uint32_t code_point;
        size_t size = sg_utf8_decode(word->data + at, word->length - at, &code_point);
        assert(size > 0);
        if (code_point == SPACE_MARK_CODE_POINT && at > begin) {
            SG_TRY(sg_unigram_segment(unigram, word->data + begin, at - begin, &job->scratch,
                                      &job->ids, error));
            begin = at;
        }
        at += size;
    }
    return sg_unigram_segment(unigram, word->data + begin, word->length - begin, &job->scratch,
                              &job->ids, error);
}

static sg_status encode_stretch(encoding *job, const char *text, size_t length, sg_error *error) {
    if (length == 0) {
        return SG_STATUS_OK;
    }
    sg_buffer_reset(&job->normalised);
    SG_TRY(normalise(job, text, length, error));
    const sg_buffer *normalised = &job->normalised;
    size_t begin = 0;
    for (size_t at = 0; at < normalised->length;) {
        uint32_t code_point;
        size_t size = sg_utf8_decode(normalised->data + at, normalised->length - at, &code_point);
        assert(size > 0);
        if (is_white_space(code_point)) {
            if (at > begin) {
                SG_TRY(encode_word(job, normalised->data + begin, at - begin, error));
            }
            begin = at + size;
        }
        at += size;
    }
    return begin < normalised->length
               ? encode_word(job, normalised->data + begin, normalised->length - begin, error)
               : SG_STATUS_OK;
}

static sg_status encode_text(encoding *job, const char *text, size_t length, sg_error *error) {
    const sg_vocabulary *vocabulary = &job->tokenizer->vocabulary;
    size_t begin = 0;
    for (size_t at = 0; at < length;) {
        size_t matched = 0;
        int32_t id = sg_vocabulary_match_special(vocabulary, text + at, length - at, &matched);
        if (id < 0) {
            at++;
            continue;
        }
        SG_TRY(encode_stretch(job, text + begin, at - begin, error));
        SG_TRY(sg_id_list_append(&job->ids, id, error));
        at += matched;
        begin = at;
    }
    SG_TRY(encode_stretch(job, text + begin, length - begin, error));
    return sg_id_list_append(&job->ids, SG_VOCABULARY_EOS_ID, error);
}

static sg_status check_text(const char *text, size_t length, sg_error *error) {
    size_t bad;
    if (length > SG_TOKENIZER_MAX_TEXT_BYTES) {
        return sg_error_set(error, SG_STATUS_TOO_LONG,
                            "the text has %zu bytes, at most %d are allowed", length,
                            SG_TOKENIZER_MAX_TEXT_BYTES);
    }
    if (!sg_utf8_is_valid(text, length, &bad)) {
        return sg_error_set(error, SG_STATUS_BAD_UTF8, "the text is not UTF-8 at byte %zu", bad);
    }
    return SG_STATUS_OK;
}

sg_status sg_tokenizer_encode(const sg_tokenizer *tokenizer, const char *text, size_t length,
                              sg_token_ids *ids, sg_error *error) {
    SG_TRY(check_text(text, length, error));
    size_t most = (size_t)SG_TOKENIZER_MAX_TEXT_BYTES * SG_CHARSMAP_MAX_REPLACEMENT;
    encoding job = {.tokenizer = tokenizer};
    sg_buffer_init(&job.normalised, most);
    sg_buffer_init(&job.word, most + sizeof(SPACE_MARK));
    sg_status status = encode_text(&job, text, length, error);
    if (status == SG_STATUS_OK) {
        *ids = (sg_token_ids){job.ids.ids, job.ids.count};
        job.ids = (sg_id_list){0};
    }
    sg_id_list_clear(&job.ids);
    sg_unigram_scratch_clear(&job.scratch);
    sg_buffer_clear(&job.word);
    sg_buffer_clear(&job.normalised);
    return status;
}

sg_status sg_tokenizer_decode(const sg_tokenizer *tokenizer, const int32_t *ids, size_t count,
                              sg_decode_form form, sg_buffer *out, sg_error *error) {
    return sg_detokenizer_append(&tokenizer->vocabulary, ids, count, form,
                                 tokenizer->config.clean_up, out, error);
}

const char *sg_tokenizer_piece(const sg_tokenizer *tokenizer, int32_t id) {
    const sg_vocabulary *vocabulary = &tokenizer->vocabulary;
    return id >= 0 && id < vocabulary->size ? vocabulary->texts[id].bytes : NULL;
}

bool sg_tokenizer_is_skipped(const sg_tokenizer *tokenizer, int32_t id) {
    const sg_vocabulary *vocabulary = &tokenizer->vocabulary;
    return id < 0 || id >= vocabulary->size || vocabulary->skipped[id];
}

int32_t sg_tokenizer_size(const sg_tokenizer *tokenizer) {
    return tokenizer->vocabulary.size;
}

int32_t sg_tokenizer_sentinel_count(const sg_tokenizer *tokenizer) {
    return tokenizer->config.extra_ids;
}

int32_t sg_tokenizer_sentinel_id(const sg_tokenizer *tokenizer, int32_t index) {
    assert(index >= 0 && index < tokenizer->config.extra_ids);
    return tokenizer->vocabulary.size - 1 - index;
}

int32_t sg_tokenizer_sentinel_index(const sg_tokenizer *tokenizer, int32_t id) {
    return sg_vocabulary_sentinel_index(&tokenizer->vocabulary, id);
}

int32_t sg_tokenizer_eos_id(const sg_tokenizer *tokenizer) {
    (void)tokenizer;
    return SG_VOCABULARY_EOS_ID;
}

int32_t sg_tokenizer_unk_id(const sg_tokenizer *tokenizer) {
    (void)tokenizer;
    return SG_VOCABULARY_UNK_ID;
}

int64_t sg_tokenizer_model_max_length(const sg_tokenizer *tokenizer) {
    return tokenizer->config.model_max_length;
}
