# What Hedgerow is built on. hedgerowConfig.cmake.in repeats what a user of the installed library
# needs: keep the two in step.

find_package(Threads REQUIRED)
find_package(tl-expected REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(Protobuf REQUIRED)
find_package(OpenSSL REQUIRED)

if(HEDGEROW_PROGRAMS)
  find_package(CLI11 REQUIRED)
  find_package(benchmark REQUIRED)
  # Of a benchmark that speaks HTTP. Without coroutines: Boost 1.74 does not compile as C++20 with
  # them and gcc 12.
  find_package(Boost 1.74 REQUIRED)
  add_library(hedgerow_asio INTERFACE)
  target_link_libraries(hedgerow_asio INTERFACE Boost::headers Threads::Threads)
  target_compile_definitions(hedgerow_asio INTERFACE BOOST_ASIO_DISABLE_CO_AWAIT
                                                     BOOST_ASIO_NO_DEPRECATED)
endif()
if(HEDGEROW_TESTS)
  find_package(GTest REQUIRED)
endif()
