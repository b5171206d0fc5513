# HEDGEROW_SANITIZE instruments everything that this build compiles.

if(HEDGEROW_SANITIZE)
  add_compile_options(-fsanitize=${HEDGEROW_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${HEDGEROW_SANITIZE})
  if(HEDGEROW_SANITIZE MATCHES "undefined")
    # The vptr check opens a pipe when it meets a type for the first time; in a process without free
    # descriptors, which a test makes on purpose, it then sees errors that are none.
    add_compile_options(-fno-sanitize=vptr)
  endif()
  if(HEDGEROW_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio, in a benchmark, uses fences, which TSan does not follow; gcc warns of each.
    add_compile_options(-Wno-tsan)
  endif()
endif()
