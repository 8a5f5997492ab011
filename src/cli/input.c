/* SPDX-License-Identifier: Apache-2.0 */
/* Records out of bytes.
 *
 * Bytes come in chunks from read(2) and are cut at the end mark; a record is handed out as soon as
 * it is whole, without waiting for more, so a program that talks to us line by line gets its
 * answers. A record keeps at most SG_INPUT_MAX_RECORD_BYTES and a few bytes; what is longer is read
 * over up to its end mark and reported, and the next record begins where it should. */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

#define CHUNK_BYTES 65536

/* A byte order mark before the text and a carriage return behind it are no part of it. */
#define RECORD_SLACK 4

static const char byte_order_mark[] = "\xef\xbb\xbf";

/* --- opening --- */

static bool is_dash(const char *name) {
    return strcmp(name, "-") == 0;
}

static sg_status open_standard_input(sg_input_file *file, const sg_input *input, sg_error *error) {
    for (size_t i = 0; i < input->file_count; i++) {
        if (input->files[i].descriptor == STDIN_FILENO) {
            return sg_error_set(error, SG_STATUS_ARGUMENT,
                                "-: standard input can be read only once");
        }
    }
    file->name = "stdin";
    file->descriptor = STDIN_FILENO;
    return SG_STATUS_OK;
}

/* A FIFO without a writer is opened without waiting for one, so that a signal can end the run:
 * reading waits for both (wait_or_stop). */
static sg_status open_named(sg_input_file *file, const char *name, sg_error *error) {
    file->name = name;
    file->descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file->descriptor < 0) {
        (void)sg_error_from_errno(error, errno, "%s: cannot be read", name);
        if (error != NULL) {
            error->code = SG_STATUS_ARGUMENT;
        }
        return SG_STATUS_ARGUMENT;
    }
    return SG_STATUS_OK;
}

/* Add one file to the list, which has room for it. */
static sg_status add_file(sg_input *input, const char *name, sg_error *error) {
    sg_input_file *file = &input->files[input->file_count];
    struct stat found;
    SG_TRY(is_dash(name) ? open_standard_input(file, input, error) : open_named(file, name, error));
    input->file_count++;
    if (fstat(file->descriptor, &found) != 0) {
        return SG_STATUS_OK; /* a closed standard input: reading it says so */
    }
    if (S_ISDIR(found.st_mode)) {
        return sg_error_set(error, SG_STATUS_ARGUMENT, "%s: is a directory, expected a text file",
                            name);
    }
    file->device = (uint64_t)found.st_dev;
    file->inode = (uint64_t)found.st_ino;
    return SG_STATUS_OK;
}

static sg_status refuse_terminal(sg_error *error) {
    (void)sg_error_set(error, SG_STATUS_ARGUMENT, "no text, and standard input is a terminal");
    return sg_error_hint(error,
                         "give a text, such as \"A <extra_id_0> walks into a bar.\", or -f FILE; "
                         "-f - reads the terminal");
}

sg_status sg_input_open(sg_input *input, const sg_input_source *source, sg_error *error) {
    size_t room = source->text_count + source->file_count + 1;
    memset(input, 0, sizeof *input);
    input->source = *source;
    sg_buffer_init(&input->record, SG_INPUT_MAX_RECORD_BYTES + RECORD_SLACK);
    input->files = sg_memory_alloc_zeroed(room, sizeof *input->files);
    input->chunk = sg_memory_alloc(CHUNK_BYTES, 1);
    if (input->files == NULL || input->chunk == NULL) {
        return sg_memory_error(error, "input", CHUNK_BYTES);
    }
    for (size_t i = 0; i < source->text_count && source->dash_is_stdin; i++) {
        if (is_dash(source->texts[i])) {
            SG_TRY(add_file(input, "-", error));
        }
    }
    for (size_t i = 0; i < source->file_count; i++) {
        SG_TRY(add_file(input, source->files[i], error));
    }
    if (source->text_count == 0 && source->file_count == 0) {
        if (isatty(STDIN_FILENO)) {
            return refuse_terminal(error);
        }
        SG_TRY(add_file(input, "-", error));
    }
    input->at_file_begin = true;
    return SG_STATUS_OK;
}

