/* SPDX-License-Identifier: Apache-2.0 */
/* spiece.model: bytes of a file come in, pieces, scores, types and the normaliser's map go out.
 *
 * The protobuf form is a list of fields, each a tag (number << 3 | wire type) and a value. What is
 * read of it: ModelProto { repeated SentencePiece pieces = 1 { string piece = 1; float score = 2;
 * Type type = 3 }; TrainerSpec trainer_spec = 2 { ModelType model_type = 3 }; NormalizerSpec
 * normalizer_spec = 3 { bytes precompiled_charsmap = 2 } } (sentencepiece_model.proto of 0.1.97).
 * Other fields are passed over, but their form is checked. Invariant: no length is trusted before
 * it is compared with what is left of its parent, and a later value of a field replaces an earlier
 * one, as in every protobuf reader. */
#include "text/piece_model.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "text/piece_trie.h"

/* Numbers of ModelType; 1 is what the file means when it says nothing. */
#define MODEL_TYPE_UNIGRAM 1

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* Part of the file that is being read; `origin` is the file's beginning, for messages. */
typedef struct cursor {
    const unsigned char *origin, *at, *end;
} cursor;

/* One field. `number` holds a varint or fixed value, `body` a length-delimited one. */
typedef struct field {
    uint32_t id;
    enum wire_type wire;
    uint64_t number;
    cursor body;
    size_t offset; /* of the tag in the file */
} field;

static size_t left(const cursor *part) {
    return (size_t)(part->end - part->at);
}

static sg_status read_varint(cursor *part, uint64_t *out, sg_error *error) {
    uint64_t value = 0;
    size_t offset = (size_t)(part->at - part->origin);
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (part->at == part->end) {
            return sg_error_set(error, SG_STATUS_MODEL, "the number at byte %zu is cut off",
                                offset);
        }
        unsigned char byte = *part->at++;
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            *out = value;
            return SG_STATUS_OK;
        }
    }
    return sg_error_set(error, SG_STATUS_MODEL, "the number at byte %zu has more than 64 bits",
                        offset);
}

static sg_status read_fixed(cursor *part, size_t size, field *out, sg_error *error) {
    if (left(part) < size) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "the field at byte %zu needs %zu bytes, %zu are left", out->offset,
                            size, left(part));
    }
    out->number = 0;
    for (size_t i = 0; i < size; i++) {
        out->number |= (uint64_t)part->at[i] << (8 * i);
    }
    part->at += size;
    return SG_STATUS_OK;
}

static sg_status read_body(cursor *part, field *out, sg_error *error) {
    uint64_t size;
    SG_TRY(read_varint(part, &size, error));
    if (size > left(part)) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "the field at byte %zu says %llu bytes, its parent has %zu left",
                            out->offset, (unsigned long long)size, left(part));
    }
    out->body = (cursor){part->origin, part->at, part->at + size};
    part->at += size;
    return SG_STATUS_OK;
}

/* Read the next field of `part`, which is not at its end. */
static sg_status read_field(cursor *part, field *out, sg_error *error) {
    uint64_t tag;
    *out = (field){.offset = (size_t)(part->at - part->origin)};
    SG_TRY(read_varint(part, &tag, error));
    uint64_t id = tag >> 3;
    if (id == 0 || id > 0x1FFFFFFF) {
        return sg_error_set(error, SG_STATUS_MODEL, "the field at byte %zu has the number %llu",
                            out->offset, (unsigned long long)id);
    }
    out->id = (uint32_t)id;
    switch (tag & 7) {
    case WIRE_VARINT:
        out->wire = WIRE_VARINT;
        return read_varint(part, &out->number, error);
    case WIRE_64:
        out->wire = WIRE_64;
        return read_fixed(part, 8, out, error);
    case WIRE_BYTES:
        out->wire = WIRE_BYTES;
        return read_body(part, out, error);
    case WIRE_32:
        out->wire = WIRE_32;
        return read_fixed(part, 4, out, error);
    default:
        return sg_error_set(error, SG_STATUS_MODEL,
                            "the field at byte %zu has wire type %u, expected 0, 1, 2 or 5",
                            out->offset, (unsigned)(tag & 7));
    }
}

