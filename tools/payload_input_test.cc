#include "tools/payload_input.h"

#include <chrono>
#include <future>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
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

// Whether somebody reads it empty in time.
bool read_empty(int fd, const std::future<result<std::string>>& by) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  for (int waiting = 1; std::chrono::steady_clock::now() < end;) {
    if (ioctl(fd, FIONREAD, &waiting) == 0 && waiting == 0) return true;
    if (by.wait_for(std::chrono::milliseconds{1}) == std::future_status::ready) return false;
  }
  return false;
}

TEST(payload_input, is_waited_for_on_a_descriptor_that_does_not_block) {
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
  auto payload = std::async(std::launch::async, [&fds] { return read_payload("-", fds[0], 100); });
  // Often: each time it finds nothing there, or comes too late to.
  for (int i = 0; i < 100 && read_empty(fds[0], payload); ++i)
    EXPECT_EQ(write(fds[1], "x", 1), 1);
  close(fds[1]);
  EXPECT_EQ(payload.get().value_or("none"), std::string(100, 'x'));
  close(fds[0]);
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
