#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Protects tools/check_headers itself: a header that leans on another, one without a guard, one that only
# one of the two languages takes, and each form of an uncommented prototype must be seen; the forms that are
# allowed must pass. Argument: the repository.
set -euo pipefail
root=$1
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cases=0
failures=0

# A small tree of its own: the checks of the real one are another test.
mkdir -p "$copy/include/switchgen" "$copy/src/base"
cp "$root/include/switchgen/version.h.in" "$copy/include/switchgen/"

write_header() {
    {
        echo '/* SPDX-License-Identifier: Apache-2.0 */'
        echo '#ifndef SG_PLANTED_H'
        echo '#define SG_PLANTED_H'
        echo
        printf '%s\n' "$1"
        echo '#endif'
    } >"$copy/src/base/planted.h"
}

# sees BODY MESSAGE: the checker fails on a header with this body and says MESSAGE of it.
sees() {
    local output status=0
    cases=$((cases + 1))
    output=$("$root/tools/check_headers" "$copy" 2>&1) || status=$?
    if [ "$status" -ne 1 ] || ! grep -qE "^src/base/planted.h:?[0-9]*: $2" <<<"$output"; then
        failures=$((failures + 1))
        printf 'NOT SEEN (exit %d): %s\nit said:\n%s\n' "$status" "$1" "$output"
    fi
}

sees_body() {
    write_header "$1"
    sees "$1" "$2"
}

passes_body() {
    local output
    cases=$((cases + 1))
    write_header "$1"
    if ! output=$("$root/tools/check_headers" "$copy" 2>&1); then
        failures=$((failures + 1))
        printf 'WRONGLY REFUSED: %s\nit said:\n%s\n' "$1" "$output"
    fi
}

nl=$'\n'
good="/* Says so. */${nl}int sg_good(void);"

# Compiling alone.
passes_body "$good"
sees_body "$good${nl}/* Leans on stddef.h. */${nl}size_t sg_f(void);" 'does not compile alone as C11'
sees_body "$good${nl}static inline int *sg_g(void *p);${nl}/* C. */${nl}static inline int *sg_f(void *p) {${nl}    return p;${nl}}" \
    'does not compile alone as C\+\+17'
sees_body "$good${nl}/* C++. */${nl}class sg_thing;" 'does not compile alone as C11'
sees_body "$good${nl}/* Old style. */${nl}int sg_f();" 'does not compile alone as C11'
echo '/* SPDX */ /* No guard. */ struct sg_twice { int a; };' >"$copy/src/base/planted.h"
printf '/* F. */\nint sg_f(void);\n' >>"$copy/src/base/planted.h"
sees 'a header without a guard' 'does not compile alone as C11'

# A comment above each prototype.
sees_body "int sg_f(void);" 'sg_f has no comment above'
sees_body "$good${nl}${nl}int sg_f(void);" 'sg_f has no comment above'
sees_body "$good${nl}int sg_e(void);${nl}${nl}int sg_f(int a,${nl}         int b);" 'sg_f has no comment above'
sees_body "/* Of the struct. */${nl}struct sg_a { int a; };${nl}int sg_f(void);" 'sg_f has no comment above'
sees_body "/* Too far. */${nl}${nl}int sg_f(void);" 'sg_f has no comment above'
sees_body "$good${nl}${nl}struct sg_a *sg_f(const char *a);" 'sg_f has no comment above'
sees_body "$good${nl}${nl}__attribute__((warn_unused_result)) int sg_f(void);" 'sg_f has no comment above'
sees_body "$good${nl}${nl}static inline int sg_f(void) {${nl}    return 1;${nl}}" 'sg_f has no comment above'
sees_body "$good${nl}${nl}int sg_f(void (*call)(void *context), void *context);" 'sg_f has no comment above'
sees_body "$good${nl}${nl}int sg_f(void); /* Beside is not above. */" 'sg_f has no comment above'
passes_body "$good${nl}int sg_e(void);${nl}int sg_f(int a,${nl}         int b);"
passes_body "/* Two${nl} * lines. */${nl}const char *sg_f(void);${nl}${nl}// One line.${nl}static inline int sg_g(int a) {${nl}    if (a) {${nl}        return 2;${nl}    }${nl}    return 1;${nl}}"
passes_body "$good${nl}${nl}typedef void (*sg_callback)(void *context);${nl}typedef struct sg_a {${nl}    int (*member)(void);${nl}} sg_a;${nl}#define SG_MACRO(a) \\${nl}    int sg_##a(void);${nl}#include <assert.h>${nl}static_assert(sizeof(int) == 4, \"int\");"

printf '%d cases, %d failed\n' "$cases" "$failures"
[ "$failures" -eq 0 ]
