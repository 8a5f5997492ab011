/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of a zip file, as torch's writer lays it out, to a checked list of its records.
 *
 *     [local header, data, data descriptor] ... [central directory] [Zip64 record, locator] [end
 * record]
 *
 * Two readers that disagree about a zip are how archives deceive (picklescan CVE-2025-1944, 1945),
 * so everything that is written twice must agree, and every byte range must be the only one: the
 * central directory ends where the end records begin, the records lie before it and do not overlap.
 * No number of the file sizes an allocation: the list grows as entries are read, and an entry takes
 * 46 bytes of the file.
 *
 * What torch 1.13 to 2.13 write (looked at): method 0; flags bit 11, and bit 3 with zeroes in the
 * local header and a descriptor behind the data unless the record is empty; a local extra field
 * "FB" that puts the data on a multiple of 64; Zip64 end records always, Zip64 extra fields and
 * 24-byte descriptors from 4 GiB on. */
#include "storage/torch_zip.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

/* Sizes and signatures: PKWARE APPNOTE 6.3.10, sections 4.3.7 to 4.3.16. */
#define END_SIZE 22u
#define END_SIGNATURE 0x06054b50u
#define LOCATOR_SIZE 20u
#define LOCATOR_SIGNATURE 0x07064b50u
#define END64_SIZE 56u
#define END64_SIGNATURE 0x06064b50u
#define CENTRAL_SIZE 46u
#define CENTRAL_SIGNATURE 0x02014b50u
#define LOCAL_SIZE 30u
#define LOCAL_SIGNATURE 0x04034b50u
#define DESCRIPTOR_SIGNATURE 0x08074b50u
#define DESCRIPTOR_SIZE 16u
#define DESCRIPTOR64_SIZE 24u
#define EXTRA_ZIP64 0x0001u
#define MAX_COMMENT 65535u
#define MAX_NAME 512u
#define SENTINEL16 0xffffu
#define SENTINEL32 0xffffffffu

#define FLAG_DESCRIPTOR 0x0008u /* bit 3: sizes and CRC follow the data */
#define FLAG_UTF8 0x0800u       /* bit 11 */

/* Bytes of a name to show. */
#define SHOWN 100

struct sg_torch_zip {
    const char *file;
    const unsigned char *bytes;
    size_t length;
    sg_zip_record *records; /* [count] */
    size_t count, capacity;
    char *names; /* all names, one after the other */
};

/* What the end records say. */
typedef struct end_records {
    uint64_t count;
    uint64_t directory_offset, directory_size;
    size_t begin; /* where the first end record lies: the central directory must end there */
} end_records;

/* One entry of the central directory. */
typedef struct central_entry {
    unsigned flags, method;
    uint32_t crc;
    uint64_t packed_size, size, header_offset;
    const unsigned char *name;
    size_t name_length;
    size_t end; /* of its data and descriptor; known after its local header was read */
} central_entry;

typedef struct zip_reader {
    sg_torch_zip *zip;
    end_records end;
    central_entry *entries; /* [zip->count] */
    size_t capacity;
    sg_error *error;
} zip_reader;

static unsigned read16(const unsigned char *bytes) {
    return (unsigned)bytes[0] | (unsigned)bytes[1] << 8;
}

static uint32_t read32(const unsigned char *bytes) {
    return (uint32_t)read16(bytes) | (uint32_t)read16(bytes + 2) << 16;
}

static uint64_t read64(const unsigned char *bytes) {
    return (uint64_t)read32(bytes) | (uint64_t)read32(bytes + 4) << 32;
}

static sg_status refuse(const zip_reader *reader, const char *what) {
    return sg_error_set(reader->error, SG_STATUS_MODEL, "%s: zip: %s", reader->zip->file, what);
}

static sg_status refuse_entry(const zip_reader *reader, const central_entry *entry,
                              const char *what) {
    size_t length = entry->name_length < SHOWN ? entry->name_length : SHOWN;
    return sg_error_set(reader->error, SG_STATUS_MODEL, "%s: zip: record \"%.*s\": %s",
                        reader->zip->file, (int)length, (const char *)entry->name, what);
}

/* --- the end records ---------------------------------------------------------------------------
 */

/* The end record is searched from the back; its comment must reach exactly to the file's end. A
 * second place that fits would let another reader see another archive. */
