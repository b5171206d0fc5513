#include "tools/payload_input.h"

#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

// What read_payload makes of these bytes on its descriptor.
result<std::string> piped(const std::optional<std::string>& text, const std::string& bytes,
                          std::size_t limit) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return fail(errc::internal, "pipe");
  std::thread writer{[&] {
    std::ignore = write(fds[1], bytes.data(), bytes.size());
    close(fds[1]);
  }};
  auto payload = read_payload(text, fds[0], limit);
  writer.join();
  close(fds[0]);
  return payload;
}

TEST(payload_input, is_the_text_or_what_comes_in) {
  const std::string bytes("\0\n\xff", 3);
  EXPECT_EQ(piped("hello", bytes, 10).value(), "hello");
  EXPECT_EQ(piped("-", bytes, 10).value(), bytes);
  EXPECT_EQ(piped(std::nullopt, bytes, 10).value(), bytes);
  EXPECT_EQ(piped(std::nullopt, "", 10).value(), "");
  EXPECT_EQ(piped("", bytes, 10).value(), "");
}

TEST(payload_input, is_bounded) {
  EXPECT_EQ(piped("-", "12345", 5).value(), "12345");
  EXPECT_EQ(piped("-", "123456", 5).error().code, errc::too_large);
  EXPECT_EQ(piped("123456", "", 5).error().code, errc::too_large);
}

TEST(payload_input, tells_what_it_can_not_read) {
  const int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(terminal, 0);
  EXPECT_EQ(read_payload(std::nullopt, terminal, 5).error().code, errc::invalid_argument);
  close(terminal);
  EXPECT_NE(read_payload("-", -1, 5).error().message().find("stdin"), std::string::npos);
}

}  // namespace
}  // namespace hedgerow::tools
