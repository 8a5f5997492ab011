# SPDX-License-Identifier: Apache-2.0
# sg_embed(FILE HEADER NAME): write HEADER with the bytes of FILE as the static array NAME, now and whenever
# FILE changes.
function(sg_embed file header name)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "((0x..,){24})" "\\1\n    " bytes "${bytes}")
  cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE source)
  file(CONFIGURE OUTPUT ${header} CONTENT
"/* SPDX-License-Identifier: Apache-2.0 */
/* ${source}, made by tools/cmake/embed.cmake. */
static const unsigned char ${name}[] = {
    ${bytes}
};
" @ONLY)
endfunction()
