# SPDX-License-Identifier: Apache-2.0
# Shared by tools/quickstart, tools/check and .ci/run: what the machine must have, and how a preset is
# built. Sourced by bash; the caller has set `root` to the repository's root. Nothing here asks a question.

# What the build and the tests need, by Debian's names. Each has a probe below, so that a machine that got
# a tool by another way is not asked to install it again.
build_packages=(build-essential cmake ninja-build pkg-config libcjson-dev libsentencepiece-dev libssl-dev zlib1g-dev
                libopenblas0-pthread)

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    shift
    local line
    for line in "$@"; do
        printf '  %s\n' "$line" >&2
    done
    exit 1
}

# cmake is on the path, works, and knows the version 6 of CMakePresets.json.
has_cmake() {
    local version
    version=$(cmake --version 2>/dev/null | awk 'NR == 1 {print $3}')
    [ -n "$version" ] && [ "$(printf '%s\n3.25\n' "$version" | sort -V | head -n 1)" = 3.25 ]
}

# A C and a C++ compiler that find their headers.
has_compilers() {
    echo '#include <stdio.h>' | cc -E -x c - >/dev/null 2>&1 &&
        echo '#include <string>' | c++ -E -x c++ - >/dev/null 2>&1
}

# The library that the program opens by this name at run time.
has_openblas() {
    local libraries
    libraries=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) && [[ $libraries == *'libopenblas.so.0 '* ]]
}

# What a package gives is there. An unknown name is looked up in dpkg's list.
has_package() {
    case $1 in
        build-essential) has_compilers ;;
        cmake) has_cmake ;;
        ninja-build) ninja --version >/dev/null 2>&1 ;;
        pkg-config) pkg-config --version >/dev/null 2>&1 ;;
        libcjson-dev) pkg-config --exists 'libcjson >= 1.7.15' 2>/dev/null ;;
        libsentencepiece-dev) pkg-config --exists 'sentencepiece >= 0.1.97' 2>/dev/null ;;
        libssl-dev) pkg-config --exists libcrypto 2>/dev/null ;;
        zlib1g-dev) pkg-config --exists zlib 2>/dev/null ;;
        libopenblas0-pthread) has_openblas ;;
        *) [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    esac
}

missing_packages() {
    local package
    for package in "$@"; do
        has_package "$package" || printf '%s\n' "$package"
    done
}

# Install those of the named packages that are missing. Says nothing where none is. Where it may not
# install, it prints the command to run and exits with 1.
install_packages() {
    local missing as_root=() command
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    command="apt-get install --no-install-recommends ${missing[*]}"
    if ! command -v apt-get >/dev/null 2>&1; then
        fail 'these are missing, and this system has no apt-get to install them with:' "${missing[@]}" \
            '(names of Debian packages; see README.md, "What it needs", and run this again)'
    fi
    if [ "$(id -u)" != 0 ]; then
        if ! sudo -n true >/dev/null 2>&1; then
            fail "Debian packages are missing, and this user may not install them; run:" \
                "sudo apt-get update && sudo $command" 'and then this command again'
        fi
        as_root=(sudo -n)
    fi
    say "Installing missing Debian packages: ${missing[*]}"
    # An index that cannot be read (a dead third-party source) is no reason to stop: the install tells.
    quietly 'package index' "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q ||
        say 'apt-get update failed; going on with the index that is there'
    quietly 'package installation' "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}" ||
        fail 'apt-get could not install the packages; its messages are above. The command was:' "$command"
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -eq 0 ] ||
        fail 'still missing after the installation:' "${missing[@]}"
}

# quietly NAME COMMAND...: run a command, show its output only where it fails, and say so.
quietly() {
    local name=$1 output status=0
    shift
    output=$("$@" 2>&1 </dev/null) || status=$?
    if [ "$status" -ne 0 ]; then
        printf '%s\n' "$output" >&2
        printf '%s: %s failed (exit %d)\n' "${0##*/}" "$name" "$status" >&2
    fi
    return "$status"
}

processors() {
    nproc 2>/dev/null || echo 2
}

# build_preset PRESET [--target NAME] [-D...]: configure and build build/PRESET; silent where all is up to
# date. Exits with 1 and the compiler's messages where it fails.
build_preset() {
    local preset=$1 directory=$root/build/$1 target=() definitions=() seconds=$SECONDS output
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --target) target=(--target "$2"); shift ;;
            *) definitions+=("$1") ;;
        esac
        shift
    done
    # A tree that was moved or copied together with its build folder cannot be used again.
    if [ -f "$directory/CMakeCache.txt" ] &&
        ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$directory/CMakeCache.txt"; then
        say "Removing build/$preset: it was made for another folder"
        rm -rf "$directory"
    fi
    [ -f "$directory/build.ninja" ] || say "Building build/$preset: the first time takes some minutes"
    cd "$root"
    quietly "configuring build/$preset" cmake --preset "$preset" "${definitions[@]}" || exit 1
    mkdir -p "$directory"
    output=$directory/build.log
    if ! cmake --build --preset "$preset" -j "$(processors)" "${target[@]}" >"$output" 2>&1 </dev/null; then
        # From the first failure on; where the output has no such mark, all of it.
        awk '/^FAILED|error:/ { shown = 1 }
             { if (shown) print; else before = before $0 "\n" }
             END { if (!shown) printf "%s", before }' "$output" >&2
        fail "building build/$preset failed; the compiler's messages are above, and in build/$preset/build.log"
    fi
    grep -q 'no work to do' "$output" || say "Built build/$preset in $((SECONDS - seconds)) s"
}

# test_preset PRESET [CTEST OPTIONS...]: run the tests of build/PRESET, show each that failed with all it
# printed, name each that was skipped, and close with one line of counts. Returns 1 where a test failed
# or none ran.
test_preset() {
    local preset=$1 directory=$root/build/$1 log status=0
    shift
    log=$directory/check.log
    (cd "$root" && ctest --preset "$preset" -j "$(processors)" "$@" </dev/null) >"$log" 2>&1 || status=$?
    [ "$status" -eq 0 ] || cat "$log"
    name_skipped_tests "$log" "$directory/Testing/Temporary/LastTest.log"
    awk '/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
             if (/\*\*\*(Skipped|Not Run \(Disabled\))/) skipped++
             else if (/  Passed  /) passed++
             else failed++
         }
         END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log"
    [ "$status" -eq 0 ]
}

# The skipped tests of a ctest log, each with the last line that it printed (the second file has it).
name_skipped_tests() {
    awk 'FNR == NR {
             if (/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: .*\*\*\*(Skipped|Not Run \(Disabled\))/) {
                 sub(/^[^:]*: /, "")
                 skipped[$1] = 1
             }
             next
         }
         /^[0-9]+\/[0-9]+ Test: / { name = $3; inside = 0 }
         /^<end of output>/ { inside = 0 }
         inside && NF && (name in skipped) { reason[name] = $0; sub(/^SKIP[A-Z]*:? */, "", reason[name]) }
         /^Output:/ { inside = 1 }
         /^----------/ && inside == 1 { inside = 2; delete reason[name] }
         END {
             for (name in skipped) {
                 printf "SKIPPED %s: %s\n", name, (name in reason) ? reason[name] : "no reason given"
             }
         }' "$1" "$2" 2>/dev/null | sort
}
