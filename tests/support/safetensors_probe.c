/* SPDX-License-Identifier: Apache-2.0 */
/* Paths in, verdicts out, for tools/reference/check_safetensors.py: each line of standard input
 * names a file; "ok NAMES" (number of tensors) or "refused MESSAGE" is written for it, one line
 * each, in order. */
#include <stdio.h>
#include <string.h>

#include "storage/mapped_file.h"
#include "storage/safetensors.h"

static sg_status probe(const char *path, size_t *count, sg_error *error) {
    sg_mapped_file mapping;
    sg_safetensors *file = NULL;
    sg_status status = sg_mapped_file_open(path, &mapping, error);
    if (status == SG_STATUS_OK) {
        status = sg_safetensors_open(path, mapping.data, mapping.size, &file, error);
    }
    if (status == SG_STATUS_OK) {
        *count = sg_safetensors_count(file);
    }
    sg_safetensors_close(file);
    sg_mapped_file_close(&mapping);
    return status;
}

int main(void) {
    char path[4096];
    while (fgets(path, sizeof path, stdin) != NULL) {
        sg_error error;
        size_t count = 0;
        path[strcspn(path, "\n")] = '\0';
        if (probe(path, &count, &error) == SG_STATUS_OK) {
            (void)printf("ok %zu\n", count);
        } else {
            (void)printf("refused %s\n", error.message);
        }
    }
    return fflush(stdout) == 0 && !ferror(stdin) ? 0 : 1;
}
