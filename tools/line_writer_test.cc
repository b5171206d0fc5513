#include "tools/line_writer.h"

#include <array>
#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

using namespace std::chrono_literals;

struct pipe_pair {
  pipe_pair() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
  }
  ~pipe_pair() {
    close(fds[0]);
    close(fds[1]);
  }
  std::string read_bytes(std::size_t count) const {
    std::string all;
    std::array<char, 65536> buffer;
    while (all.size() < count) {
      const ssize_t n = read(fds[0], buffer.data(), std::min(buffer.size(), count - all.size()));
      if (n <= 0) break;
      all.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return all;
  }
  int fds[2] = {-1, -1};
};

TEST(line_writer, writes_lines_in_order) {
  const pipe_pair pipe;
  line_writer out{pipe.fds[1]};
  out.write("one");
  out.write("two");
  EXPECT_EQ(pipe.read_bytes(8), "one\ntwo\n");
}

TEST(line_writer, never_waits_for_its_reader) {
  const pipe_pair pipe;
  line_writer out{pipe.fds[1]};
  const std::string line(1023, 'x');
  for (int i = 0; i < 1000; ++i)
    out.write(line);  // far more than a pipe holds
  const auto before = std::chrono::steady_clock::now();
  out.drain(50ms);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 50ms);
  EXPECT_EQ(pipe.read_bytes(1'024'000).size(), 1'024'000u);
  out.drain(10s);
}

TEST(line_writer, tells_once_when_nobody_reads) {
  int fds[2];
  std::signal(SIGPIPE, SIG_IGN);
  ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
  close(fds[0]);
  std::promise<void> broken;
  line_writer out{fds[1], [&broken] { broken.set_value(); }};
  out.write("lost");
  EXPECT_EQ(broken.get_future().wait_for(10s), std::future_status::ready);
  out.write("lost, too");
  out.drain(10s);
  EXPECT_EQ(out.broken(), std::errc::broken_pipe);
  close(fds[1]);
}

TEST(line_writer, tells_nobody_once_it_has_ended) {
  int fds[2];
  std::signal(SIGPIPE, SIG_IGN);
  ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
  std::atomic<bool> told = false;
  std::promise<void> over;
  {
    // Ends with the last that could call.
    std::shared_ptr<void> caller{nullptr, [&over](void*) { over.set_value(); }};
    line_writer out{fds[1], [&told, held = std::move(caller)] { told = true; }};
    out.write(std::string(1'000'000, 'x'));  // far more than a pipe holds
  }
  close(fds[0]);
  ASSERT_EQ(over.get_future().wait_for(10s), std::future_status::ready);
  EXPECT_FALSE(told);
  close(fds[1]);
}

TEST(line_writer, knows_what_broke_it) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  line_writer out{full};
  EXPECT_FALSE(out.broken());
  out.write("lost");
  out.drain(10s);
  EXPECT_EQ(out.broken(), std::errc::no_space_on_device);
  close(full);
}

}  // namespace
}  // namespace hedgerow::tools
