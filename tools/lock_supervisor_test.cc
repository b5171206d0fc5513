// Whether COMMAND is started at all: what a supervisor makes of orders that come late.

#include "tools/lock_supervisor.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

constexpr std::int64_t second = 1'000'000'000;

class supervised : public testing::Test {
 protected:
  supervised() {
    std::filesystem::remove(trace_);
    auto started = lock_supervisor::start(
        {.command = {"touch", trace_}, .lock = "job", .lease_ns = 10 * second});
    EXPECT_TRUE(started) << started.error().message();
    if (started) supervisor_ = std::move(*started);
  }
  ~supervised() override { std::filesystem::remove(trace_); }

  // The last word, at the latest after 20 s.
  supervisor_report::kind outcome() {
    for (;;) {
      pollfd one{supervisor_->reports_fd(), POLLIN, 0};
      if (poll(&one, 1, 20'000) != 1) return supervisor_report::kind::dead;
      const auto said = supervisor_->take_report();
      if (said && said->what != supervisor_report::kind::started) return said->what;
    }
  }
  bool ran() const { return std::filesystem::exists(trace_); }

  const std::string trace_ =
      std::filesystem::temp_directory_path() / ("hedgerow_supervised." + std::to_string(getpid()));
  std::unique_ptr<lock_supervisor> supervisor_;
};

TEST_F(supervised, a_command_runs_while_the_lock_is_held) {
  supervisor_->run(7, boot_now_ns() + 10 * second);
  EXPECT_EQ(outcome(), supervisor_report::kind::exited);
  EXPECT_TRUE(ran());
}

TEST_F(supervised, a_command_does_not_begin_when_its_time_is_over) {
  supervisor_->run(7, boot_now_ns());
  EXPECT_EQ(outcome(), supervisor_report::kind::too_late);
  EXPECT_FALSE(ran());
}

TEST_F(supervised, a_command_does_not_begin_in_the_time_in_which_it_would_be_asked_to_stop) {
  supervisor_->run(7, boot_now_ns() + 2 * second);
  EXPECT_EQ(outcome(), supervisor_report::kind::too_late);
  EXPECT_FALSE(ran());
}

TEST_F(supervised, a_command_does_not_begin_once_the_lock_is_not_to_be_used) {
  supervisor_->stop();
  supervisor_->run(7, boot_now_ns() + 10 * second);
  EXPECT_EQ(outcome(), supervisor_report::kind::too_late);
  EXPECT_FALSE(ran());
}

}  // namespace
}  // namespace hedgerow::tools
