/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizer for other programs: records in on stdin, a line out for each.
 *
 *     tokenizer_probe DIRECTORY encode   a record is a text and a NUL; written as \0 and \\ in the
 * text are a NUL and a backslash; out come its ids tokenizer_probe DIRECTORY raw      a record is a
 * line of ids; out comes the text of a tokenizer_probe DIRECTORY plain    form, ended by a NUL
 *     tokenizer_probe DIRECTORY card
 *     tokenizer_probe DIRECTORY open     opens and closes, for timing
 *
 * Exit status 1 with the message on stderr where anything fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "text/tokenizer.h"

static int report(const sg_error *error) {
    (void)fprintf(stderr, "%s\n", error->message);
    return 1;
}

/* Turn \0 and \\ into what they stand for; returns the length. */
static size_t unescape(char *text, size_t length) {
    size_t write = 0;
    for (size_t read = 0; read < length; read++) {
        if (text[read] == '\\' && read + 1 < length) {
            read++;
            text[write++] = text[read] == '0' ? '\0' : text[read];
        } else {
            text[write++] = text[read];
        }
    }
    return write;
}

static int encode_record(const sg_tokenizer *tokenizer, char *record, size_t length) {
    sg_error error;
    sg_token_ids ids = {0};
    length = unescape(record, length);
    if (sg_tokenizer_encode(tokenizer, record, length, &ids, &error) != SG_STATUS_OK) {
        return report(&error);
    }
    for (size_t i = 0; i < ids.count; i++) {
        (void)printf(i == 0 ? "%d" : " %d", (int)ids.ids[i]);
    }
    (void)putchar('\n');
    sg_token_ids_clear(&ids);
    return 0;
}

static int decode_record(const sg_tokenizer *tokenizer, const char *record, sg_decode_form form) {
    sg_error error;
    sg_buffer out;
    static int32_t ids[4096];
    size_t count = 0;
    char *end;
    for (long id = strtol(record, &end, 10); end != record && count < 4096;
         id = strtol(record, &end, 10)) {
        ids[count++] = (int32_t)id;
        record = end;
    }
    sg_buffer_init(&out, 1 << 24);
    if (sg_tokenizer_decode(tokenizer, ids, count, form, &out, &error) != SG_STATUS_OK) {
        return report(&error);
    }
    (void)fwrite(out.length > 0 ? out.data : "", 1, out.length, stdout);
    (void)putchar('\0');
    sg_buffer_clear(&out);
    return 0;
}

static int run(const sg_tokenizer *tokenizer, const char *mode) {
    bool encode = strcmp(mode, "encode") == 0;
    sg_decode_form form = strcmp(mode, "raw") == 0     ? SG_DECODE_FORM_RAW
                          : strcmp(mode, "plain") == 0 ? SG_DECODE_FORM_PLAIN
                                                       : SG_DECODE_FORM_CARD;
    char *record = NULL;
    size_t capacity = 0;
    int failed = 0;
    for (;;) {
        ssize_t length = getdelim(&record, &capacity, encode ? '\0' : '\n', stdin);
        if (length <= 0 || failed != 0) {
            break;
        }
        record[length - 1] = '\0';
        failed = encode ? encode_record(tokenizer, record, (size_t)length - 1)
                        : decode_record(tokenizer, record, form);
    }
    free(record);
    return failed;
}

int main(int argc, char **argv) {
    sg_error error;
    sg_tokenizer *tokenizer = NULL;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: tokenizer_probe DIRECTORY encode|raw|plain|card|open\n");
        return 2;
    }
    if (sg_tokenizer_open(argv[1], &tokenizer, &error) != SG_STATUS_OK) {
        return report(&error);
    }
    int failed = strcmp(argv[2], "open") == 0 ? 0 : run(tokenizer, argv[2]);
    sg_tokenizer_close(tokenizer);
    return failed;
}
