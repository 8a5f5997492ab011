/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a zip file of torch.
 *
 * Promises for what is accepted: names ascend and are found, each record lies in the file, no two
 * share a byte, and reading one either fails or gives its bytes. */
#include "fuzz/fuzz_target.h"

#include <string.h>

#include "storage/torch_zip.h"

#define MAX_PAIRS 64 /* records whose ranges are compared each with each */

static void use_zip(const sg_torch_zip *zip, const uint8_t *data, size_t size) {
    size_t count = sg_torch_zip_count(zip);
    FUZZ_REQUIRE(count > 0 && count <= SG_TORCH_ZIP_MAX_RECORDS);
    for (size_t i = 0; i < count; i++) {
        const sg_zip_record *record = sg_torch_zip_at(zip, i);
        const unsigned char *bytes = NULL;
        sg_error error;
        FUZZ_REQUIRE(record->offset <= size && record->size <= size - record->offset);
        FUZZ_REQUIRE(sg_torch_zip_find(zip, record->name) == record);
        FUZZ_REQUIRE(i == 0 || strcmp(sg_torch_zip_at(zip, i - 1)->name, record->name) < 0);
        if (sg_torch_zip_read(zip, record, &bytes, &error) == SG_STATUS_OK) {
            FUZZ_REQUIRE(bytes == (record->size == 0 ? NULL : data + record->offset));
        }
        for (size_t k = 0; k < i && i < MAX_PAIRS; k++) {
            const sg_zip_record *other = sg_torch_zip_at(zip, k);
            FUZZ_REQUIRE(other->offset + other->size <= record->offset ||
                         record->offset + record->size <= other->offset);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sg_torch_zip *zip = NULL;
    sg_error error;
    sg_status status = sg_torch_zip_open("fuzz", data, size, &zip, &error);
    FUZZ_REQUIRE(status == SG_STATUS_OK || status == SG_STATUS_MODEL ||
                 status == SG_STATUS_UNSUPPORTED);
    FUZZ_REQUIRE((zip != NULL) == (status == SG_STATUS_OK));
    if (zip != NULL) {
        use_zip(zip, data, size);
    }
    sg_torch_zip_close(zip);
    return 0;
}
