#include "tools/output.h"

#include <cstdio>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tools/shell_process.h"

namespace hedgerow::tools {
namespace {

TEST(output, waits_for_a_descriptor_that_does_not_block) {
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
  const descriptor out{fds[0]};
  ASSERT_EQ(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
  std::string text;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t n = 0; (n = read(out.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
  });
  std::fflush(stdout);
  const descriptor before{dup(STDOUT_FILENO)};
  dup2(fds[1], STDOUT_FILENO);
  close(fds[1]);
  const std::string much(3'000'000, 'x');  // far more than a pipe holds
  const auto printed = print(much);
  dup2(before.get(), STDOUT_FILENO);
  reader.join();
  EXPECT_TRUE(printed) << printed.error().message();
  EXPECT_TRUE(text == much) << text.size();
}

}  // namespace
}  // namespace hedgerow::tools
