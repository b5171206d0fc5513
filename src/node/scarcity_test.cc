// What the system refuses while a node, a client or a space of locks is made comes back as an
// error: nothing is thrown, nothing stays open.

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <hedgerow/client.h>
#include <hedgerow/lock.h>
#include <hedgerow/node.h>
#include <sys/resource.h>
#include <unistd.h>

namespace hedgerow {
namespace {

// Allows this process so many descriptors more than it has, while it lives.
class descriptors_left {
 public:
  explicit descriptors_left(rlim_t count) {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit lower = before_;
    lower.rlim_cur = first_free() + count;
    setrlimit(RLIMIT_NOFILE, &lower);
  }
  ~descriptors_left() { setrlimit(RLIMIT_NOFILE, &before_); }
  descriptors_left(const descriptors_left&) = delete;
  descriptors_left& operator=(const descriptors_left&) = delete;

 private:
  static rlim_t first_free() {
    const int fd = dup(STDERR_FILENO);
    close(fd);
    return static_cast<rlim_t>(fd);
  }
  rlimit before_{};
};

class scarcity : public testing::Test {
 protected:
  scarcity() { std::filesystem::create_directory(folder); }
  ~scarcity() override { std::filesystem::remove_all(folder); }

  // Every number of descriptors until there are enough.
  template <class Start>
  void expect_errors_until_enough(const Start& start) {
    int refused = 0;
    for (rlim_t count = 0;; ++count) {
      ASSERT_LT(count, 64u) << "never enough";
      const descriptors_left so_many(count);
      const auto made = start();
      if (made) break;
      ++refused;
      EXPECT_FALSE(made.error().message().empty());
      if (count == 0) {
        EXPECT_EQ(made.error().code, std::errc::too_many_files_open);
        EXPECT_NE(made.error().message().find("no file descriptor is left"), std::string::npos)
            << made.error().message();
      }
    }
    EXPECT_GE(refused, 3);
  }

  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / ("hedgerow-scarcity-" + std::to_string(getpid()));
  const std::string store = folder / "hedgerow.db";
};

std::size_t open_now() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

TEST_F(scarcity, of_descriptors_is_an_error_of_start_and_leaves_nothing_open) {
  options with;
  with.name = "a";
  with.store = store;
  client_options look;
  look.store = store;
  lock_space_options space;
  space.store = store;
  const std::size_t before = open_now();
  expect_errors_until_enough([&] { return node::start(with); });
  expect_errors_until_enough([&] { return client::start(look); });
  expect_errors_until_enough([&] { return lock_space::open(space); });
  EXPECT_EQ(open_now(), before);
}

}  // namespace
}  // namespace hedgerow
