# Installs BUILD, moves the prefix away, and builds and runs a copy of a user's project against it:
# by find_package, and by pkg-config with the compiler itself.
# Takes BUILD, SOURCE, SCRATCH, COMPILER, CONFIG, LIBDIR and SHARED.

file(REMOVE_RECURSE ${SCRATCH})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(must_exist)
  foreach(path IN LISTS ARGN)
    if(NOT EXISTS ${SCRATCH}/${path})
      message(FATAL_ERROR "not installed: ${path}")
    endif()
  endforeach()
endfunction()

# Each component alone brings its own and nothing else; all of them make up the whole.
function(check_components)
  set(library include/hedgerow/node.h ${LIBDIR}/cmake/hedgerow/hedgerowConfig.cmake
              ${LIBDIR}/pkgconfig/hedgerow.pc)
  set(command bin/hedgerow share/man/man1/hedgerow.1 share/man/man1/hedgerow-agent.1)
  set(docs share/doc/hedgerow/LICENSE share/doc/hedgerow/docs/guide.md
           share/doc/hedgerow/examples/first_steps.cc)
  foreach(component IN ITEMS library command docs)
    run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/${component} --component
        ${component})
    foreach(path IN LISTS ${component})
      must_exist(${component}/${path})
    endforeach()
    file(GLOB_RECURSE one RELATIVE ${SCRATCH}/${component} ${SCRATCH}/${component}/*)
    list(APPEND parts ${one})
  endforeach()
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/at_first)
  file(GLOB_RECURSE all RELATIVE ${SCRATCH}/at_first ${SCRATCH}/at_first/*)
  list(SORT parts)
  list(SORT all)
  if(NOT parts STREQUAL all)
    message(FATAL_ERROR "the components are not the whole:\n${parts}\n${all}")
  endif()
endfunction()

# Nothing that others read names this machine's build, source or prefix.
function(check_paths prefix)
  file(GLOB_RECURSE texts ${prefix}/*.cmake ${prefix}/*.pc ${prefix}/*.h ${prefix}/*.1)
  foreach(text IN LISTS texts)
    file(READ ${text} content)
    foreach(path IN ITEMS ${BUILD} ${SOURCE} ${SCRATCH})
      string(FIND "${content}" "${path}" at)
      if(NOT at EQUAL -1)
        message(FATAL_ERROR "${text} names ${path}")
      endif()
    endforeach()
  endforeach()
endfunction()

check_components()
file(RENAME ${SCRATCH}/at_first ${SCRATCH}/prefix)
set(prefix ${SCRATCH}/prefix)
check_paths(${prefix})
run(${prefix}/bin/hedgerow --version)

file(COPY ${CMAKE_CURRENT_LIST_DIR}/CMakeLists.txt ${CMAKE_CURRENT_LIST_DIR}/main.cc
     DESTINATION ${SCRATCH}/project)
run(${CMAKE_COMMAND} -G Ninja -S ${SCRATCH}/project -B ${SCRATCH}/by_cmake
    -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_BUILD_TYPE=${CONFIG})
run(${CMAKE_COMMAND} --build ${SCRATCH}/by_cmake)
run(${SCRATCH}/by_cmake/user ${SCRATCH}/by_cmake/group.db)

set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
set(runpath "")
if(SHARED)
  set(runpath -Wl,-rpath,${prefix}/${LIBDIR})
endif()
execute_process(COMMAND pkg-config --cflags --libs hedgerow OUTPUT_VARIABLE flags
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
execute_process(COMMAND ${COMPILER} -std=c++20 ${flags} -M ${SCRATCH}/project/main.cc
                OUTPUT_VARIABLE headers COMMAND_ERROR_IS_FATAL ANY)
if(NOT headers MATCHES "include/hedgerow/node.h" OR headers MATCHES "${SOURCE}/(include|src)")
  message(FATAL_ERROR "headers from elsewhere than the prefix:\n${headers}")
endif()
foreach(program IN ITEMS ${SCRATCH}/project/main.cc
                         ${prefix}/share/doc/hedgerow/examples/first_steps.cc)
  cmake_path(GET program STEM name)
  run(${COMPILER} -std=c++20 ${program} ${flags} ${runpath} -o ${SCRATCH}/${name})
endforeach()
run(${SCRATCH}/main ${SCRATCH}/by_pkg_config.db)
