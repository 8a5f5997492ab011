# SPDX-License-Identifier: Apache-2.0
# The warnings that all of our code compiles under, with gcc and clang.
add_library(switchgen_warnings INTERFACE)
target_compile_options(switchgen_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wconversion -Wsign-conversion -Wdouble-promotion
  -Wfloat-conversion -Wcast-align -Wcast-qual -Wformat=2 -Wwrite-strings -Wnull-dereference -Wvla
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wimplicit-fallthrough>
  # gcc 12 cannot see that a failed status means that an out-parameter is not read; clang checks the same without
  # false alarms.
  $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<BOOL:${SWITCHGEN_WERROR}>:-Werror>)