bool sg_input_reads(const sg_input *input, uint64_t device, uint64_t inode) {
    for (size_t i = 0; i < input->file_count; i++) {
        if (input->files[i].inode == inode && input->files[i].device == device && inode != 0) {
            return true;
        }
    }
    return false;
}

/* --- bytes --- */

bool sg_input_stop_requested(int stop_descriptor) {
    struct pollfd stop = {.fd = stop_descriptor, .events = POLLIN};
    return stop.fd >= 0 && poll(&stop, 1, 0) > 0;
}

/* Wait for bytes of `descriptor`, or for the request to stop, which is answered with true. */
static bool wait_or_stop(const sg_input *input, int descriptor) {
    struct pollfd waited[2] = {{.fd = input->source.stop_descriptor, .events = POLLIN},
                               {.fd = descriptor, .events = POLLIN}};
    while (poll(waited, 2, -1) < 0) {
        if (errno != EINTR && errno != EAGAIN) {
            return false; /* let read(2) say what is wrong */
        }
    }
    return waited[0].fd >= 0 && waited[0].revents != 0;
}

/* Refill the chunk from the current file; *stop is set instead when the run should end. An empty
 * chunk afterwards is the file's end. */
static sg_status fill_chunk(sg_input *input, bool *stop, sg_error *error) {
    const sg_input_file *file = &input->files[input->current_file];
    ssize_t count;
    input->chunk_begin = 0;
    input->chunk_end = 0;
    do {
        *stop = wait_or_stop(input, file->descriptor);
        if (*stop) {
            return SG_STATUS_OK;
        }
        count = read(file->descriptor, input->chunk, CHUNK_BYTES);
    } while (count < 0 && (errno == EINTR || errno == EAGAIN));
    if (count < 0) {
        return sg_error_from_errno(error, errno, "%s: cannot be read", file->name);
    }
    input->chunk_end = (size_t)count;
    return SG_STATUS_OK;
}

/* --- records --- */

typedef struct line_state {
    bool ended; /* by its mark or by the file's end */
    bool any;   /* at least one byte or a mark was there */
    bool too_long;
} line_state;

static sg_status append_to_record(sg_input *input, line_state *line, const char *bytes,
                                  size_t length, sg_error *error) {
    size_t room = input->record.maximum - input->record.length;
    size_t kept = length < room ? length : room;
    if (sg_buffer_append(&input->record, bytes, kept) != SG_STATUS_OK) {
        return sg_memory_error(error, "a record", input->record.length + kept);
    }
    line->too_long = line->too_long || kept < length;
    line->any = true;
    return SG_STATUS_OK;
}

/* Take from the chunk up to the end mark, or all of it. */
static sg_status take_from_chunk(sg_input *input, line_state *line, sg_error *error) {
    const char *bytes = input->chunk + input->chunk_begin;
    size_t length = input->chunk_end - input->chunk_begin;
    const char *mark = memchr(bytes, input->source.null_records ? '\0' : '\n', length);
    size_t taken = mark == NULL ? length : (size_t)(mark - bytes);
    SG_TRY(append_to_record(input, line, bytes, taken, error));
    line->ended = mark != NULL;
    input->chunk_begin += taken + (mark == NULL ? 0 : 1);
    return SG_STATUS_OK;
}

/* Read one line of the current file into input->record. *found is false at its end and on a stop.
 */
static sg_status read_line(sg_input *input, line_state *line, bool *found, bool *stop,
                           sg_error *error) {
    *line = (line_state){false, false, false};
    *stop = false;
    sg_buffer_reset(&input->record);
    while (!line->ended) {
        if (input->chunk_begin == input->chunk_end) {
            SG_TRY(fill_chunk(input, stop, error));
            if (*stop || input->chunk_end == 0) {
                break;
            }
        }
        SG_TRY(take_from_chunk(input, line, error));
    }
    *found = line->any && !*stop;
    return SG_STATUS_OK;
}

