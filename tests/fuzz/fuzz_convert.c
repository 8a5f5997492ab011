/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as pytorch_model.bin, converted whole, twice: as they are, and as the pickle of an
 * otherwise good file, so that the fuzzer need not guess sums and lengths.
 *
 * Promises: what is converted is a checkpoint that the reader takes; what is refused leaves nothing
 * behind. */
#include "fuzz/fuzz_target.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/conversion.h"
#include "storage/shard_index.h"
#include "support/temp_dir.h"
#include "support/torch_bytes.h"

/* One folder for all runs of the process, in memory where there is such a place. */
static const temp_dir *work_folder(void) {
    static temp_dir dir;
    if (dir.path[0] == '\0') {
        if (access("/dev/shm", W_OK) == 0) {
            (void)setenv("TMPDIR", "/dev/shm", 0);
        }
        dir = temp_dir_create();
    }
    return &dir;
}

static void convert(const uint8_t *data, size_t size, unsigned choice) {
    temp_dir inner = *work_folder();
    sg_conversion_options options = {.dtype = (sg_conversion_dtype)(choice % 4),
                                     .max_shard_bytes = choice % 3 == 0 ? 16 : 1000000};
    sg_conversion_summary summary;
    sg_error error;
    sg_status status;
    (void)mkdir(inner.path, 0777);
    (void)mkdir(temp_dir_path(&inner, "in"), 0777);
    (void)temp_dir_write(&inner, "in/pytorch_model.bin", data, size);
    status = sg_conversion_run(temp_dir_path(&inner, "in"), temp_dir_path(&inner, "out"), &options,
                               &summary, &error);
    FUZZ_REQUIRE(access(temp_dir_path(&inner, "out.part"), F_OK) != 0);
    FUZZ_REQUIRE((access(temp_dir_path(&inner, "out"), F_OK) == 0) == (status == SG_STATUS_OK));
    if (status == SG_STATUS_OK) {
        sg_shard_index *index = NULL;
        FUZZ_REQUIRE(sg_shard_index_open(temp_dir_path(&inner, "out"), &index, &error) ==
                     SG_STATUS_OK);
        FUZZ_REQUIRE(sg_shard_index_count(index) == summary.tensors);
        sg_shard_index_close(index);
    } else {
        FUZZ_REQUIRE(status == SG_STATUS_MODEL || status == SG_STATUS_UNSUPPORTED);
    }
    temp_dir_remove(&inner);
}

static void convert_as_pickle(const uint8_t *data, size_t size) {
    static test_zip zip;
    static const unsigned char values[96];
    memset(&zip, 0, sizeof zip);
    test_zip_add(&zip, "m/data.pkl", data, size);
    test_zip_add(&zip, "m/data/0", values, 96);
    test_zip_add(&zip, "m/data/1", values, 8);
    test_zip_add(&zip, "m/data/2", NULL, 0);
    test_zip_finish(&zip, 0);
    convert(zip.bytes.data, zip.bytes.length, size == 0 ? 0 : data[size / 2]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    convert(data, size, (unsigned)size);
    if (size < 32768) {
        convert_as_pickle(data, size);
    }
    return 0;
}
