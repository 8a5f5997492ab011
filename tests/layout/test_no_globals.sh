#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Protects the promise that the library keeps no state of its own: no object file of it may hold memory that
# changes (.data, .bss, thread-local), but for the once-only loading of OpenBLAS, which is one for the process.
# Arguments: the library; an object file with a planted variable, which must be seen.
set -euo pipefail

# "FILE SECTION NAME" of every named object in memory that changes. .data.rel.ro and DW.ref are addresses that the
# loader writes before the program runs; what clang keeps there without a name is the zeros of an initialiser.
changeable() {
    objdump -t "$1" | awk '
        / file format / { file = $1; sub(/:$/, "", file) }
        match($0, /[ \t]\.?(data|bss|tdata|tbss|COM\*|\*COM\*)[^ \t]*[ \t]/) && / O / {
            section = substr($0, RSTART + 1, RLENGTH - 2)
            if (section !~ /^\.data\.rel\.ro|DW\.ref/ && $NF !~ /^DW\.ref/) print file, section, $NF
        }'
}

if [ -z "$(changeable "$2")" ]; then
    echo 'a planted variable was not seen: this test is blind'
    exit 1
fi
# The C++ runtime's initialiser object is one byte that nothing reads.
found=$(changeable "$1" | grep -vE '^blas\.c\.o |^sentencepiece_shim\.cc\.o .* _ZStL8__ioinit$' || true)
if [ -n "$found" ]; then
    echo 'these keep changeable memory outside of any object that a caller owns:'
    echo "$found"
    exit 1
fi
echo 'no changeable memory'
