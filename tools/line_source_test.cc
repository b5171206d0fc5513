#include "tools/line_source.h"

#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

class source : public testing::Test {
 protected:
  source() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) ADD_FAILURE() << "no pipe";
    out = descriptor{fds[0]};
    in = descriptor{fds[1]};
  }
  void say(std::string_view text) const {
    ASSERT_EQ(write(in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  static std::vector<std::string> all(line_source& of) {
    std::vector<std::string> lines;
    for (;;) {
      auto line = of.next();
      EXPECT_TRUE(line) << line.error().message();
      if (!line || !*line) return lines;
      lines.push_back(**line);
    }
  }

  descriptor out;
  descriptor in;
};

TEST_F(source, gives_lines_without_their_newlines) {
  say("one\n\n three \r\nlast");
  in.reset();
  line_source lines{out.get(), 100};
  EXPECT_EQ(all(lines), (std::vector<std::string>{"one", "", " three \r", "last"}));
  EXPECT_FALSE(lines.next().value());  // and stays at its end
}

TEST_F(source, gives_a_line_as_soon_as_it_is_there) {
  line_source lines{out.get(), 100};
  say("one\ntw");
  EXPECT_EQ(lines.next().value(), "one");
  say("o\n");
  EXPECT_EQ(lines.next().value(), "two");
}

TEST_F(source, gives_long_lines_up_to_the_limit) {
  const std::string longest(200'000, 'x');
  std::thread writer([&] {
    for (const auto& text : {longest + "\n", std::string("short\n"), longest + "y\n"}) {
      for (std::string_view rest = text; !rest.empty();) {
        const ssize_t n = write(in.get(), rest.data(), rest.size());
        if (n <= 0) return;
        rest.remove_prefix(static_cast<std::size_t>(n));
      }
    }
    in.reset();
  });
  line_source lines{out.get(), longest.size()};
  EXPECT_TRUE(lines.next().value() == longest);
  EXPECT_EQ(lines.next().value(), "short");
  const auto longer = lines.next();
  writer.join();
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, errc::too_large);
  EXPECT_EQ(longer.error().message(), "line 3 of stdin is longer than 200000 bytes");
}

TEST_F(source, refuses_a_line_that_does_not_end) {
  say(std::string(1000, 'x'));
  line_source lines{out.get(), 999};
  const auto endless = lines.next();  // and does not wait for more of it
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, errc::too_large);
}

TEST_F(source, is_called_off_while_it_waits) {
  line_source lines{out.get(), 100};
  std::thread other([&] { lines.interrupt(); });
  EXPECT_FALSE(lines.next().value());
  other.join();
}

TEST_F(source, tells_what_keeps_it_from_reading) {
  const descriptor folder{open("/", O_RDONLY | O_CLOEXEC)};
  line_source none{folder.get(), 100};
  const auto failed = none.next();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, std::errc::is_a_directory);
}

TEST_F(source, is_not_made_without_a_descriptor) {
  rlimit whole{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &whole), 0);
  const rlimit none{0, whole.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_THROW(line_source(out.get(), 100), std::system_error);
  setrlimit(RLIMIT_NOFILE, &whole);
}

}  // namespace
}  // namespace hedgerow::tools
