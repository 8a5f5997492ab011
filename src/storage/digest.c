/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in, SHA-256 in hexadecimal out. A file is read in pieces, not mapped: its size costs no
 * memory, and a truncation meanwhile is a short read and no signal. */
#include "storage/digest.h"

#include <openssl/evp.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "storage/mapped_file.h"

#define SHA256_SIZE 32u
#define PIECE_SIZE 262144u

static sg_status library_error(sg_error *error) {
    return sg_error_set(error, SG_STATUS_INTERNAL, "libcrypto computes no SHA-256");
}

static void write_hex(const unsigned char sum[SHA256_SIZE], char hex[SG_DIGEST_HEX_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        hex[2 * i] = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 0x0fu];
    }
    hex[SG_DIGEST_HEX_SIZE - 1] = '\0';
}

static sg_status begin(EVP_MD_CTX **context, sg_error *error) {
    *context = EVP_MD_CTX_new();
    if (*context == NULL) {
        return sg_memory_error(error, "a checksum", SHA256_SIZE);
    }
    return EVP_DigestInit_ex(*context, EVP_sha256(), NULL) == 1 ? SG_STATUS_OK
                                                                : library_error(error);
}

static sg_status add(EVP_MD_CTX *context, const void *bytes, size_t length, sg_error *error) {
    return EVP_DigestUpdate(context, bytes, length) == 1 ? SG_STATUS_OK : library_error(error);
}

static sg_status finish(EVP_MD_CTX *context, char hex[SG_DIGEST_HEX_SIZE], sg_error *error) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_DigestFinal_ex(context, sum, &length) != 1 || length != SHA256_SIZE) {
        return library_error(error);
    }
    write_hex(sum, hex);
    return SG_STATUS_OK;
}

sg_status sg_digest_sha256(const void *bytes, size_t length, char hex[SG_DIGEST_HEX_SIZE],
                           sg_error *error) {
    EVP_MD_CTX *context = NULL;
    sg_status status = begin(&context, error);
    if (status == SG_STATUS_OK) {
        status = add(context, bytes, length, error);
    }
    if (status == SG_STATUS_OK) {
        status = finish(context, hex, error);
    }
    EVP_MD_CTX_free(context);
    return status;
}

static sg_status add_file(EVP_MD_CTX *context, int descriptor, const char *path,
                          bool (*stop)(void *), void *stop_context, sg_error *error) {
    unsigned char *piece = sg_memory_alloc(PIECE_SIZE, 1);
    size_t count = 1;
    sg_status status = SG_STATUS_OK;
    if (piece == NULL) {
        return sg_memory_error(error, "reading a file", PIECE_SIZE);
    }
    while (count > 0 && status == SG_STATUS_OK) {
        if (stop != NULL && stop(stop_context)) {
            status = sg_error_set(error, SG_STATUS_IO, "%s: stopped before the end", path);
            break;
        }
        status = sg_file_read(descriptor, path, piece, PIECE_SIZE, &count, error);
        if (status == SG_STATUS_OK) {
            status = add(context, piece, count, error);
        }
    }
    sg_memory_free(piece);
    return status;
}

sg_status sg_digest_sha256_file(const char *path, char hex[SG_DIGEST_HEX_SIZE], sg_error *error) {
    return sg_digest_sha256_file_until(path, NULL, NULL, hex, error);
}

sg_status sg_digest_sha256_file_until(const char *path, bool (*stop)(void *context),
                                      void *stop_context, char hex[SG_DIGEST_HEX_SIZE],
                                      sg_error *error) {
    EVP_MD_CTX *context = NULL;
    sg_file_identity identity;
    int descriptor;
    sg_status status;
    SG_TRY(sg_file_open(path, &descriptor, &identity, error));
    status = begin(&context, error);
    if (status == SG_STATUS_OK) {
        status = add_file(context, descriptor, path, stop, stop_context, error);
    }
    if (status == SG_STATUS_OK) {
        status = finish(context, hex, error);
    }
    EVP_MD_CTX_free(context);
    (void)close(descriptor);
    return status;
}