/* A field whose meaning we know must be of the form that its meaning needs. */
static sg_status expect_wire(const field *item, enum wire_type wire, const char *name,
                             sg_error *error) {
    if (item->wire != wire) {
        return sg_error_set(error, SG_STATUS_MODEL, "%s at byte %zu has wire type %d, expected %d",
                            name, item->offset, (int)item->wire, (int)wire);
    }
    return SG_STATUS_OK;
}

static sg_status check_piece_text(const cursor *text, size_t index, sg_error *error) {
    size_t length = left(text);
    size_t bad;
    if (length == 0 || length > SG_PIECE_MODEL_MAX_PIECE_BYTES) {
        return sg_error_set(error, SG_STATUS_MODEL, "piece %zu has %zu bytes, expected 1 to %d",
                            index, length, SG_PIECE_MODEL_MAX_PIECE_BYTES);
    }
    if (memchr(text->at, '\0', length) != NULL) {
        return sg_error_set(error, SG_STATUS_MODEL, "piece %zu holds a NUL", index);
    }
    if (!sg_utf8_is_valid((const char *)text->at, length, &bad)) {
        return sg_error_set(error, SG_STATUS_MODEL, "piece %zu is not UTF-8 at its byte %zu", index,
                            bad);
    }
    return SG_STATUS_OK;
}

/* Read one piece; its text is left in the file (piece->text is not set). */
static sg_status read_piece(cursor body, size_t index, sg_piece *piece, cursor *text,
                            sg_error *error) {
    uint64_t type = SG_PIECE_TYPE_NORMAL;
    *piece = (sg_piece){0};
    *text = (cursor){body.origin, body.at, body.at};
    while (body.at < body.end) {
        field item;
        SG_TRY(read_field(&body, &item, error));
        if (item.id == 1) {
            SG_TRY(expect_wire(&item, WIRE_BYTES, "a piece's text", error));
            *text = item.body;
        } else if (item.id == 2) {
            SG_TRY(expect_wire(&item, WIRE_32, "a piece's score", error));
            uint32_t bits = (uint32_t)item.number;
            memcpy(&piece->score, &bits, sizeof(bits));
        } else if (item.id == 3) {
            SG_TRY(expect_wire(&item, WIRE_VARINT, "a piece's type", error));
            type = item.number;
        }
    }
    SG_TRY(check_piece_text(text, index, error));
    if (!isfinite(piece->score)) {
        return sg_error_set(error, SG_STATUS_MODEL, "piece %zu has a score that is not finite",
                            index);
    }
    if (type < SG_PIECE_TYPE_NORMAL || type > SG_PIECE_TYPE_BYTE) {
        return sg_error_set(error, SG_STATUS_MODEL, "piece %zu has type %llu, expected 1 to 6",
                            index, (unsigned long long)type);
    }
    piece->type = (sg_piece_type)type;
    piece->length = (uint32_t)left(text);
    return SG_STATUS_OK;
}

static sg_status read_trainer(cursor body, uint64_t *model_type, sg_error *error) {
    while (body.at < body.end) {
        field item;
        SG_TRY(read_field(&body, &item, error));
        if (item.id == 3) {
            SG_TRY(expect_wire(&item, WIRE_VARINT, "the model type", error));
            *model_type = item.number;
        }
    }
    return SG_STATUS_OK;
}

static sg_status read_normalizer(cursor body, sg_piece_model *model, sg_error *error) {
    while (body.at < body.end) {
        field item;
        SG_TRY(read_field(&body, &item, error));
        if (item.id == 2) {
            SG_TRY(expect_wire(&item, WIRE_BYTES, "the charsmap", error));
            model->charsmap_bytes = (const char *)item.body.at;
            model->charsmap_length = left(&item.body);
        }
    }
    return SG_STATUS_OK;
}

