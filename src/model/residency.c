/* SPDX-License-Identifier: Apache-2.0 */
/* Mapped files need nothing done; what may go wrong later is said now. */
#include "model/residency.h"

#include <stdint.h>

#include "base/cgroup.h"
#include "base/log.h"

#define MEGABYTE 1e6

static void compare_with_memory(const sg_shard_index *index, sg_load load, const sg_log *log) {
    uint64_t bytes = sg_shard_index_bytes(index);
    uint64_t available = sg_cgroup_available_memory("");
    const char *consequence = load == SG_LOAD_READ || load == SG_LOAD_LOCK
                                  ? "the program may be killed"
                                  : "what does not fit is read from disk again and again";
    sg_log_write(log, SG_LOG_LEVEL_INFO, "weights: %.1f MB in %zu files; memory at hand: %.1f MB",
                 (double)bytes / MEGABYTE, sg_shard_index_file_count(index),
                 (double)available / MEGABYTE);
    if (bytes > available) {
        sg_log_write(log, SG_LOG_LEVEL_WARNING,
                     "the weights have %.1f MB, the memory at hand is %.1f MB: %s",
                     (double)bytes / MEGABYTE, (double)available / MEGABYTE, consequence);
    }
}

sg_status sg_residency_apply(sg_shard_index *index, sg_load load, const sg_log *log,
                             sg_error *error) {
    sg_error reason;
    compare_with_memory(index, load, log);
    switch (load) {
    case SG_LOAD_READ:
        return sg_shard_index_read_in(index, error);
    case SG_LOAD_LOCK:
        if (sg_shard_index_lock(index, &reason) != SG_STATUS_OK) {
            sg_log_write(log, SG_LOG_LEVEL_WARNING,
                         "%s; the weights stay mapped (the limit is `ulimit -l`)", reason.message);
        }
        break;
    case SG_LOAD_AUTO:
    case SG_LOAD_MMAP:
        for (size_t i = 0; i < sg_shard_index_file_count(index); i++) {
            sg_mapped_file_expect_random(sg_shard_index_file(index, i));
        }
        break;
    }
    return SG_STATUS_OK;
}

static void announce(const sg_matrix *matrix) {
    if (matrix->data != NULL) {
        sg_mapped_file_announce(matrix->data,
                                matrix->rows * matrix->columns * sg_weight_type_size(matrix->type));
    }
}

static void announce_attention(const sg_attention_weights *attention) {
    announce(&attention->norm);
    announce(&attention->q);
    announce(&attention->k);
    announce(&attention->v);
    announce(&attention->o);
}

void sg_residency_announce_expert(const sg_ffn *expert) {
    announce(&expert->wi);
    announce(&expert->wi_1);
    announce(&expert->wo);
}

void sg_residency_announce_dense(const sg_weights *weights) {
    for (int stack = SG_STACK_ENCODER; stack <= SG_STACK_DECODER; stack++) {
        const sg_stack_weights *from = &weights->stacks[stack];
        announce(&from->relative_bias);
        for (size_t i = 0; i < from->num_blocks; i++) {
            announce_attention(&from->blocks[i].self);
            announce_attention(&from->blocks[i].cross);
            announce(&from->blocks[i].ffn_norm);
            announce(&from->blocks[i].router.classifier);
            announce(&from->blocks[i].router.bias);
            sg_residency_announce_expert(&from->blocks[i].ffn);
        }
        announce(&from->final_norm);
    }
    announce(&weights->head);
}
