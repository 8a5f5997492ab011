# SPDX-License-Identifier: Apache-2.0
# Reading C by lines: what of a line is code. For tools/check_layers and tools/check_headers; works with
# mawk, the awk of a minimal Debian.

# The code of `line`: comments become one space, string and character literals lose their contents (those
# of an #include stay). in_comment carries over lines; had_comment says whether the line had a part of a
# comment. A literal does not span lines.
function code_of(line,    code, rest, mark, quote, is_include) {
    code = ""
    rest = line
    had_comment = in_comment
    is_include = !in_comment && line ~ /^[ \t]*#[ \t]*include/
    while (rest != "") {
        if (in_comment) {
            mark = index(rest, "*/")
            had_comment = 1
            if (mark == 0) {
                return code
            }
            in_comment = 0
            rest = substr(rest, mark + 2)
            code = code " "
            continue
        }
        if (is_include ? !match(rest, /\/\*|\/\//) : !match(rest, /\/\*|\/\/|"|'/)) {
            return code rest
        }
        code = code substr(rest, 1, RSTART - 1)
        mark = substr(rest, RSTART, 2)
        if (mark == "//") {
            had_comment = 1
            return code
        }
        if (mark == "/*") {
            in_comment = 1
            rest = substr(rest, RSTART + 2)
            continue
        }
        quote = substr(mark, 1, 1)
        rest = after_literal(substr(rest, RSTART + 1), quote)
        code = code quote quote
    }
    return code
}

# What follows a literal whose opening `quote` has been taken from `rest`.
function after_literal(rest, quote,    at, c) {
    for (at = 1; at <= length(rest); at++) {
        c = substr(rest, at, 1)
        if (c == "\\") {
            at++
        } else if (c == quote) {
            return substr(rest, at + 1)
        }
    }
    return ""
}