/* What the first pass counts, so that nothing is allocated by a number that the file only claims.
 */
typedef struct tally {
    size_t pieces;
    size_t bytes; /* of the pieces' messages, which hold their texts */
} tally;

static sg_status count_pieces(cursor file, tally *seen, sg_error *error) {
    *seen = (tally){0};
    while (file.at < file.end) {
        field item;
        SG_TRY(read_field(&file, &item, error));
        if (item.id != 1) {
            continue;
        }
        SG_TRY(expect_wire(&item, WIRE_BYTES, "a piece", error));
        if (seen->pieces == SG_PIECE_MODEL_MAX_PIECES) {
            return sg_error_set(error, SG_STATUS_MODEL, "more than %d pieces",
                                SG_PIECE_MODEL_MAX_PIECES);
        }
        seen->pieces++;
        seen->bytes += left(&item.body);
    }
    if (seen->pieces == 0) {
        return sg_error_set(error, SG_STATUS_MODEL, "there is no piece");
    }
    return SG_STATUS_OK;
}

/* Read the next piece into model->pieces and its text to *place, which moves on. A message of n
 * bytes holds a text of at most n - 2, so that the texts and a NUL after each fit in the messages'
 * bytes. */
static sg_status keep_piece(cursor body, sg_piece_model *model, char **place, sg_error *error) {
    sg_piece *piece = &model->pieces[model->count];
    cursor text;
    SG_TRY(read_piece(body, model->count, piece, &text, error));
    memcpy(*place, text.at, piece->length);
    (*place)[piece->length] = '\0';
    piece->text = *place;
    *place += piece->length + 1U;
    model->count++;
    return SG_STATUS_OK;
}

static sg_status read_model(cursor file, sg_piece_model *model, uint64_t *model_type,
                            sg_error *error) {
    char *place = model->texts;
    while (file.at < file.end) {
        field item;
        SG_TRY(read_field(&file, &item, error));
        if (item.id == 1) {
            SG_TRY(keep_piece(item.body, model, &place, error));
        } else if (item.id == 2) {
            SG_TRY(expect_wire(&item, WIRE_BYTES, "the trainer's settings", error));
            SG_TRY(read_trainer(item.body, model_type, error));
        } else if (item.id == 3) {
            SG_TRY(expect_wire(&item, WIRE_BYTES, "the normaliser's settings", error));
            SG_TRY(read_normalizer(item.body, model, error));
        }
    }
    return SG_STATUS_OK;
}

static sg_status read_file(cursor file, sg_piece_model *model, sg_error *error) {
    tally seen;
    uint64_t model_type = MODEL_TYPE_UNIGRAM;
    SG_TRY(count_pieces(file, &seen, error));
    model->pieces = sg_memory_alloc(seen.pieces, sizeof(*model->pieces));
    model->texts = sg_memory_alloc(seen.bytes, 1);
    if (model->pieces == NULL || model->texts == NULL) {
        return sg_memory_error(error, "the pieces", seen.pieces * sizeof(*model->pieces));
    }
    SG_TRY(read_model(file, model, &model_type, error));
    if (model_type != MODEL_TYPE_UNIGRAM) {
        return sg_error_set(error, SG_STATUS_UNSUPPORTED,
                            "a SentencePiece model of type %llu, expected 1 (unigram)",
                            (unsigned long long)model_type);
    }
    return SG_STATUS_OK;
}

static sg_status find_unknown(sg_piece_model *model, sg_error *error) {
    size_t unknown = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (model->pieces[i].type == SG_PIECE_TYPE_UNKNOWN) {
            model->unknown_id = (int32_t)i;
            unknown++;
        }
    }
    if (unknown != 1) {
        return sg_error_set(error, SG_STATUS_MODEL,
                            "%zu pieces of type unknown, expected exactly 1", unknown);
    }
    return SG_STATUS_OK;
}

