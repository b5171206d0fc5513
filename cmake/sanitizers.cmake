# HEDGEROW_SANITIZE instruments everything that this build compiles.

if(HEDGEROW_SANITIZE)
  add_compile_options(-fsanitize=${HEDGEROW_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${HEDGEROW_SANITIZE})
  if(HEDGEROW_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio uses fences, which TSan does not follow; gcc warns of each.
    add_compile_options(-Wno-tsan)
  endif()
endif()
