/* SPDX-License-Identifier: Apache-2.0 */
/* Every stage of the model against the reference's own values: embedding, attention, router,
 * feed-forward, states, and the logits of every decoder step. Guards the formulas of
 * models/README.md. */
#include "support/test.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "math/matmul.h"
#include "model/decoder.h"
#include "model/encoder.h"
#include "model/lm_head.h"
#include "model/model.h"
#include "storage/mapped_file.h"
#include "storage/safetensors.h"

/* Largest distance, as a part of the tensor's largest value. */
#define TOLERANCE 1e-5

/* One run over one checkpoint: what the probe compares with, and what it needs to tell a sublayer's
 * output from the states it was added to. */
typedef struct stage_run {
    const sg_safetensors *expected;
    char prefix[64]; /* "encoder" or "decoder.step.3" */
    bool complete;   /* the reference wrote every tensor of this stretch, not the logits alone */
    float *residual; /* [rows, D] states so far, without the feed-forward of the present block */
    size_t rows, d_model;
    size_t compared;
    double worst;
} stage_run;

static const sg_tensor *find(const stage_run *run, const char *rest) {
    char name[160];
    (void)snprintf(name, sizeof name, "%s.%s", run->prefix, rest);
    const sg_tensor *tensor = sg_safetensors_find(run->expected, name);
    if (tensor == NULL) {
        test_failures++;
        printf("the fixture lacks %s\n", name);
    }
    return tensor;
}

static void compare(stage_run *run, const char *rest, const float *found, size_t first,
                    size_t count) {
    const sg_tensor *tensor = find(run, rest);
    double largest = 0.0;
    double distance = 0.0;
    if (tensor == NULL) {
        return;
    }
    CHECK(first + count <= tensor->size / sizeof(float));
    for (size_t i = 0; i < tensor->size / sizeof(float); i++) {
        float value;
        memcpy(&value, tensor->data + i * sizeof value, sizeof value);
        largest = fmax(largest, fabs((double)value));
    }
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, tensor->data + (first + i) * sizeof value, sizeof value);
        distance = fmax(distance, isfinite(found[i]) ? fabs((double)found[i] - (double)value)
                                                     : (double)INFINITY);
    }
    run->compared++;
    run->worst = fmax(run->worst, distance / largest);
    test_checks++;
    if (!(distance <= TOLERANCE * largest)) {
        test_failures++;
        printf("%s.%s differs by %g of %g\n", run->prefix, rest, distance, largest);
    }
}

static void see(void *context, sg_stack stack, size_t block, sg_probe_point point, size_t first_row,
                const float *values, size_t rows, size_t columns) {
    stage_run *run = context;
    char rest[64];
    float *residual = run->residual + first_row * columns;
    (void)stack;
    if (!run->complete) {
        return;
    }
    switch (point) {
    case SG_PROBE_POINT_EMBEDDING:
        compare(run, "embedding", values, first_row * columns, rows * columns);
        memcpy(residual, values, rows * columns * sizeof *values);
        break;
    case SG_PROBE_POINT_SELF_ATTENTION:
    case SG_PROBE_POINT_CROSS_ATTENTION:
        (void)snprintf(rest, sizeof rest, "block.%zu.%s", block,
                       point == SG_PROBE_POINT_SELF_ATTENTION ? "self_attention"
                                                              : "cross_attention");
        compare(run, rest, values, first_row * columns, rows * columns);
        for (size_t i = 0; i < rows * columns; i++) {
            residual[i] += values[i];
        }
        break;
    case SG_PROBE_POINT_BLOCK:
        for (size_t i = 0; i < rows * columns; i++) {
            residual[i] = values[i] - residual[i];
        }
        (void)snprintf(rest, sizeof rest, "block.%zu.ffn", block);
        compare(run, rest, residual, 0, rows * columns);
        (void)snprintf(rest, sizeof rest, "block.%zu.hidden", block);
        compare(run, rest, values, 0, rows * columns);
        memcpy(residual, values, rows * columns * sizeof *values);
        break;
    case SG_PROBE_POINT_OUTPUT:
        compare(run, "output", values, first_row * columns, rows * columns);
        break;
    }
}

static void see_routing(void *context, sg_stack stack, size_t block, const int32_t *expert,
                        const float *gate, size_t tokens) {
    stage_run *run = context;
    char rest[64];
    (void)stack;
    if (!run->complete) {
        return;
    }
    (void)snprintf(rest, sizeof rest, "block.%zu.router.gate", block);
    compare(run, rest, gate, 0, tokens);
    (void)snprintf(rest, sizeof rest, "block.%zu.router.expert", block);
    const sg_tensor *experts = find(run, rest);
    (void)snprintf(rest, sizeof rest, "block.%zu.router.kept", block);
    const sg_tensor *kept = find(run, rest);
    for (size_t i = 0; experts != NULL && kept != NULL && i < tokens; i++) {
        int32_t expected;
        int32_t is_kept;
        memcpy(&expected, experts->data + i * sizeof expected, sizeof expected);
        memcpy(&is_kept, kept->data + i * sizeof is_kept, sizeof is_kept);
        CHECK_INT(expert[i], is_kept != 0 ? expected : -1);
    }
}

static int32_t *read_ids(const stage_run *run, const char *name, size_t *count) {
    const sg_tensor *tensor = sg_safetensors_find(run->expected, name);
    int32_t *ids;
    CHECK(tensor != NULL && tensor->dtype == SG_DTYPE_I32);
    *count = tensor->size / sizeof *ids;
    ids = malloc(tensor->size);
    memcpy(ids, tensor->data, tensor->size);
    return ids;
}