/* The user-defined pieces of `model` in texts[]; their number, or one more than allowed. */
static size_t collect_user_defined(const sg_piece_model *model,
                                   sg_piece_text texts[SG_PIECE_MODEL_MAX_USER_DEFINED]) {
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (model->pieces[i].type != SG_PIECE_TYPE_USER_DEFINED) {
            continue;
        }
        if (count == SG_PIECE_MODEL_MAX_USER_DEFINED) {
            return count + 1;
        }
        texts[count++] = (sg_piece_text){model->pieces[i].text, model->pieces[i].length};
    }
    return count;
}

/* How many of the strings in `trie` text[0..length) passes through, itself counted. */
static size_t count_nested(const sg_piece_trie *trie, sg_piece_text text) {
    size_t nested = 0;
    uint32_t node = SG_PIECE_TRIE_ROOT;
    for (size_t i = 0; i < text.length; i++) {
        node = sg_piece_trie_step(trie, node, (unsigned char)text.bytes[i]);
        assert(node != SG_PIECE_TRIE_NONE);
        nested += sg_piece_trie_value(trie, node) >= 0 ? 1 : 0;
    }
    return nested;
}

static sg_status check_user_defined(const sg_piece_model *model, sg_error *error) {
    sg_piece_text texts[SG_PIECE_MODEL_MAX_USER_DEFINED] = {{NULL, 0}};
    size_t count = collect_user_defined(model, texts);
    if (count > SG_PIECE_MODEL_MAX_USER_DEFINED) {
        return sg_error_set(error, SG_STATUS_MODEL, "more than %d user-defined pieces",
                            SG_PIECE_MODEL_MAX_USER_DEFINED);
    }
    sg_piece_trie trie;
    SG_TRY(sg_piece_trie_build(&trie, texts, count, NULL, error));
    sg_status status = SG_STATUS_OK;
    for (size_t i = 0; i < count && status == SG_STATUS_OK; i++) {
        if (count_nested(&trie, texts[i]) > SG_PIECE_MODEL_MAX_USER_DEFINED_NESTED) {
            status = sg_error_set(error, SG_STATUS_MODEL,
                                  "more than %d user-defined pieces begin with one another",
                                  SG_PIECE_MODEL_MAX_USER_DEFINED_NESTED);
        }
    }
    sg_piece_trie_clear(&trie);
    return status;
}

sg_status sg_piece_model_open(sg_piece_model *model, const char *bytes, size_t length,
                              sg_error *error) {
    *model = (sg_piece_model){0};
    if (length > SG_PIECE_MODEL_MAX_BYTES) {
        return sg_error_set(error, SG_STATUS_MODEL, "%zu bytes, at most %zu are allowed", length,
                            SG_PIECE_MODEL_MAX_BYTES);
    }
    const unsigned char *begin = (const unsigned char *)(length > 0 ? bytes : "");
    /* cppcheck-suppress pointerOutOfBoundsCond ; it takes the empty text for what a longer one
     * points to */
    sg_status status = read_file((cursor){begin, begin, begin + length}, model, error);
    if (status == SG_STATUS_OK) {
        status = find_unknown(model, error);
    }
    if (status == SG_STATUS_OK) {
        status = check_user_defined(model, error);
    }
    if (status == SG_STATUS_OK) {
        status = sg_charsmap_open(&model->charsmap, model->charsmap_bytes, model->charsmap_length,
                                  error);
    }
    if (status != SG_STATUS_OK) {
        sg_piece_model_clear(model);
    }
    return status;
}

void sg_piece_model_clear(sg_piece_model *model) {
    sg_charsmap_clear(&model->charsmap);
    sg_memory_free(model->texts);
    sg_memory_free(model->pieces);
    *model = (sg_piece_model){0};
}
