#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write src/base/utf8_alphanumeric.inc: the ranges of code points whose Unicode category is L* or N*.

    python3 tools/reference/make_alphanumeric_table.py > src/base/utf8_alphanumeric.inc

Needs nothing but Python; the Unicode version is that of its unicodedata module and is written down.
"""
import platform
import sys
import unicodedata


def alphanumeric_ranges():
    ranges = []
    for code_point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code_point))[0] not in "LN":
            continue
        if ranges and ranges[-1][1] == code_point - 1:
            ranges[-1][1] = code_point
        else:
            ranges.append([code_point, code_point])
    return ranges


def main():
    ranges = alphanumeric_ranges()
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print(f"/* Made by tools/reference/make_alphanumeric_table.py (Python {platform.python_version()}, "
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
