/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a text: its ids, its blanks, and the text stitched from its own ids as if a model
 * had generated them. */
#include <string.h>

#include "fuzz/fuzz_target.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "text/sentinels.h"

static sg_tokenizer *open_tokenizer(void) {
    static sg_tokenizer *tokenizer; /* opened once: it never changes */
    if (tokenizer == NULL) {
        FUZZ_REQUIRE(sg_tokenizer_open(SG_TEST_FIXTURES "/t5", &tokenizer, NULL) == SG_STATUS_OK);
    }
    return tokenizer;
}

static void check_ids(const sg_tokenizer *tokenizer, const sg_token_ids *ids) {
    FUZZ_REQUIRE(ids->count > 0 && ids->ids[ids->count - 1] == sg_tokenizer_eos_id(tokenizer));
    for (size_t i = 0; i < ids->count; i++) {
        FUZZ_REQUIRE(sg_tokenizer_piece(tokenizer, ids->ids[i]) != NULL);
    }
    for (int form = SG_DECODE_FORM_RAW; form <= SG_DECODE_FORM_CARD; form++) {
        sg_buffer out;
        sg_buffer_init(&out, 1 << 24);
        FUZZ_REQUIRE(sg_tokenizer_decode(tokenizer, ids->ids, ids->count, (sg_decode_form)form,
                                         &out, NULL) == SG_STATUS_OK);
        FUZZ_REQUIRE(sg_utf8_is_valid(out.data, out.length, NULL));
        sg_buffer_clear(&out);
    }
}

static void stitch(const sg_tokenizer *tokenizer, const char *text, size_t size,
                   const sg_token_ids *ids) {
    const int32_t end = sg_tokenizer_eos_id(tokenizer);
    sg_blank_list list;
    sg_buffer out;
    if (sg_sentinels_find(tokenizer, text, size, "_", &list, NULL) != SG_STATUS_OK) {
        return;
    }
    sg_fill_span *spans = sg_memory_alloc(list.count, sizeof(*spans));
    sg_stitched_fill *fills = sg_memory_alloc(list.count, sizeof(*fills));
    FUZZ_REQUIRE(spans != NULL && fills != NULL);
    for (size_t i = 0; i < list.count; i++) {
        spans[i] = sg_sentinels_cut(tokenizer, ids->ids, ids->count, &end, 1, list.items[i].index);
    }
    sg_buffer_init(&out, 1 << 24);
    FUZZ_REQUIRE(sg_sentinels_prompt(&list, text, size, &out) == SG_STATUS_OK);
    sg_buffer_reset(&out);
    FUZZ_REQUIRE(sg_sentinels_stitch(tokenizer, &list, text, size, ids->ids, spans, true, fills,
                                     &out, NULL) == SG_STATUS_OK);
    for (size_t i = 0; i < list.count; i++) {
        FUZZ_REQUIRE(fills[i].text_offset + fills[i].text_length <= out.length);
        FUZZ_REQUIRE(fills[i].start ==
                     sg_utf8_count(out.data == NULL ? "" : out.data, fills[i].text_offset));
    }
    sg_buffer_clear(&out);
    sg_memory_free(fills);
    sg_memory_free(spans);
    sg_blank_list_clear(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const sg_tokenizer *tokenizer = open_tokenizer();
    const char *text = size > 0 ? (const char *)data : "";
    sg_token_ids ids = {0};
    sg_status status = sg_tokenizer_encode(tokenizer, text, size, &ids, NULL);
    if (status != SG_STATUS_OK) {
        FUZZ_REQUIRE(status == (size > SG_TOKENIZER_MAX_TEXT_BYTES ? SG_STATUS_TOO_LONG
                                                                   : SG_STATUS_BAD_UTF8));
        return 0;
    }
    check_ids(tokenizer, &ids);
    stitch(tokenizer, text, size, &ids);
    sg_token_ids_clear(&ids);
    return 0;
}
