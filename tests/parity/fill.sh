#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fill.sh SWITCH_GEN MODEL PROMPTS: `fill` gives the ids, the raw text and the number of dropped tokens of the model's
# expected-greedy.jsonl. `verify` takes its settings from the case; here they come from the model's own files, so this
# protects generation_config.json, config.json and the defaults. An expectation made with a shorter output than the
# model's own settings ask for is given that length (max_new_tokens).
set -eu

program=$1
model=$2
prompts=$3
expected=$model/expected-greedy.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The fields of one record each: ids; raw without the quotes' ends; a count. Both files are written by machines.
fields() {
    sed -n 's/.*"ids":\(\[[0-9,]*\]\),"raw":\("[^\\"]*\(\\.[^\\"]*\)*"\).*"dropped_tokens":\([0-9]*\).*/\1 \2 \4/p'
}
greedy='--num-beams 1'
if ! grep -q '"max_\(new_tokens\|length\)"' "$model/config.json" "$model/generation_config.json" 2>/dev/null; then
    greedy="$greedy --max-new-tokens 16"
fi
sed 1d "$expected" | fields >"$work/expected"
# shellcheck disable=SC2086 # two or four words
"$program" fill --model "$model" -f "$prompts" --format jsonl --threads 1 --matmul native $greedy -q >"$work/records"
fields <"$work/records" >"$work/found"
cases=$(wc -l <"$work/expected")
if [ "$cases" -lt 25 ]; then
    echo "only $cases cases could be read from $expected"
    exit 1
fi
diff -u "$work/expected" "$work/found"
echo "$cases cases equal"
