# One library per layer, so that a layer which includes what it may not does not link or compile.
# scripts/layers.py checks the same rules by reading the sources.

# hedgerow_sources(out folder...): the sources in these folders that are not tests (*_test.cc) and
# not shared by tests (test_*.cc).
function(hedgerow_sources out)
  set(sources "")
  foreach(folder IN LISTS ARGN)
    file(GLOB found CONFIGURE_DEPENDS ${folder}/*.cc)
    list(APPEND sources ${found})
  endforeach()
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/test_[^/]*\\.cc$")
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

# hedgerow_headers(target scope base folder): adds the folder's headers, included as seen from
# `base`, to the target's header set, which is what all_verify_interface_header_sets compiles.
function(hedgerow_headers target scope base folder)
  file(GLOB headers CONFIGURE_DEPENDS ${folder}/*.h)
  if(headers)
    target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS ${base} FILES ${headers})
  endif()
endfunction()

# hedgerow_layer(name FOLDER folder [LINKS layer-or-library...])
#
# Target hedgerow_<name> of the sources in the folder; INTERFACE while there are none. LINKS is all
# that the layer may include. Its tests become test_<name> in tests/CMakeLists.txt.
function(hedgerow_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "LINKS")
  set(target hedgerow_${name})
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${arg_FOLDER})
  hedgerow_sources(sources ${folder})
  if(sources)
    add_library(${target} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE hedgerow_warnings fmt::fmt)
    set_property(GLOBAL APPEND PROPERTY HEDGEROW_COMPILED_LAYERS ${target})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} ${PROJECT_SOURCE_DIR}/include
                                                ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} ${scope} tl::expected ${arg_LINKS})
  hedgerow_headers(${target} ${scope} ${PROJECT_SOURCE_DIR}/src ${folder})
  set_property(GLOBAL PROPERTY HEDGEROW_FOLDER_${name} ${folder})
endfunction()