/* "FILE:LINE"; of a long name the end counts. */
static void write_where(sg_input_record *record, const char *name, size_t line) {
    const size_t room = SG_INPUT_WHERE_SIZE - 32;
    size_t length = strlen(name);
    bool cut = length > room;
    (void)snprintf(record->where, sizeof record->where, "%s%s:%zu", cut ? "..." : "",
                   cut ? name + (length - room) : name, line);
}

static void check_text(sg_input_record *record) {
    size_t offset = 0;
    record->status = SG_STATUS_OK;
    record->error.code = SG_STATUS_OK;
    record->error.message[0] = '\0';
    record->error.hint[0] = '\0';
    if (record->length > SG_INPUT_MAX_RECORD_BYTES) {
        record->text = NULL;
        record->status =
            sg_error_set(&record->error, SG_STATUS_TOO_LONG, "the text is longer than %d bytes",
                         SG_INPUT_MAX_RECORD_BYTES);
    } else if (!sg_utf8_is_valid(record->text, record->length, &offset)) {
        record->status = sg_error_set(&record->error, SG_STATUS_BAD_UTF8,
                                      "the text is not UTF-8: byte 0x%02x at offset %zu",
                                      (unsigned)(unsigned char)record->text[offset], offset);
    }
}

/* What stands in input->record, without byte order mark and carriage return. */
static void finish_line(sg_input *input, const line_state *line, sg_input_record *record) {
    const size_t mark_length = sizeof byte_order_mark - 1;
    record->text = input->record.data == NULL ? "" : input->record.data;
    record->length = input->record.length;
    if (input->at_file_begin && record->length >= mark_length &&
        memcmp(record->text, byte_order_mark, mark_length) == 0) {
        record->text += mark_length;
        record->length -= mark_length;
    }
    input->at_file_begin = false;
    if (!line->too_long && !input->source.null_records && record->length > 0 &&
        record->text[record->length - 1] == '\r') {
        record->length--;
    }
    if (line->too_long) {
        record->length = SG_INPUT_MAX_RECORD_BYTES + 1;
    }
    record->from_file = true;
    record->empty = record->length == 0;
    write_where(record, input->files[input->current_file].name, input->line);
    check_text(record);
}

/* The next operand that is a text. */
static bool next_text(sg_input *input, sg_input_record *record) {
    const sg_input_source *source = &input->source;
    while (input->next_text < source->text_count) {
        const char *text = source->texts[input->next_text++];
        if (source->dash_is_stdin && is_dash(text)) {
            continue;
        }
        record->text = text;
        record->length = strlen(text);
        record->from_file = false;
        record->empty = false;
        (void)snprintf(record->where, sizeof record->where, "text %zu", input->next_text);
        check_text(record);
        return true;
    }
    return false;
}

static sg_status next_line(sg_input *input, sg_input_record *record, bool *found, sg_error *error) {
    while (input->current_file < input->file_count) {
        line_state line;
        bool stop;
        SG_TRY(read_line(input, &line, found, &stop, error));
        if (*found) {
            input->line++;
            finish_line(input, &line, record);
            return SG_STATUS_OK;
        }
        if (stop) {
            return SG_STATUS_OK;
        }
        input->current_file++;
        input->line = 0;
        input->at_file_begin = true;
    }
    *found = false;
    return SG_STATUS_OK;
}

sg_status sg_input_next(sg_input *input, sg_input_record *record, bool *found, sg_error *error) {
    *found = false;
    if (sg_input_stop_requested(input->source.stop_descriptor)) {
        return SG_STATUS_OK;
    }
    *found = next_text(input, record);
    if (!*found) {
        SG_TRY(next_line(input, record, found, error));
    }
    if (*found) {
        record->index = input->records++;
    }
    return SG_STATUS_OK;
}

void sg_input_clear(sg_input *input) {
    for (size_t i = 0; i < input->file_count; i++) {
        if (input->files[i].descriptor > STDERR_FILENO) {
            (void)close(input->files[i].descriptor);
        }
    }
    sg_memory_free(input->files);
    sg_memory_free(input->chunk);
    sg_buffer_clear(&input->record);
    memset(input, 0, sizeof *input);
}