static sg_status find_end(const zip_reader *reader, size_t *position) {
    const sg_torch_zip *zip = reader->zip;
    size_t least;
    bool found = false;
    if (zip->length < END_SIZE) {
        return refuse(reader, "shorter than an end record");
    }
    least = zip->length - END_SIZE < MAX_COMMENT ? 0 : zip->length - END_SIZE - MAX_COMMENT;
    for (size_t at = zip->length - END_SIZE + 1; at-- > least;) {
        const unsigned char *bytes = zip->bytes + at;
        if (read32(bytes) == END_SIGNATURE && read16(bytes + 20) == zip->length - END_SIZE - at) {
            if (found) {
                return refuse(reader, "two end records fit the end of the file");
            }
            found = true;
            *position = at;
        }
    }
    return found ? SG_STATUS_OK
                 : refuse(reader, "no end record fits the end of the file; it may be cut short");
}

/* A field of the end record is its Zip64 value, or the sentinel that points to it. */
static bool agrees(uint64_t narrow, uint64_t sentinel, uint64_t wide) {
    return narrow == wide || narrow == sentinel;
}

static sg_status read_end64(const zip_reader *reader, const unsigned char *end, size_t locator,
                            end_records *out) {
    const unsigned char *at = reader->zip->bytes + locator;
    uint64_t offset = read64(at + 8);
    const unsigned char *record;
    uint64_t size;
    if (read32(at + 4) != 0 || read32(at + 16) != 1) {
        return refuse(reader, "the Zip64 locator names more than one disk");
    }
    if (offset > locator || locator - offset < END64_SIZE) {
        return refuse(reader, "the Zip64 locator points outside the file");
    }
    record = reader->zip->bytes + offset;
    size = read64(record + 4);
    if (read32(record) != END64_SIGNATURE || size != locator - offset - 12) {
        return refuse(reader, "the Zip64 locator does not point to a Zip64 end record before it");
    }
    if (read32(record + 16) != 0 || read32(record + 20) != 0) {
        return refuse(reader, "the Zip64 end record names more than one disk");
    }
    out->count = read64(record + 32);
    out->directory_size = read64(record + 40);
    out->directory_offset = read64(record + 48);
    out->begin = (size_t)offset;
    if (read64(record + 24) != out->count || !agrees(read16(end + 8), SENTINEL16, out->count) ||
        !agrees(read16(end + 10), SENTINEL16, out->count) ||
        !agrees(read32(end + 12), SENTINEL32, out->directory_size) ||
        !agrees(read32(end + 16), SENTINEL32, out->directory_offset)) {
        return refuse(reader, "the Zip64 end record and the end record disagree");
    }
    return SG_STATUS_OK;
}

static sg_status read_end(zip_reader *reader) {
    end_records *out = &reader->end;
    size_t position = 0;
    const unsigned char *end;
    SG_TRY(find_end(reader, &position));
    end = reader->zip->bytes + position;
    if (read16(end + 4) != 0 || read16(end + 6) != 0) {
        return refuse(reader, "it spans more than one disk");
    }
    if (position >= LOCATOR_SIZE &&
        read32(reader->zip->bytes + position - LOCATOR_SIZE) == LOCATOR_SIGNATURE) {
        SG_TRY(read_end64(reader, end, position - LOCATOR_SIZE, out));
    } else {
        /* 65,535 entries without Zip64 are legal: sentinels are only numbers here. */
        *out = (end_records){.count = read16(end + 10),
                             .directory_size = read32(end + 12),
                             .directory_offset = read32(end + 16),
                             .begin = position};
        if (read16(end + 8) != out->count) {
            return refuse(reader, "it spans more than one disk");
        }
    }
    if (out->count > SG_TORCH_ZIP_MAX_RECORDS) {
        return refuse(reader, "more than 100000 records");
    }
    if (out->directory_offset > out->begin ||
        out->directory_size != out->begin - out->directory_offset) {
        return refuse(reader, "the central directory does not end where the end records begin");
    }
    return SG_STATUS_OK;
}

/* --- one entry ---------------------------------------------------------------------------------
 */

/* The one Zip64 field of extra[0..length), or NULL with *size 0. False if the fields do not fill
 * `length`, or there are two. */
