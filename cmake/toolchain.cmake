# Language, output folders and compiler cache.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  # Gives the target all_verify_interface_header_sets: every header is compiled alone.
  set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
  endif()

  # NOHASHDIR and BASEDIR: presets share cached objects, and so do clones in different folders.
  find_program(HEDGEROW_CCACHE ccache)
  mark_as_advanced(HEDGEROW_CCACHE)
  if(HEDGEROW_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_NOHASHDIR=1
        CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${HEDGEROW_CCACHE})
  endif()
endif()
