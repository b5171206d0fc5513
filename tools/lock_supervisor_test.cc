// Whether COMMAND is started at all: what a supervisor makes of orders that come late. And that no
// signal is lost that comes just as it is started.

#include "tools/lock_supervisor.h"

#include <csignal>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

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
    supervise({"touch", trace_});
  }
  ~supervised() override { std::filesystem::remove(trace_); }

  void supervise(std::vector<std::string> command) {
    supervisor_.reset();  // first: the next would inherit its pipe, and it waits for that to close
    auto started = lock_supervisor::start(
        {.command = std::move(command), .lock = "job", .lease_ns = 10 * second});
    ASSERT_TRUE(started) << started.error().message();
    supervisor_ = std::move(*started);
  }
  // At the latest after 20 s, then as if it were dead.
  supervisor_report next_report() {
    for (;;) {
      pollfd one{supervisor_->reports_fd(), POLLIN, 0};
      if (poll(&one, 1, 20'000) != 1) return {};
      if (const auto said = supervisor_->take_report()) return *said;
    }
  }
  supervisor_report last_report() {
    for (;;) {
      const auto said = next_report();
      if (said.what != supervisor_report::kind::started) return said;
    }
  }
  supervisor_report::kind outcome() { return last_report().what; }
  // By what was forwarded, not because its time was over: that would be SIGTERM, too.
  void expect_killed_by(int signal) {
    const auto said = last_report();
    ASSERT_EQ(said.what, supervisor_report::kind::killed);
    ASSERT_EQ(said.number, signal);
    ASSERT_EQ(said.stopped, 0) << "the signal was lost";
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

TEST_F(supervised, a_signal_before_the_command_is_started_comes_once_it_is) {
  supervise({"sleep", "20"});
  supervisor_->forward(SIGHUP);
  supervisor_->run(7, boot_now_ns() + 10 * second);
  expect_killed_by(SIGHUP);
}

TEST_F(supervised, a_signal_just_behind_the_order_to_run_is_not_lost) {
  for (int i = 0; i < 50 && !HasFatalFailure(); ++i) {
    supervise({"sleep", "20"});
    supervisor_->run(7, boot_now_ns() + 10 * second);
    supervisor_->forward(SIGTERM);
    expect_killed_by(SIGTERM);
  }
}

TEST_F(supervised, a_signal_in_the_moment_of_the_start_is_not_lost) {
  for (int i = 0; i < 50 && !HasFatalFailure(); ++i) {
    supervise({"sleep", "20"});
    supervisor_->run(7, boot_now_ns() + 10 * second);
    ASSERT_EQ(next_report().what, supervisor_report::kind::started);
    supervisor_->forward(SIGTERM);
    expect_killed_by(SIGTERM);
  }
}

}  // namespace
}  // namespace hedgerow::tools
