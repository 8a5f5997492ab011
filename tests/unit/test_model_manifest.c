/* SPDX-License-Identifier: Apache-2.0 */
/* The known models: what the build carries, and that a manifest out of its form is refused, since
 * its names become paths and URLs. */
#include "support/alloc_fault.h"
#include "support/test.h"

#include <string.h>

#include "storage/model_manifest.h"

static const sg_known_model *find(const sg_model_manifest *manifest, const char *name) {
    const sg_known_model *model = sg_model_manifest_find(manifest, name);
    CHECK(model != NULL);
    return model;
}

/* The facts that users and tools/fetch-model depend on most. */
static void the_build_knows_the_family(void) {
    sg_model_manifest *manifest = NULL;
    const sg_known_model *model;
    const sg_known_revision *best;
    CHECK_INT(sg_model_manifest_open(&manifest, NULL), SG_STATUS_OK);
    model = find(manifest, "switch-base-64");
    CHECK(model == find(manifest, "google/switch-base-64"));
    CHECK_TEXT(model->repository, "google/switch-base-64");
    CHECK_INT(model->parameters, 3790748928);
    CHECK_CONTAINS(model->purpose, "not fine-tuned");
    CHECK_TEXT(model->revisions[0].revision, "main");
    CHECK_INT(model->revisions[0].form, SG_KNOWN_FORM_PICKLE);
    CHECK_TEXT(model->revisions[0].files[0].name, "pytorch_model-00001-of-00002.bin");
    best = sg_known_model_best(model);
    CHECK_TEXT(best->revision, "refs/pr/6");
    CHECK_INT(best->form, SG_KNOWN_FORM_SAFETENSORS);
    CHECK_INT(best->shards, 2);
    CHECK_TEXT(sg_known_model_best(find(manifest, "switch-base-8"))->revision, "refs/pr/5");
    CHECK_TEXT(sg_known_model_best(find(manifest, "switch-base-256"))->revision, "refs/pr/7");
    CHECK_TEXT(sg_known_model_best(find(manifest, "switch-large-128"))->revision, "main");
    CHECK_TEXT(find(manifest, "t5-small")->repository, "google-t5/t5-small");
    CHECK(sg_known_model_best(find(manifest, "switch-small-64")) == NULL);
    CHECK(sg_model_manifest_find(manifest, "switch-base-6") == NULL);
    CHECK(sg_model_manifest_find(manifest, "") == NULL);
    sg_model_manifest_close(manifest);
}

/* Every repository has its own bare name, or a bare name would mean two models; each has an end
 * that can be downloaded; the files beside the weights are those the program reads. */
static void the_build_is_consistent(void) {
    sg_model_manifest *manifest = NULL;
    CHECK_INT(sg_model_manifest_open(&manifest, NULL), SG_STATUS_OK);
    CHECK(sg_model_manifest_count(manifest) > 20);
    for (size_t i = 0; i < sg_model_manifest_count(manifest); i++) {
        const sg_known_model *model = sg_model_manifest_at(manifest, i);
        CHECK(sg_model_manifest_find(manifest, model->name) == model);
        CHECK(model->parameters > 0);
        CHECK_INT(strchr(model->repository, '/') != NULL, model->revision_count > 0);
        CHECK(model->revision_count == 0 || strcmp(model->revisions[0].revision, "main") == 0);
    }
    CHECK_TEXT(sg_model_manifest_file(manifest, 0)->name, "config.json");
    CHECK_TEXT(sg_model_manifest_file(manifest, 1)->name, "spiece.model");
    CHECK_INT(sg_model_manifest_file_count(manifest), 4);
    sg_model_manifest_close(manifest);
    sg_model_manifest_close(NULL);
}

#define HEAD \
    "{\"v\":1,\"files\":[{\"name\":\"config.json\"}],\"purposes\":{\"p\":\"x\"},\"models\":["
#define MODEL(fields) \
    HEAD "{\"repository\":\"a/b\",\"purpose\":\"p\",\"licence\":\"l\"," fields "}]}"
#define REVISION(fields) MODEL("\"revisions\":[{\"revision\":\"main\"" fields "}]")

static sg_status parse(const char *text, sg_error *error) {
    sg_model_manifest *manifest = NULL;
    sg_status status = sg_model_manifest_parse("m.json", text, strlen(text), &manifest, error);
    sg_model_manifest_close(manifest);
    return status;
}

