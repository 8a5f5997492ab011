/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against the vectors of FIPS 180-2 and of files in pieces. */
#include "support/temp_dir.h"
#include "support/test.h"

#include <sys/stat.h>

#include "storage/digest.h"

static void the_standard_vectors_hold(void) {
    char hex[SG_DIGEST_HEX_SIZE];
    CHECK_INT(sg_digest_sha256("abc", 3, hex, NULL), SG_STATUS_OK);
    CHECK_TEXT(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_INT(sg_digest_sha256("", 0, hex, NULL), SG_STATUS_OK);
    CHECK_TEXT(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_INT(
        sg_digest_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex, NULL),
        SG_STATUS_OK);
    CHECK_TEXT(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* A million times 'a' (FIPS 180-2, B.3) spans several pieces. */
static void files_are_read_in_pieces(void) {
    static char million[1000000];
    char hex[SG_DIGEST_HEX_SIZE];
    temp_dir dir = temp_dir_create();
    const char *path;
    memset(million, 'a', sizeof million);
    path = temp_dir_write(&dir, "a", million, sizeof million);
    CHECK_INT(sg_digest_sha256_file(path, hex, NULL), SG_STATUS_OK);
    CHECK_TEXT(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    path = temp_dir_write(&dir, "empty", "", 0);
    CHECK_INT(sg_digest_sha256_file(path, hex, NULL), SG_STATUS_OK);
    CHECK_TEXT(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    temp_dir_remove(&dir);
}

static void what_is_no_file_is_refused(void) {
    temp_dir dir = temp_dir_create();
    char hex[SG_DIGEST_HEX_SIZE];
    const char *fifo = temp_dir_path(&dir, "fifo");
    CHECK_INT(mkfifo(fifo, 0600), 0);
    CHECK_INT(sg_digest_sha256_file(fifo, hex, NULL), SG_STATUS_MODEL);
    CHECK_INT(sg_digest_sha256_file(dir.path, hex, NULL), SG_STATUS_MODEL);
    CHECK_INT(sg_digest_sha256_file(temp_dir_path(&dir, "none"), hex, NULL), SG_STATUS_NOT_FOUND);
    temp_dir_remove(&dir);
}

int main(void) {
    TEST(the_standard_vectors_hold);
    TEST(files_are_read_in_pieces);
    TEST(what_is_no_file_is_refused);
    return test_end();
}
