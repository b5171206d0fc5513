#include "tools/line_sink.h"

#include <csignal>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

class sink : public testing::Test {
 protected:
  sink() {
    std::signal(SIGPIPE, SIG_IGN);
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) ADD_FAILURE() << "no pipe";
    out = descriptor{fds[0]};
    in = descriptor{fds[1]};
  }
  std::string read_all() const {
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = read(out.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    return text;
  }

  descriptor out;
  descriptor in;
};

TEST_F(sink, keeps_lines_of_several_threads_whole) {
  line_sink lines{in.get()};
  const std::string block(20'000, 'x');
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      for (int k = 0; k < 20; ++k)
        EXPECT_TRUE(lines.write(block));
    });
  }
  std::string text;
  std::thread reader([&] { text = read_all(); });
  for (auto& one : writers)
    one.join();
  in.reset();
  reader.join();
  std::string expected;
  for (int i = 0; i < 80; ++i)
    expected += block + "\n";
  EXPECT_TRUE(text == expected) << text.size();
}

TEST_F(sink, is_called_off_while_nobody_reads) {
  line_sink lines{in.get()};
  std::thread other([&] { lines.interrupt(); });
  result<void> written;
  for (int i = 0; i < 100 && written; ++i)
    written = lines.write(std::string(10'000, 'x'));
  other.join();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, errc::stopped);
  EXPECT_FALSE(lines.write("more"));
}

TEST_F(sink, tells_that_its_reader_is_gone) {
  line_sink lines{in.get()};
  out.reset();
  const auto written = lines.write("x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, std::errc::broken_pipe);
}

TEST_F(sink, waits_for_a_descriptor_that_does_not_block) {
  fcntl(in.get(), F_SETFL, O_NONBLOCK);
  line_sink lines{in.get()};
  const std::string block(300'000, 'x');
  std::string text;
  std::thread reader([&] { text = read_all(); });
  EXPECT_TRUE(lines.write(block));
  in.reset();
  reader.join();
  EXPECT_TRUE(text == block + "\n");
}

TEST_F(sink, is_not_made_without_a_descriptor) {
  rlimit whole{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &whole), 0);
  const rlimit none{0, whole.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_THROW(line_sink{in.get()}, std::system_error);
  setrlimit(RLIMIT_NOFILE, &whole);
}

}  // namespace
}  // namespace hedgerow::tools
