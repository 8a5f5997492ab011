#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the ranges of code points whose Unicode category begins with one of the letters given.

    python3 tools/reference/make_alphanumeric_table.py LN > src/base/utf8_alphanumeric.inc
    python3 tools/reference/make_alphanumeric_table.py M > src/base/utf8_mark.inc

Needs nothing but Python; the Unicode version is that of its unicodedata module and is written down.
"""
import platform
import sys
import unicodedata


def ranges_of(categories):
    ranges = []
    for code_point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code_point))[0] not in categories:
            continue
        if ranges and ranges[-1][1] == code_point - 1:
            ranges[-1][1] = code_point
        else:
            ranges.append([code_point, code_point])
    return ranges


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make_alphanumeric_table.py CATEGORIES")
    ranges = ranges_of(sys.argv[1])
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print(f"/* Made by tools/reference/make_alphanumeric_table.py {sys.argv[1]} (Python {platform.python_version()}, "
          f"Unicode {unicodedata.unidata_version}):")
    print(f" * {len(ranges)} ranges, first and last, ascending. */")
    line = ""
    for first, last in ranges:
        entry = f"{{0x{first:x}, 0x{last:x}}},"
        if line and len(line) + 1 + len(entry) > 98:
            print(line)
            line = ""
        line = f"{line} {entry}" if line else entry
    print(line)


if __name__ == "__main__":
    main()
