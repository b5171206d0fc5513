# What `cmake --install` lays down, by component:
#   library  headers, library, CMake package, hedgerow.pc
#   command  the command and its manual pages
#   docs     README, docs/, examples/ and the licence
# All of it may be moved: nothing names the prefix or a folder of the build.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/hedgerow)

install(TARGETS hedgerow EXPORT hedgerow COMPONENT library FILE_SET HEADERS COMPONENT library)
install(EXPORT hedgerow NAMESPACE hedgerow:: FILE hedgerowTargets.cmake DESTINATION ${package}
        COMPONENT library)
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/hedgerowConfig.cmake.in ${CMAKE_BINARY_DIR}/hedgerowConfig.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/hedgerowConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/hedgerowConfig.cmake
              ${CMAKE_BINARY_DIR}/hedgerowConfigVersion.cmake
        DESTINATION ${package} COMPONENT library)

# hedgerow_from(out folder target start): how `target` is reached from `folder`, both as
# GNUInstallDirs has them, under the prefix or absolute; `start` stands for `folder`.
function(hedgerow_from out folder target start)
  if(IS_ABSOLUTE "${folder}" OR IS_ABSOLUTE "${target}")
    cmake_path(ABSOLUTE_PATH target BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} NORMALIZE)
    set(${out} ${target} PARENT_SCOPE)
  else()
    cmake_path(RELATIVE_PATH target BASE_DIRECTORY ${folder} OUTPUT_VARIABLE way)
    set(${out} ${start}/${way} PARENT_SCOPE)
  endif()
endfunction()

# An archive needs what it was made of at every link, a shared library only where all is static.
set(HEDGEROW_PC_REQUIRES "fmt spdlog sqlite3 libpq protobuf-lite libssl libcrypto")
set(HEDGEROW_PC_PRIVATE "")
if(BUILD_SHARED_LIBS)
  set(HEDGEROW_PC_PRIVATE .private)
endif()
set(pkgconfig ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
hedgerow_from(HEDGEROW_PC_LIBDIR ${pkgconfig} ${CMAKE_INSTALL_LIBDIR} "\${pcfiledir}")
hedgerow_from(HEDGEROW_PC_INCLUDEDIR ${pkgconfig} ${CMAKE_INSTALL_INCLUDEDIR} "\${pcfiledir}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/hedgerow.pc.in ${CMAKE_BINARY_DIR}/hedgerow.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/hedgerow.pc DESTINATION ${pkgconfig} COMPONENT library)

if(TARGET hedgerow_command)
  if(BUILD_SHARED_LIBS)
    hedgerow_from(libraries ${CMAKE_INSTALL_BINDIR} ${CMAKE_INSTALL_LIBDIR} "$ORIGIN")
    set_target_properties(hedgerow_command PROPERTIES INSTALL_RPATH ${libraries})
  endif()
  install(TARGETS hedgerow_command COMPONENT command)
endif()
if(TARGET man)
  install(DIRECTORY ${HEDGEROW_MAN_DIR}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
          COMPONENT command FILES_MATCHING PATTERN "*.1")
endif()

install(FILES README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md LICENSE
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT docs)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT docs)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT docs
        FILES_MATCHING PATTERN "*.cc")