static bool find_zip64(const unsigned char *extra, size_t length, const unsigned char **field,
                       size_t *size) {
    size_t at = 0;
    *field = NULL;
    *size = 0;
    while (at < length) {
        size_t field_size;
        if (length - at < 4) {
            return false;
        }
        field_size = read16(extra + at + 2);
        if (field_size > length - at - 4) {
            return false;
        }
        if (read16(extra + at) == EXTRA_ZIP64) {
            if (*field != NULL) {
                return false;
            }
            *field = extra + at + 4;
            *size = field_size;
        }
        at += 4 + field_size;
    }
    return true;
}

/* Fill each value that is the sentinel from the Zip64 field, which must hold exactly these. */
static sg_status widen(const zip_reader *reader, central_entry *entry, const unsigned char *extra,
                       size_t extra_length) {
    uint64_t *values[3] = {&entry->size, &entry->packed_size, &entry->header_offset};
    const unsigned char *field;
    size_t size;
    size_t used = 0;
    if (!find_zip64(extra, extra_length, &field, &size)) {
        return refuse_entry(reader, entry, "its extra fields are damaged");
    }
    for (size_t i = 0; i < 3; i++) {
        if (*values[i] != SENTINEL32) {
            continue;
        }
        if (size - used < 8) {
            return refuse_entry(reader, entry, "a size of 0xFFFFFFFF without its Zip64 field");
        }
        *values[i] = read64(field + used);
        used += 8;
    }
    return used == size ? SG_STATUS_OK
                        : refuse_entry(reader, entry, "its Zip64 field holds what nothing needs");
}

/* A path that stays below where it is put: no root, no "..", no empty part, no control character.
 */
static const char *name_problem(const unsigned char *name, size_t length) {
    size_t part = 0;
    if (length == 0 || length > MAX_NAME) {
        return "its name is empty or longer than 512 bytes";
    }
    if (!sg_utf8_is_valid((const char *)name, length, NULL)) {
        return "its name is not UTF-8";
    }
    for (size_t i = 0; i <= length; i++) {
        if (i < length && (name[i] < 0x20 || name[i] == 0x7f || name[i] == '\\')) {
            return "its name holds a control character or a backslash";
        }
        if (i == length || name[i] == '/') {
            size_t size = i - part;
            if (size == 0 || (size <= 2 && memcmp(name + part, "..", size) == 0)) {
                return "its name is absolute, or has an empty part, \".\" or \"..\"";
            }
            part = i + 1;
        }
    }
    return NULL;
}

/* TorchScript keeps its program, compressed, in FOLDER/code/. */
static bool is_code(const central_entry *entry) {
    static const char code[] = "/code/";
    const unsigned char *slash = memchr(entry->name, '/', entry->name_length);
    size_t left = slash == NULL ? 0 : entry->name_length - (size_t)(slash - entry->name);
    return left >= sizeof code - 1 && memcmp(slash, code, sizeof code - 1) == 0;
}

static sg_status check_entry(const zip_reader *reader, const central_entry *entry) {
    const char *problem = name_problem(entry->name, entry->name_length);
    if (problem == NULL && is_code(entry)) {
        return sg_error_set(reader->error, SG_STATUS_UNSUPPORTED,
                            "%s: a TorchScript program, expected tensors only", reader->zip->file);
    }
    if (problem != NULL) {
        return refuse_entry(reader, entry, problem);
    }
    if ((entry->flags & 0x2041u) != 0) {
        return refuse_entry(reader, entry, "encrypted");
    }
    if ((entry->flags & ~(FLAG_DESCRIPTOR | FLAG_UTF8)) != 0) {
        return refuse_entry(reader, entry, "flags other than bit 3 and bit 11");
    }
    if (entry->method != 0) {
        return refuse_entry(reader, entry, "compressed, expected method 0 (stored)");
    }
    if (entry->packed_size != entry->size) {
        return refuse_entry(reader, entry, "stored, but its two sizes differ");
    }
    return SG_STATUS_OK;
}

static sg_status add_entry(zip_reader *reader, const central_entry *entry) {
    if (reader->zip->count == reader->capacity) {
        size_t larger = reader->capacity == 0 ? 64 : reader->capacity * 2;
        central_entry *moved = sg_memory_resize(reader->entries, larger, sizeof *moved);
        if (moved == NULL) {
            return sg_memory_error(reader->error, "a zip directory", larger * sizeof *moved);
        }
        reader->entries = moved;
        reader->capacity = larger;
    }
    reader->entries[reader->zip->count++] = *entry;
    return SG_STATUS_OK;
}

