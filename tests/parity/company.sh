#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# company.sh SWITCH_GEN MODEL PROMPTS: with own kernels, records are the same byte for byte, scores included, with one
# thread and with two, and for each text alone as among the others.
set -eu

program=$1
model=$2
prompts=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fill() {
    "$program" fill --model "$model" --format jsonl --matmul native --max-new-tokens 12 -q "$@"
}

for search in "--num-beams 1" "--num-beams 4 --num-return-sequences 4"; do
    # shellcheck disable=SC2086 # options, several words
    fill $search --threads 1 -f "$prompts" >"$work/one"
    # shellcheck disable=SC2086
    fill $search --threads 2 -f "$prompts" >"$work/two"
    cmp "$work/one" "$work/two"
    : >"$work/alone"
    while IFS= read -r text || [ -n "$text" ]; do
        # shellcheck disable=SC2086
        printf '%s\n' "$text" | fill $search --threads 1 -f - >>"$work/alone"
    done <"$prompts"
    sed 's/"index":[0-9]*/"index":0/' "$work/one" >"$work/together"
    cmp "$work/together" "$work/alone"
    records=$(wc -l <"$work/one")
    [ "$records" -ge 25 ]
    echo "$search: $records records the same"
done