static void run_encoder(const sg_model *model, sg_matmul *matmul, stage_run *run,
                        const int32_t *ids, size_t length, float *states, const sg_probe *probe) {
    const size_t offsets[2] = {0, length};
    const sg_sequences sequences = {offsets, 1};
    sg_encoder_outcome outcome;
    sg_arena arena;
    (void)snprintf(run->prefix, sizeof run->prefix, "encoder");
    run->complete = true;
    CHECK_INT(sg_arena_init(&arena,
                            sg_encoder_scratch(model, &sequences,
                                               sg_thread_pool_count(sg_matmul_pool(matmul))),
                            NULL),
              SG_STATUS_OK);
    sg_encoder_run(model, matmul, ids, &sequences, states, &outcome, &arena, probe);
    CHECK(outcome.non_finite_block == SIZE_MAX);
    CHECK_INT(arena.used, 0);
    sg_arena_clear(&arena);
}

static void run_decoder(const sg_model *model, sg_matmul *matmul, stage_run *run,
                        const float *states, size_t length, const sg_probe *probe) {
    const size_t offsets[2] = {0, length};
    const sg_sequences sequences = {offsets, 1};
    size_t vocabulary = model->config.vocab_size;
    size_t steps = 0;
    int32_t *fed = read_ids(run, "decoder.input_ids", &steps);
    float *hidden = malloc(model->config.d_model * sizeof *hidden);
    float *logits = malloc(vocabulary * sizeof *logits);
    sg_kv_cache cache;
    sg_kv_cache *caches[1] = {&cache};
    sg_decoder *decoder = NULL;
    CHECK_INT(sg_kv_cache_init(&cache, model->weights.stacks[SG_STACK_DECODER].num_blocks,
                               sg_model_config_attention_width(&model->config), 1, steps, length,
                               NULL),
              SG_STATUS_OK);
    CHECK_INT(sg_decoder_create(model, matmul, 1, steps, length, &decoder, NULL), SG_STATUS_OK);
    sg_decoder_read_source(decoder, &sequences, states, caches);
    for (size_t step = 0; step < steps; step++) {
        sg_decoder_row row = {&cache, 0, fed[step]};
        (void)snprintf(run->prefix, sizeof run->prefix, "decoder.step.%zu", step);
        run->complete = step == 0 || step == steps - 1;
        sg_decoder_step(decoder, &row, 1, hidden, probe);
        sg_lm_head_score(model, matmul, hidden, 1, logits);
        compare(run, "logits", logits, 0, vocabulary);
        sg_kv_cache_reorder(&cache, (const int32_t[]){0}, 1);
    }
    sg_decoder_destroy(decoder);
    sg_kv_cache_clear(&cache);
    free(logits);
    free(hidden);
    free(fed);
}

static void run_checkpoint(const char *name, sg_matmul_backend backend, unsigned threads) {
    char path[512];
    sg_mapped_file file;
    sg_safetensors *expected = NULL;
    sg_engine_options options = sg_engine_options_default();
    sg_model model;
    sg_thread_pool *pool = NULL;
    sg_matmul *matmul = NULL;
    sg_error error = {0};
    stage_run run = {0};
    const sg_probe probe = {see, see_routing, &run};
    size_t length = 0;
    (void)snprintf(path, sizeof path, "%s/stages/%s.safetensors", SG_TEST_FIXTURES, name);
    CHECK_INT(sg_mapped_file_open(path, &file, &error), SG_STATUS_OK);
    CHECK_INT(sg_safetensors_open(path, file.data, file.size, &expected, &error), SG_STATUS_OK);
    (void)snprintf(path, sizeof path, "%s/checkpoints/%s", SG_TEST_FIXTURES, name);
    CHECK_INT(sg_model_open(path, &options, &model, &error), SG_STATUS_OK);
    CHECK_TEXT(error.message, "");
    CHECK_INT(sg_thread_pool_create(threads, &pool, &error), SG_STATUS_OK);
    if (sg_matmul_create(backend, SG_CPU_LEVEL_AUTO, pool, NULL, &matmul, &error) != SG_STATUS_OK) {
        printf("SKIPPED %s with backend %d: %s\n", name, (int)backend, error.message);
    } else {
        run.expected = expected;
        int32_t *ids = read_ids(&run, "input_ids", &length);
        float *states = malloc(length * model.config.d_model * sizeof *states);
        run.residual = malloc(length * model.config.d_model * sizeof *run.residual);
        run_encoder(&model, matmul, &run, ids, length, states, &probe);
        run_decoder(&model, matmul, &run, states, length, &probe);
        printf(
            "%s, backend %d, %u threads: %zu tensors, worst distance %.2g of the largest value\n",
            name, (int)backend, threads, run.compared, run.worst);
        CHECK(run.compared >= 50);
        free(run.residual);
        free(states);
        free(ids);
    }
    sg_matmul_destroy(matmul);
    sg_thread_pool_destroy(pool);
    sg_model_close(&model);
    sg_safetensors_close(expected);
    sg_mapped_file_close(&file);
}

/* Both checkpoints, both backends, one thread and two. */
static void stages_equal_the_reference(void) {
    static const char *const names[] = {"every-layer", "odd-3"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        run_checkpoint(names[i], SG_MATMUL_BACKEND_NATIVE, 1);
        run_checkpoint(names[i], SG_MATMUL_BACKEND_NATIVE, 2);
        run_checkpoint(names[i], SG_MATMUL_BACKEND_BLAS, 2);
    }
}

int main(void) {
    TEST(stages_equal_the_reference);
    return test_end();
}
