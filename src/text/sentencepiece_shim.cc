// SPDX-License-Identifier: Apache-2.0
// SentencePiece behind C: a charsmap comes in, normalised text goes out.
//
// The library has no public type for a model in memory, so the model is written in its serialised
// form, with the least that loads: an unknown piece and a space. Options are off that would add or
// take away white space. Invariant: every entry point is noexcept, catches everything and returns a
// status.
#include "text/sentencepiece_shim.h"

#include <sentencepiece_processor.h>

#include <new>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
#include "base/error.h"
}

struct sg_normalizer {
    sentencepiece::SentencePieceProcessor processor;
};

namespace {

void append_varint(std::string *out, size_t value) {
    while (value >= 0x80) {
        out->push_back(static_cast<char>((value & 0x7F) | 0x80));
        value >>= 7;
    }
    out->push_back(static_cast<char>(value));
}

// A field of wire type 2; `id` below 16.
void append_bytes(std::string *out, unsigned id, std::string_view bytes) {
    append_varint(out, id << 3 | 2U);
    append_varint(out, bytes.size());
    out->append(bytes);
}

// A field of wire type 0; `id` below 16.
void append_number(std::string *out, unsigned id, size_t value) {
    append_varint(out, id << 3);
    append_varint(out, value);
}

// SentencePiece { piece = 1, type = 3 }; the score stays 0.
void append_piece(std::string *model, std::string_view text, size_t type) {
    std::string piece;
    append_bytes(&piece, 1, text);
    append_number(&piece, 3, type);
    append_bytes(model, 1, piece);
}

// ModelProto { pieces = 1, normalizer_spec = 3 { precompiled_charsmap = 2, add_dummy_prefix = 3,
// remove_extra_whitespaces = 4, escape_whitespaces = 5 } }, sentencepiece_model.proto of 0.1.97.
std::string make_model(std::string_view charsmap) {
    constexpr size_t kNormal = 1;
    constexpr size_t kUnknown = 2;
    std::string model;
    append_piece(&model, "<unk>", kUnknown);
    append_piece(&model, " ", kNormal);
    std::string settings;
    if (!charsmap.empty()) {
        append_bytes(&settings, 2, charsmap);
    }
    append_number(&settings, 3, 0);
    append_number(&settings, 4, 0);
    append_number(&settings, 5, 0);
    append_bytes(&model, 3, settings);
    return model;
}

sg_status fail(sg_error *error, const sentencepiece::util::Status &status) {
    const bool memory = status.code() == sentencepiece::util::StatusCode::kResourceExhausted;
    return sg_error_set(error, memory ? SG_STATUS_MEMORY : SG_STATUS_INTERNAL, "SentencePiece: %s",
                        status.error_message());
}

// For use inside catch (...) only.
sg_status fail_by_exception(sg_error *error, const char *what) {
    try {
        throw;
    } catch (const std::bad_alloc &) {
        return sg_error_set(error, SG_STATUS_MEMORY, "out of memory: SentencePiece, %s", what);
    } catch (...) {
        return sg_error_set(error, SG_STATUS_INTERNAL, "SentencePiece failed, %s", what);
    }
}

} // namespace

extern "C" sg_status sg_normalizer_open(const char *charsmap, size_t length,
                                        sg_normalizer **normalizer, sg_error *error) noexcept {
    sg_normalizer *created = nullptr;
    try {
        created = new sg_normalizer;
        const std::string model =
            make_model(length > 0 ? std::string_view(charsmap, length) : std::string_view());
        const auto status = created->processor.LoadFromSerializedProto(model);
        if (!status.ok()) {
            delete created;
            return fail(error, status);
        }
        *normalizer = created;
        return SG_STATUS_OK;
    } catch (...) {
        delete created;
        return fail_by_exception(error, "opening the normaliser");
    }
}

extern "C" void sg_normalizer_close(sg_normalizer *normalizer) noexcept {
    delete normalizer;
}

extern "C" sg_status sg_normalizer_append(const sg_normalizer *normalizer, const char *text,
                                          size_t length, sg_buffer *out, sg_error *error) noexcept {
    try {
        std::vector<std::string> pieces;
        const auto status = normalizer->processor.Encode(std::string_view(text, length), &pieces);
        if (!status.ok()) {
            return fail(error, status);
        }
        for (const std::string &piece : pieces) {
            sg_buffer_append(out, piece.data(), piece.size());
        }
    } catch (...) {
        return fail_by_exception(error, "normalising");
    }
    if (out->status != SG_STATUS_OK) {
        return sg_error_set(error, out->status, "normalised text: %s", sg_status_text(out->status));
    }
    return SG_STATUS_OK;
}