/* Read the entry at *at; move *at behind it. */
static sg_status read_entry(zip_reader *reader, size_t *at) {
    const unsigned char *bytes = reader->zip->bytes + *at;
    size_t left = reader->end.begin - *at;
    size_t variable;
    central_entry entry;
    if (left < CENTRAL_SIZE || read32(bytes) != CENTRAL_SIGNATURE) {
        return refuse(reader, "the central directory is damaged");
    }
    entry = (central_entry){.flags = read16(bytes + 8),
                            .method = read16(bytes + 10),
                            .crc = read32(bytes + 16),
                            .packed_size = read32(bytes + 20),
                            .size = read32(bytes + 24),
                            .name_length = read16(bytes + 28),
                            .header_offset = read32(bytes + 42),
                            .name = bytes + CENTRAL_SIZE};
    variable = entry.name_length + read16(bytes + 30) + read16(bytes + 32);
    if (variable > left - CENTRAL_SIZE) {
        return refuse(reader, "the central directory is damaged");
    }
    if (read16(bytes + 34) != 0) {
        return refuse_entry(reader, &entry, "on another disk");
    }
    SG_TRY(check_entry(reader, &entry));
    SG_TRY(widen(reader, &entry, entry.name + entry.name_length, read16(bytes + 30)));
    SG_TRY(check_entry(reader, &entry));
    *at += CENTRAL_SIZE + variable;
    return add_entry(reader, &entry);
}

static sg_status read_directory(zip_reader *reader) {
    size_t at = (size_t)reader->end.directory_offset;
    for (uint64_t i = 0; i < reader->end.count; i++) {
        SG_TRY(read_entry(reader, &at));
    }
    return at == reader->end.begin
               ? SG_STATUS_OK
               : refuse(reader, "the central directory holds more than its entries");
}

/* --- the local headers -------------------------------------------------------------------------
 */

/* A value of a local header: equal to the central one, or, with a descriptor behind the data, left
 * at 0. */
static bool local_agrees(uint64_t local, uint64_t central, bool descriptor) {
    return local == central || (descriptor && local == 0);
}

/* CRC and sizes of the local header; sentinels stand for the values of its Zip64 field. Without a
 * sentinel that field means nothing (torch's writer puts the offset there). */
static sg_status check_local_sizes(const zip_reader *reader, const central_entry *entry,
                                   const unsigned char *local, const unsigned char *extra) {
    bool descriptor = (entry->flags & FLAG_DESCRIPTOR) != 0;
    uint64_t packed = read32(local + 18);
    uint64_t size = read32(local + 22);
    const unsigned char *field;
    size_t length;
    if (packed == SENTINEL32 || size == SENTINEL32) {
        if (!find_zip64(extra, read16(local + 28), &field, &length) || length < 16 ||
            packed != size) {
            return refuse_entry(reader, entry, "a size of 0xFFFFFFFF without its Zip64 field");
        }
        size = read64(field);
        packed = read64(field + 8);
    }
    if (!local_agrees(read32(local + 14), entry->crc, descriptor) ||
        !local_agrees(packed, entry->size, descriptor) ||
        !local_agrees(size, entry->size, descriptor)) {
        return refuse_entry(reader, entry,
                            "size or CRC differ between local header and central directory");
    }
    return SG_STATUS_OK;
}

/* The descriptor behind the data at `end`, of 32-bit or 64-bit sizes; *length is what it takes. */
static sg_status check_descriptor(const zip_reader *reader, const central_entry *entry, size_t end,
                                  size_t *length) {
    const unsigned char *bytes = reader->zip->bytes + end;
    size_t left = (size_t)reader->end.directory_offset - end;
    *length = 0;
    if (left >= DESCRIPTOR_SIZE && read32(bytes) == DESCRIPTOR_SIGNATURE &&
        read32(bytes + 4) == entry->crc) {
        if (read32(bytes + 8) == entry->size && read32(bytes + 12) == entry->size) {
            *length = DESCRIPTOR_SIZE;
        } else if (left >= DESCRIPTOR64_SIZE && read64(bytes + 8) == entry->size &&
                   read64(bytes + 16) == entry->size) {
            *length = DESCRIPTOR64_SIZE;
        }
    }
    return *length > 0
               ? SG_STATUS_OK
               : refuse_entry(reader, entry, "the descriptor behind its data does not agree");
}