static void a_smallest_manifest_is_read(void) {
    sg_error error = {.message = ""};
    CHECK_INT(parse(REVISION(""), &error), SG_STATUS_OK);
    CHECK_INT(parse(HEAD "]}", &error), SG_STATUS_OK);
    CHECK_INT(parse(MODEL("\"revisions\":[]"), &error), SG_STATUS_OK);
}

/* Each rule broken once. */
static void what_is_out_of_form_is_refused(void) {
    static const char *const texts[] = {
        "[]",
        "{}",
        "{\"v\":2,\"files\":[],\"purposes\":{},\"models\":[]}",
        "{\"v\":1,\"files\":{},\"purposes\":{},\"models\":[]}",
        "{\"v\":1,\"files\":[],\"purposes\":{},\"models\":{}}",
        "{\"v\":1,\"files\":[],\"models\":[]}",
        "{\"v\":1,\"files\":[],\"purposes\":{},\"models\":[],\"more\":1}",
        "{\"v\":1,\"files\":[1],\"purposes\":{},\"models\":[]}",
        "{\"v\":1,\"files\":[{}],\"purposes\":{},\"models\":[]}",
        HEAD "1]}",
        HEAD "{}]}",
        HEAD "{\"repository\":\"a/b\",\"purpose\":\"q\",\"licence\":\"l\",\"revisions\":[]}]}",
        HEAD "{\"repository\":\"a/b\",\"purpose\":\"p\",\"licence\":\"l\"}]}",
        HEAD "{\"repository\":\"../b\",\"purpose\":\"p\",\"licence\":\"l\",\"revisions\":[]}]}",
        HEAD "{\"repository\":\"a/b/c\",\"purpose\":\"p\",\"licence\":\"l\",\"revisions\":[]}]}",
        HEAD "{\"repository\":\"a/b\",\"purpose\":\"p\",\"licence\":\"l\",\"revisions\":[]},"
             "{\"repository\":\"a/b\",\"purpose\":\"p\",\"licence\":\"l\",\"revisions\":[]}]}",
        MODEL("\"revisions\":{}"),
        MODEL("\"revisions\":[1]"),
        MODEL("\"revisions\":[{}]"),
        MODEL("\"revisions\":[],\"parameters\":0"),
        MODEL("\"revisions\":[],\"parameters\":1.5"),
        MODEL("\"revisions\":[],\"parameters\":\"1\""),
        REVISION(",\"form\":\"zip\""),
        REVISION(",\"form\":1"),
        REVISION(",\"weights\":\"a/b\""),
        REVISION(",\"weights\":\".hidden\""),
        REVISION(",\"weights\":\"a\\tb\""),
        REVISION(",\"files\":1"),
        REVISION(",\"files\":[{\"name\":\"a b\"}]"),
        REVISION(",\"files\":[{\"name\":\"-rf\"}]"),
        REVISION(",\"files\":[{\"name\":\"a\",\"bytes\":-1}]"),
        REVISION(",\"files\":[{\"name\":\"a\",\"sha256\":\"abc\"}]"),
        REVISION(",\"files\":[{\"name\":\"a\",\"optional\":1}]"),
        REVISION(",\"revision\":\"other\""),
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sg_error error = {.message = ""};
        sg_status status = parse(texts[i], &error);
        if (status != SG_STATUS_MODEL) {
            printf("case %zu: %s\n", i, texts[i]);
        }
        CHECK_INT(status, SG_STATUS_MODEL);
        CHECK_CONTAINS(error.message, "m.json");
    }
    CHECK_INT(parse("{", NULL), SG_STATUS_BAD_JSON);
}

/* Each allocation fails once. */
static void every_failed_allocation_is_an_error(void) {
    static const char text[] = REVISION(",\"files\":[{\"name\":\"a\",\"bytes\":1}]");
    size_t failures = 0;
    sg_status status = SG_STATUS_MEMORY;
    for (size_t fail_at = 0; status == SG_STATUS_MEMORY && fail_at < 1000; fail_at++) {
        sg_error error = {.message = ""};
        alloc_fault_reset(fail_at);
        status = parse(text, &error);
        failures += status == SG_STATUS_MEMORY ? 1 : 0;
    }
    alloc_fault_reset(SIZE_MAX);
    CHECK_INT(status, SG_STATUS_OK);
    CHECK(failures > 10);
}

int main(void) {
    TEST(the_build_knows_the_family);
    TEST(the_build_is_consistent);
    TEST(a_smallest_manifest_is_read);
    TEST(what_is_out_of_form_is_refused);
    TEST(every_failed_allocation_is_an_error);
    return test_end();
}
