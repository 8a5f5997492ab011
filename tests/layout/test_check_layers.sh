#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Protects tools/check_layers itself: in a small tree, each rule broken once must be seen, at the right file, and
# things that only look like a breach must pass. Argument: the repository.
set -euo pipefail
root=$1
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cases=0
failures=0

fresh_copy() {
    rm -rf "$copy/src" "$copy/include"
    mkdir -p "$copy/src"/{base,storage,math,layers,text,model,search,infill,cli}
    cp -R "$root/src/base" "$copy/src/"
    cp -R "$root/include" "$copy/"
}

# write FILE LINE: put a line at the end of a file, which is made with its SPDX line where it is missing.
write() {
    [ -e "$copy/$1" ] || echo '/* SPDX-License-Identifier: Apache-2.0 */' >"$copy/$1"
    printf '%s\n' "$2" >>"$copy/$1"
}

# sees FILE LINE MESSAGE: with LINE in FILE the checker fails and says MESSAGE of FILE.
sees() {
    local output status=0
    cases=$((cases + 1))
    fresh_copy
    write "$1" "$2"
    output=$("$root/tools/check_layers" "$copy") || status=$?
    if [ "$status" -ne 1 ] || ! grep -qE "^$1:[0-9]+: .*$3" <<<"$output"; then
        failures=$((failures + 1))
        printf 'NOT SEEN (exit %d): %s in %s; it said:\n%s\n' "$status" "$2" "$1" "$output"
    fi
}

# passes FILE LINE: with LINE in FILE the checker finds nothing.
passes() {
    local output
    cases=$((cases + 1))
    fresh_copy
    write "$1" "$2"
    if ! output=$("$root/tools/check_layers" "$copy"); then
        failures=$((failures + 1))
        printf 'WRONGLY REFUSED: %s in %s; it said:\n%s\n' "$2" "$1" "$output"
    fi
}

# Upward and sideways includes.
sees src/base/planted.c '#include "math/matmul.h"' 'base may not include math'
sees src/storage/planted.c '#include "text/tokenizer.h"' 'storage may not include text'
sees src/math/planted.c '#include "storage/json.h"' 'math may not include storage'
sees src/layers/planted.c '#include "model/encoder.h"' 'layers may not include model'
sees src/layers/planted.h '#include "storage/safetensors.h"' 'layers may not include storage'
sees src/text/planted.c '#include "model/config.h"' 'text may not include model'
sees src/text/planted.c '#include "search/search.h"' 'text may not include search'
sees src/search/planted.c '#include "model/config.h"' 'search may not include model'
sees src/search/planted.c '  #  include "layers/ffn.h"' 'search may not include layers'
sees src/search/planted.c '#include "storage/json.h"' 'search may not include storage'
sees src/model/planted.c '#include "search/search.h"' 'model may not include search'
sees src/model/planted.c '#include "infill/infill.h"' 'model may not include infill'
sees src/infill/planted.c '#include "cli/options.h"' 'infill may not include cli'
sees src/math/planted.c '#include "matmul.h"' 'not written from src/'
sees src/math/planted.c '#include "../base/error.h"' 'not written from src/'
sees src/math/planted.c '#include "math/../cli/options.h"' 'not written from src/'
sees include/switchgen/planted.h '#include "base/error.h"' 'no user has'
passes src/cli/planted.c '#include "infill/infill.h"'
passes src/infill/planted.c '#include "search/search.h"'
passes src/search/planted.c '#include "math/topk.h"'
passes src/model/planted.c '#include "storage/safetensors.h"'
passes src/base/planted.c '/* #include "math/matmul.h" */'

# One door for each third-party header.
sees src/storage/planted.c '#include <cjson/cJSON.h>' 'belongs in src/storage/json.c'
sees src/model/planted.c '#include <cJSON.h>' 'belongs in src/storage/json.c'
sees src/text/planted.cc '#include <sentencepiece_processor.h>' 'belongs in src/text/sentencepiece_shim.cc'
sees src/storage/planted.c '#include <openssl/evp.h>' 'belongs in src/storage/digest.c'
sees src/storage/planted.c '#include <zlib.h>' 'belongs in src/storage/torch_zip.c'
sees src/math/planted.c '#include <dlfcn.h>' 'belongs in src/math/blas.c'
sees src/math/planted.c '#include <cblas.h>' 'belongs in no file'
sees src/math/planted.c '#include <curl/curl.h>' 'no header of the list'
sees src/math/planted.c '#include <string>' 'no header of the list'

# Memory, the end of the process, streams.
sees src/model/planted.c 'void *f(void) { return malloc(3); }' 'malloc: only base/memory.c'
sees src/model/planted.c 'void *f(void) { return calloc(3, 1); }' 'calloc: only'
sees src/model/planted.c 'void *f(void *p) { return realloc (p, 1); }' 'realloc: only'
sees src/model/planted.c 'void f(void *p) { "free("; free(p); }' 'free: only'
sees src/model/planted.c 'static void (*release)(void *) = free;' 'free: only'
sees src/base/planted.c 'char *f(void) { return strdup("a"); }' 'strdup: only'
sees src/infill/planted.c 'void f(void) { exit(1); }' 'exit: only main.c'
sees src/cli/planted.c 'void f(void) { abort(); }' 'abort: only main.c'
sees src/infill/planted.c 'void f(void) { printf("x"); }' 'printf: only main.c and cli'
sees src/storage/planted.c 'void f(void) { fputs("x", stderr); }' 'stderr: only'
sees src/storage/planted.c 'void f(void) { /* a */ puts("x"); }' 'puts: only'
passes src/model/planted.c '/* malloc( free( exit( printf( */ // strcpy('
passes src/model/planted.c "static const char *f = \"malloc(\\\"free(\"; static char g = '\"';"
passes src/model/planted.c 'void f(struct pool *p) { p->free(p); sg_free(p); snprintf(0, 0, ""); }'
passes src/cli/planted.c 'void f(void) { fprintf(stderr, "x"); }'

# Banned functions.
for name in atoi atol atof strcpy strcat sprintf vsprintf gets strtok alloca sscanf system; do
    sees src/cli/planted.c "void f(char *a) { $name(a); }" "$name is banned"
done

# The files themselves.
sees src/math/error.c '' 'has the name of src/base/error.c'
fresh_copy
cases=$((cases + 1))
echo 'int planted;' >"$copy/src/math/planted.c"
output=$("$root/tools/check_layers" "$copy" || true)
if ! grep -q '^src/math/planted.c:1: the first line is not the SPDX' <<<"$output"; then
    failures=$((failures + 1))
    echo 'NOT SEEN: a file without its SPDX line'
fi
cases=$((cases + 1))
if "$root/tools/check_layers" "$copy/include" >/dev/null 2>&1; then
    failures=$((failures + 1))
    echo 'NOT SEEN: a folder without sources'
fi

printf '%d cases, %d failed\n' "$cases" "$failures"
[ "$failures" -eq 0 ]
