#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Kills convert at random moments: under the target's name there is nothing or the whole, and what is left beside it
# the next run cleans up.
#
#     tests/convert/killed.sh PROGRAM [TRIALS [MEGABYTES]]
set -euo pipefail
program=$(realpath "$1")
trials=${2:-20}
megabytes=${3:-32}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Sixteen tensors of zeroes in a sparse safetensors file.
make_source() {
    local each=$((megabytes * 1048576 / 16)) header='{' length i
    for i in {0..15}; do
        header+="\"t$i\":{\"dtype\":\"F32\",\"shape\":[$((each / 4))],\"data_offsets\":[$((i * each)),$(((i + 1) * each))]},"
    done
    header=${header%,}'}'
    length=${#header}
    mkdir in
    printf "\\x$(printf %02x $((length % 256)))\\x$(printf %02x $((length / 256)))\\0\\0\\0\\0\\0\\0%s" "$header" \
        >in/model.safetensors
    truncate -s $((8 + length + 16 * each)) in/model.safetensors
    echo '{}' >in/config.json
}

convert() {
    "$program" convert in out --max-shard-size $((megabytes / 4))MB -q
}

sums() {
    (cd out && sha256sum -- *)
}

fail() {
    printf 'killed.sh: %s\n' "$*" >&2
    ls -lR . >&2
    exit 1
}

make_source
begin=$(date +%s%N)
convert >/dev/null
whole_us=$((($(date +%s%N) - begin) / 1000))
sums >expected
rm -r out
complete=0
left=0
for ((trial = 1; trial <= trials; trial++)); do
    "$program" convert in out --max-shard-size $((megabytes / 4))MB -q >/dev/null 2>errors &
    child=$!
    delay=$(((RANDOM * 32768 + RANDOM) % (whole_us * 11 / 10)))
    sleep "$(printf '%d.%06d' $((delay / 1000000)) $((delay % 1000000)))"
    kill -KILL "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
    if [ -e out ]; then
        complete=$((complete + 1))
        sums | cmp -s - expected || fail "trial $trial: out is not whole"
        [ ! -e out.part ] || fail "trial $trial: out and out.part"
        rm -r out
    elif [ -e out.part ]; then
        left=$((left + 1))
    fi
    [ ! -s errors ] || fail "trial $trial: $(cat errors)"
done
convert >/dev/null || fail 'the run after the last kill failed'
sums | cmp -s - expected || fail 'the run after the last kill is not whole'
[ ! -e out.part ] || fail 'the run after the last kill left out.part'
[ "$left" -gt 0 ] || fail 'no kill came while it was writing: nothing was tested'
printf '%d kills within %d us: %d came too late, %d left out.part, none anything else\n' "$trials" "$whole_us" \
    "$complete" "$left"
