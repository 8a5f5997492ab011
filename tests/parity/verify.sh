#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# verify.sh SWITCH_GEN MODEL EXPECTATIONS...: every expectation file holds, sums of the model files included, with every
# choice of matrix products. Says what was compared; fails at the end if any run did.
set -u

program=$1
model=$2
shift 2
status=0
for file in "$@"; do
    for matmul in native blas auto; do
        printf '%s %s: ' "${file##*/}" "$matmul"
        "$program" verify "$file" --model "$model" --matmul "$matmul" --checksum --threads 1 || status=1
    done
done
exit "$status"
