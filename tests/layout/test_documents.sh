#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Protects readers from texts that have fallen behind: each file that a README names exists, and each test that
# models/README.md names as a guard exists, file and function. Argument: the repository.
set -euo pipefail
cd "$1"
failures=0
names=0

complain() {
    failures=$((failures + 1))
    printf '%s: %s\n' "$1" "$2"
}

# What stands in single back quotes in a file, one a line; code blocks are left out.
quoted() {
    awk '/^```/ { block = !block; next }
         !block && !/^    / {
             rest = $0
             while (match(rest, /`[^`]+`/)) {
                 print substr(rest, RSTART + 1, RLENGTH - 2)
                 rest = substr(rest, RSTART + RLENGTH)
             }
         }' "$1"
}

# Paths that begin with a folder of the repository, from its root or from the document's own folder.
check_paths() {
    local document=$1 folder name
    folder=$(dirname "$document")
    while read -r name; do
        names=$((names + 1))
        if ! compgen -G "$name" >/dev/null && ! compgen -G "$folder/$name" >/dev/null; then
            complain "$document" "names $name, which does not exist"
        fi
    done < <(quoted "$document" | grep -xE '(include|src|tests|tools|models|storage|text|math|infill|base|unit|stages|\.ci)/[A-Za-z0-9_./*-]*' |
        grep -v NAME || true)
}

# Guards are written `test_NAME.c: function_a, function_b`, or a ctest name alone.
check_guards() {
    local document=$1 guard file function
    local guards=0
    while IFS= read -r guard; do
        guards=$((guards + 1))
        file=$(find tests -name "${guard%%:*}" | head -n 1)
        if [ -z "$file" ]; then
            complain "$document" "names the test ${guard%%:*}, which does not exist"
            continue
        fi
        for function in $(tr ',' ' ' <<<"${guard#*: }"); do
            grep -qE "(^|[^a-z0-9_])$function($|[^a-z0-9_])" "$file" ||
                complain "$document" "names $function of ${guard%%:*}, which does not exist"
        done
    done < <(quoted "$document" | grep -E '^test_[a-z0-9_]+\.(c|sh|py): ' || true)
    [ "$guards" -gt 0 ] || complain "$document" 'names no test at all'
    names=$((names + guards))
}

while read -r document; do
    check_paths "$document"
done < <(git ls-files '*.md' 2>/dev/null || find . -name '*.md' -not -path './build/*' -printf '%P\n')
check_guards models/README.md

printf '%d names, %d problems\n' "$names" "$failures"
[ "$failures" -eq 0 ] && [ "$names" -gt 0 ]
