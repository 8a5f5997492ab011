# SPDX-License-Identifier: Apache-2.0
# Sanitizers for the whole build (SWITCHGEN_SANITIZE), and hardening for the rest.
if(SWITCHGEN_SANITIZE)
  add_compile_options(-fsanitize=${SWITCHGEN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SWITCHGEN_SANITIZE} -fno-sanitize-recover=all)
  # gcc's manual: with sanitizers this warning has more false positives. The other builds have it.
  add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
else()
  add_compile_options(-fstack-protector-strong -fstack-clash-protection
                      $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,--as-needed)
endif()
if(SWITCHGEN_FUZZ) # lets libFuzzer see which branches an input takes
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
