/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values as bytes: escapes, numbers, lists. */
#include "support/test.h"

#include <math.h>

#include "storage/json_writer.h"

/* Only what RFC 8259 demands is escaped; all else, also DEL and the line separators, stays. */
static void strings_are_escaped(void) {
    sg_buffer buffer;
    sg_buffer_init(&buffer, 1000);
    sg_json_write_string(&buffer, "a\"b\\c/\b\f\n\r\t\0\x1f\x7f\xe2\x80\xa8", 17);
    CHECK_TEXT(buffer.data, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\xe2\x80\xa8\"");
    sg_buffer_reset(&buffer);
    sg_json_write_string(&buffer, "", 0);
    CHECK_TEXT(buffer.data, "\"\"");
    sg_buffer_clear(&buffer);
}

static void numbers_and_lists_are_written(void) {
    static const int32_t ids[] = {1, -2, INT32_MAX};
    sg_buffer buffer;
    sg_buffer_init(&buffer, 1000);
    sg_json_write_f32(&buffer, -3.25f);
    sg_json_write_f32(&buffer, NAN);
    sg_json_write_f32(&buffer, INFINITY);
    sg_json_write_i64(&buffer, INT64_MIN);
    sg_json_write_ids(&buffer, ids, 3);
    sg_json_write_ids(&buffer, NULL, 0);
    CHECK_TEXT(buffer.data, "-3.25nullnull-9223372036854775808[1,-2,2147483647][]");
    sg_buffer_clear(&buffer);
}

/* A buffer over its maximum says so in the end; nothing is written past it. */
static void a_full_buffer_is_reported(void) {
    sg_buffer buffer;
    sg_buffer_init(&buffer, 4);
    sg_json_write_string(&buffer, "abcd", 4);
    CHECK_INT(buffer.status, SG_STATUS_TOO_LONG);
    sg_buffer_clear(&buffer);
}

int main(void) {
    TEST(strings_are_escaped);
    TEST(numbers_and_lists_are_written);
    TEST(a_full_buffer_is_reported);
    return test_end();
}
