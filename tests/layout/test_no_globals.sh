#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Protects the promise that the library keeps no state of its own: no object file of it may hold memory that
# changes (.data, .bss, thread-local), but for the once-only loading of OpenBLAS, which is one for the process.
# Arguments: the library; an object file with a planted variable, which must be seen.
set -euo pipefail

# OBJECT SECTION BYTES of every changeable section that is not empty. .data.rel.ro and DW.ref are addresses that
# the loader writes before the program runs.
changeable() {
    size -A "$1" | awk '
        / : *$/ || /\(ex / { object = $1 }
        $1 ~ /^\.(data|bss|tdata|tbss)(\.|$)/ && $1 !~ /^\.data\.rel\.(ro|local\.DW\.ref)/ && $2 > 0 { print object, $1, $2 }'
}

if [ -z "$(changeable "$2")" ]; then
    echo 'a planted variable was not seen: this test is blind'
    exit 1
fi
# The C++ runtime's initialiser object is one byte that nothing reads.
found=$(changeable "$1" | grep -vE '^(blas\.c\.o )|^sentencepiece_shim\.cc\.o \.bss 1$' || true)
if [ -n "$found" ]; then
    echo 'these keep changeable memory outside of any object that a caller owns:'
    echo "$found"
    exit 1
fi
echo 'no changeable memory'
