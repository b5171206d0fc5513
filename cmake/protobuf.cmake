# hedgerow_protobuf(target folder): compiles every folder/*.proto; the headers are included as
# "folder/name.pb.h". Generated code: no warnings of ours.
function(hedgerow_protobuf target folder)
  set(gen ${CMAKE_BINARY_DIR}/gen)
  file(GLOB protos CONFIGURE_DEPENDS ${folder}/*.proto)
  if(NOT protos)
    add_library(${target} INTERFACE)
    return()
  endif()
  set(sources "")
  foreach(proto IN LISTS protos)
    cmake_path(GET proto STEM name)
    set(outputs ${gen}/${folder}/${name}.pb.cc ${gen}/${folder}/${name}.pb.h)
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${gen}
      COMMAND protobuf::protoc --proto_path=${CMAKE_CURRENT_SOURCE_DIR} --cpp_out=${gen} ${proto}
      DEPENDS ${proto}
      COMMENT "protoc ${folder}/${name}.proto"
      VERBATIM)
    list(APPEND sources ${outputs})
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${gen})
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf-lite)
  set_target_properties(${target} PROPERTIES CXX_CLANG_TIDY "" VERIFY_INTERFACE_HEADER_SETS OFF)
  set_property(GLOBAL APPEND PROPERTY HEDGEROW_COMPILED_LAYERS ${target})
endfunction()