/* Check the local header against `entry`; *data is where the data begins. */
static sg_status check_local(const zip_reader *reader, central_entry *entry, size_t *data) {
    size_t limit = (size_t)reader->end.directory_offset;
    const unsigned char *local;
    size_t left;
    size_t variable;
    size_t descriptor = 0;
    if (entry->header_offset > limit || limit - entry->header_offset < LOCAL_SIZE) {
        return refuse_entry(reader, entry, "its header lies outside the file");
    }
    local = reader->zip->bytes + entry->header_offset;
    left = limit - (size_t)entry->header_offset - LOCAL_SIZE;
    if (read32(local) != LOCAL_SIGNATURE) {
        return refuse_entry(reader, entry, "no local header where the central directory says");
    }
    variable = (size_t)read16(local + 26) + read16(local + 28);
    if (variable > left || entry->size > left - variable) {
        return refuse_entry(reader, entry, "its data lies outside the file");
    }
    if (read16(local + 26) != entry->name_length ||
        memcmp(local + LOCAL_SIZE, entry->name, entry->name_length) != 0) {
        return refuse_entry(reader, entry, "its local header has another name");
    }
    if (read16(local + 6) != entry->flags || read16(local + 8) != entry->method) {
        return refuse_entry(reader, entry, "its local header has other flags or another method");
    }
    SG_TRY(check_local_sizes(reader, entry, local, local + LOCAL_SIZE + entry->name_length));
    *data = (size_t)entry->header_offset + LOCAL_SIZE + variable;
    entry->end = *data + (size_t)entry->size;
    if ((entry->flags & FLAG_DESCRIPTOR) != 0) {
        SG_TRY(check_descriptor(reader, entry, entry->end, &descriptor));
        entry->end += descriptor;
    }
    return SG_STATUS_OK;
}

static int by_offset(const void *a, const void *b) {
    uint64_t left = ((const central_entry *)a)->header_offset;
    uint64_t right = ((const central_entry *)b)->header_offset;
    return (left > right) - (left < right);
}

/* Records may not share bytes: that is how a small zip holds petabytes (Fifield 2019). */
static sg_status check_disjoint(const zip_reader *reader) {
    for (size_t i = 1; i < reader->zip->count; i++) {
        if (reader->entries[i].header_offset < reader->entries[i - 1].end) {
            return refuse_entry(reader, &reader->entries[i], "overlaps the record before it");
        }
    }
    return SG_STATUS_OK;
}

/* --- the list ----------------------------------------------------------------------------------
 */

/* Length of "FOLDER/", which all names begin with; 0 if there is none. */
static size_t folder_length(const central_entry *entry) {
    const unsigned char *slash = memchr(entry->name, '/', entry->name_length);
    return slash == NULL ? 0 : (size_t)(slash - entry->name) + 1;
}

static sg_status check_folder(const zip_reader *reader) {
    const central_entry *first = reader->entries;
    size_t length = reader->zip->count == 0 ? 0 : folder_length(first);
    if (reader->zip->count == 0) {
        return refuse(reader, "no record");
    }
    for (size_t i = 0; i < reader->zip->count; i++) {
        const central_entry *entry = &reader->entries[i];
        if (length == 0 || entry->name_length <= length ||
            memcmp(entry->name, first->name, length) != 0) {
            return refuse_entry(reader, entry, "not in the one folder that torch.save writes");
        }
    }
    return SG_STATUS_OK;
}

static sg_status reserve_records(const zip_reader *reader) {
    sg_torch_zip *zip = reader->zip;
    size_t text = 0;
    for (size_t i = 0; i < zip->count; i++) {
        text += reader->entries[i].name_length + 1;
    }
    zip->names = sg_memory_alloc(text, 1);
    zip->records = sg_memory_alloc(zip->count, sizeof *zip->records);
    return zip->names != NULL && zip->records != NULL
               ? SG_STATUS_OK
               : sg_memory_error(reader->error, "a zip directory",
                                 text + zip->count * sizeof *zip->records);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const sg_zip_record *)a)->name, ((const sg_zip_record *)b)->name);
}

