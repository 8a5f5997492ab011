/* SPDX-License-Identifier: Apache-2.0 */
/* A folder in, a checked and bound model out. */
#include "model/model.h"

#include "base/error.h"
#include "model/reconcile.h"
#include "model/residency.h"

static int64_t resolve_capacity(const sg_engine_options *options, const sg_model_config *config) {
    switch (options->capacity_mode) {
    case SG_CAPACITY_MODE_OFF:
        return INT64_MAX;
    case SG_CAPACITY_MODE_FIXED:
        return options->capacity;
    case SG_CAPACITY_MODE_CONFIG:
        break;
    }
    return config->expert_capacity;
}

sg_status sg_model_open(const char *directory, const sg_engine_options *options, sg_model *model,
                        sg_error *error) {
    sg_status status;
    *model = (sg_model){0};
    status = sg_model_config_read(directory, &model->config, error);
    if (status == SG_STATUS_OK) {
        status = sg_shard_index_open(directory, &model->index, error);
    }
    if (status == SG_STATUS_OK) {
        sg_model_reconcile(&model->config, model->index, &options->log);
        status = sg_generation_config_read(directory, options->generation_config, &model->config,
                                           &options->log, &model->generation, error);
    }
    if (status == SG_STATUS_OK) {
        status =
            sg_weights_bind(&model->config, model->index, &options->log, &model->weights, error);
        if (status != SG_STATUS_OK) {
            status = sg_error_prefix(error, status, "%s", directory);
        }
    }
    if (status == SG_STATUS_OK) {
        status = sg_residency_apply(model->index, options->load, &options->log, error);
    }
    if (status != SG_STATUS_OK) {
        sg_model_close(model);
        return status;
    }
    model->capacity = resolve_capacity(options, &model->config);
    return SG_STATUS_OK;
}

void sg_model_close(sg_model *model) {
    sg_weights_clear(&model->weights);
    sg_shard_index_close(model->index);
    *model = (sg_model){0};
}
