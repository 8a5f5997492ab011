/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, memory, arena, buffer: the ground that everything else stands on. */
#include "support/test.h"

#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

/* A hostile name must not drive the terminal, and a cut must not leave half a character. */
static void messages_are_printable_and_cut_on_a_character(void) {
    sg_error error;
    char longest[SG_ERROR_MESSAGE_SIZE + 8];
    CHECK_INT(sg_error_set(&error, SG_STATUS_MODEL, "bad %s", "\x1b[31mname\n"), SG_STATUS_MODEL);
    CHECK_TEXT(error.message, "bad ?[31mname?");
    memset(longest, 'a', sizeof longest);
    memcpy(longest + SG_ERROR_MESSAGE_SIZE - 3, "\xe2\x96\x81", 3);
    longest[SG_ERROR_MESSAGE_SIZE + 7] = '\0';
    (void)sg_error_set(&error, SG_STATUS_MODEL, "%s", longest);
    CHECK_INT(strlen(error.message), SG_ERROR_MESSAGE_SIZE - 3);
    (void)sg_error_set(&error, SG_STATUS_IO, "inner");
    (void)sg_error_hint(&error, "try %d", 1);
    CHECK_INT(sg_error_prefix(&error, SG_STATUS_MODEL, "outer %d", 2), SG_STATUS_IO);
    CHECK_TEXT(error.message, "outer 2: inner");
    CHECK_TEXT(error.hint, "try 1");
}

static void sizes_that_overflow_are_refused(void) {
    CHECK(sg_memory_alloc(SIZE_MAX / 2, 3) == NULL);
    CHECK(sg_memory_alloc_zeroed(SIZE_MAX / 2, 3) == NULL);
    CHECK(sg_arena_bytes(SIZE_MAX / 2, 3) == SIZE_MAX);
    void *empty = sg_memory_alloc(0, 8);
    CHECK(empty != NULL);
    sg_memory_free(empty);
}

static void arena_aligns_rewinds_and_refuses(void) {
    sg_arena arena;
    CHECK_INT(sg_arena_init(&arena, 256, NULL), SG_STATUS_OK);
    void *first = sg_arena_alloc(&arena, 1, 1);
    size_t mark = sg_arena_mark(&arena);
    void *second = sg_arena_alloc(&arena, 3, 8);
    CHECK(((uintptr_t)first % 64) == 0 && ((uintptr_t)second % 64) == 0);
    CHECK(sg_arena_alloc(&arena, 129, 1) == NULL);
    sg_arena_rewind(&arena, mark);
    CHECK(sg_arena_alloc(&arena, 1, 64) == second);
    CHECK_INT(arena.peak, 128);
    sg_arena_clear(&arena);
    sg_arena_clear(&arena);
}

static void buffer_keeps_its_first_failure(void) {
    sg_buffer buffer;
    char *data = NULL;
    size_t length = 0;
    sg_buffer_init(&buffer, 5);
    CHECK_INT(sg_buffer_append_format(&buffer, "%d", 123), SG_STATUS_OK);
    CHECK_INT(sg_buffer_append_text(&buffer, "456"), SG_STATUS_TOO_LONG);
    CHECK_INT(sg_buffer_append_text(&buffer, "4"), SG_STATUS_TOO_LONG);
    CHECK_INT(sg_buffer_take(&buffer, &data, &length), SG_STATUS_TOO_LONG);
    CHECK(data == NULL);
    sg_buffer_reset(&buffer);
    CHECK_INT(sg_buffer_append(&buffer, "a\0b", 3), SG_STATUS_OK);
    CHECK_INT(sg_buffer_take(&buffer, &data, &length), SG_STATUS_OK);
    CHECK(length == 3 && data != NULL && memcmp(data, "a\0b", 4) == 0);
    sg_memory_free(data);
    sg_buffer_clear(&buffer);
}

int main(void) {
    TEST(messages_are_printable_and_cut_on_a_character);
    TEST(sizes_that_overflow_are_refused);
    TEST(arena_aligns_rewinds_and_refuses);
    TEST(buffer_keeps_its_first_failure);
    return test_end();
}
