# Target hedgerow_warnings: warnings and hardening for Hedgerow's own code. Never linked to
# generated code; headers of other projects are SYSTEM and stay silent.

add_library(hedgerow_warnings INTERFACE)

target_compile_options(
  hedgerow_warnings
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wconversion
            -Wsign-conversion
            -Wold-style-cast
            -Wnon-virtual-dtor
            -Woverloaded-virtual
            -Wcast-qual
            -Wformat=2
            -Wextra-semi
            -Wsuggest-override
            -Wundef
            $<$<BOOL:${HEDGEROW_WERROR}>:-Werror>)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(
    hedgerow_warnings
    INTERFACE -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wimplicit-fallthrough=5
              # False in gcc 12 for moves of variant and optional.
              -Wno-maybe-uninitialized)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # gcc PR 105651: false for "literal" + std::string; gone in 13.
    target_compile_options(hedgerow_warnings INTERFACE -Wno-restrict)
  endif()
else()
  # C++20 designated initialisers leave the rest to the defaults on purpose.
  # std::stable_partition of libstdc++ 12 uses what libstdc++ 12 deprecates.
  target_compile_options(hedgerow_warnings INTERFACE -Wimplicit-fallthrough
                                                     -Wno-missing-designated-field-initializers
                                                     -Wno-deprecated-declarations)
endif()

target_compile_definitions(hedgerow_warnings INTERFACE _GLIBCXX_ASSERTIONS)
if(NOT HEDGEROW_SANITIZE)
  set(release "$<CONFIG:Release,RelWithDebInfo>")
  target_compile_options(
    hedgerow_warnings INTERFACE $<${release}:-U_FORTIFY_SOURCE> $<${release}:-D_FORTIFY_SOURCE=2>
                                $<${release}:-fstack-protector-strong>)
endif()
