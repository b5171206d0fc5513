# What `cmake --install` lays down: headers, the library, the CMake package and the command.

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
if(TARGET hedgerow_command)
  install(TARGETS hedgerow_command COMPONENT command)
endif()