/* Fill zip->records from the entries, checking each local header on the way. */
static sg_status list_records(zip_reader *reader) {
    sg_torch_zip *zip = reader->zip;
    size_t folder = folder_length(reader->entries);
    char *text = zip->names;
    for (size_t i = 0; i < zip->count; i++) {
        central_entry *entry = &reader->entries[i];
        sg_zip_record *record = &zip->records[i];
        size_t length = entry->name_length - folder;
        *record = (sg_zip_record){.name = text, .size = (size_t)entry->size, .crc = entry->crc};
        SG_TRY(check_local(reader, entry, &record->offset));
        memcpy(text, entry->name + folder, length);
        text[length] = '\0';
        text += length + 1;
    }
    qsort(zip->records, zip->count, sizeof *zip->records, by_name);
    for (size_t i = 1; i < zip->count; i++) {
        if (strcmp(zip->records[i - 1].name, zip->records[i].name) == 0) {
            return sg_error_set(reader->error, SG_STATUS_MODEL, "%s: zip: record \"%.*s\": twice",
                                zip->file, SHOWN, zip->records[i].name);
        }
    }
    return SG_STATUS_OK;
}

static sg_status read_zip(zip_reader *reader) {
    SG_TRY(read_end(reader));
    SG_TRY(read_directory(reader));
    SG_TRY(check_folder(reader));
    SG_TRY(reserve_records(reader));
    SG_TRY(list_records(reader));
    qsort(reader->entries, reader->zip->count, sizeof *reader->entries, by_offset);
    return check_disjoint(reader);
}

sg_status sg_torch_zip_open(const char *name, const unsigned char *bytes, size_t length,
                            sg_torch_zip **zip, sg_error *error) {
    zip_reader reader = {.error = error};
    sg_status status;
    reader.zip = sg_memory_alloc_zeroed(1, sizeof *reader.zip);
    if (reader.zip == NULL) {
        return sg_memory_error(error, "a zip directory", sizeof *reader.zip);
    }
    reader.zip->file = name;
    reader.zip->bytes = bytes;
    reader.zip->length = length;
    status = read_zip(&reader);
    sg_memory_free(reader.entries);
    if (status != SG_STATUS_OK) {
        sg_torch_zip_close(reader.zip);
        return status;
    }
    *zip = reader.zip;
    return SG_STATUS_OK;
}

void sg_torch_zip_close(sg_torch_zip *zip) {
    if (zip != NULL) {
        sg_memory_free(zip->records);
        sg_memory_free(zip->names);
        sg_memory_free(zip);
    }
}

size_t sg_torch_zip_count(const sg_torch_zip *zip) {
    return zip->count;
}

const sg_zip_record *sg_torch_zip_at(const sg_torch_zip *zip, size_t position) {
    assert(position < zip->count);
    return &zip->records[position];
}

const sg_zip_record *sg_torch_zip_find(const sg_torch_zip *zip, const char *name) {
    sg_zip_record key = {.name = name};
    return bsearch(&key, zip->records, zip->count, sizeof key, by_name);
}

uint32_t sg_torch_zip_crc32(uint32_t crc, const void *bytes, size_t length) {
    return (uint32_t)crc32_z(crc, bytes, length);
}

sg_status sg_torch_zip_wrong_crc(const char *file, const char *record, uint32_t found,
                                 uint32_t expected, sg_error *error) {
    return sg_error_set(error, SG_STATUS_MODEL,
                        "%s: zip: record \"%.*s\": its CRC-32 is %08x, expected %08x", file, SHOWN,
                        record, (unsigned)found, (unsigned)expected);
}

sg_status sg_torch_zip_read(const sg_torch_zip *zip, const sg_zip_record *record,
                            const unsigned char **bytes, sg_error *error) {
    uint32_t crc = 0;
    if (record->size > 0) {
        crc = sg_torch_zip_crc32(0, zip->bytes + record->offset, record->size);
    }
    if (crc != record->crc) {
        return sg_torch_zip_wrong_crc(zip->file, record->name, crc, record->crc, error);
    }
    *bytes = record->size > 0 ? zip->bytes + record->offset : NULL;
    return SG_STATUS_OK;
}
