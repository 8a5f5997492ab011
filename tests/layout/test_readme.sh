#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Protects the reader of README.md: each command shown with its output is run, and must print that. Fractions are
# compared to three digits, since the last ones depend on the CPU's kernels. The C example is built by CMake and run
# here. Arguments: the repository, the program, the C example.
set -euo pipefail
cd "$1"
program=$2
example=$3
unset SWITCH_GEN_MODEL SWITCH_GEN_MODEL_PATH SWITCH_GEN_THREADS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Numbers with a fraction to three digits.
rounded() {
    awk '{
        rest = $0
        line = ""
        while (match(rest, /-?[0-9]+\.[0-9]+/)) {
            line = line substr(rest, 1, RSTART - 1) sprintf("%.3f", substr(rest, RSTART, RLENGTH))
            rest = substr(rest, RSTART + RLENGTH)
        }
        print line rest
    }'
}

# Each command of an indented "$ " line in a file of its own, and beside it what README.md shows after it.
awk -v work="$work" '
    /^    \$ build\/release\/switch-gen / {
        name = sprintf("%s/%02d", work, ++count)
        print substr($0, 7) >(name ".command")
        printf "" >(name ".shown")
        next
    }
    /^    / && name != "" { print substr($0, 5) >(name ".shown"); next }
    { name = "" }' README.md

count=0
failures=0
for file in "$work"/*.command; do
    [ -e "$file" ] || { echo 'README.md shows no command with its output'; exit 1; }
    count=$((count + 1))
    command=$(cat "$file")
    # The program of this build stands for the one that README.md names.
    output=$(bash -c "${command//build\/release\/switch-gen/\"\$0\"}" "$program" 2>"$work/errors" </dev/null) ||
        { failures=$((failures + 1)); printf 'FAILED: %s\n' "$command"; cat "$work/errors"; continue; }
    if ! diff <(rounded <"${file%.command}.shown") <(rounded <<<"$output") >"$work/difference"; then
        failures=$((failures + 1))
        printf 'README.md (<) and the program (>) differ: %s\n' "$command"
        cat "$work/difference"
    fi
done

count=$((count + 1))
output=$("$example")
if [ "$(wc -w <<<"$output")" -lt 6 ] || [[ $output != *' walks into a bar.' ]]; then
    failures=$((failures + 1))
    printf 'the C example printed: %s\n' "$output"
fi

printf '%d commands, %d failed\n' "$count" "$failures"
[ "$failures" -eq 0 ]
