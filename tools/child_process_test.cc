#include "tools/child_process.h"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <future>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t mebibyte = 1024 * 1024;

class child_process : public testing::Test {
 protected:
  child_process() { std::signal(SIGPIPE, SIG_IGN); }

  static shell_command shell(std::string command, std::string_view input = {}) {
    return {.command = std::move(command),
            .input = input,
            .environment = {},
            .time_left = 20s,
            .stop = {},
            .output_bytes_max = 16 * mebibyte};
  }
  static std::string error_of(const shell_command& what) {
    const auto outcome = run_shell_command(what);
    return outcome ? "no error, but: " + *outcome : outcome.error().message();
  }
  static std::ptrdiff_t open_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  }
  // Also false for a process that is dead and not yet reaped by init.
  static bool alive(pid_t pid) {
    char state = 'X';
    if (FILE* file = std::fopen(fmt::format("/proc/{}/stat", pid).c_str(), "re")) {
      if (std::fscanf(file, "%*d %*s %c", &state) != 1) state = 'X';
      std::fclose(file);
    }
    return state != 'X' && state != 'Z';
  }
  static bool dies(pid_t pid) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (alive(pid) && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    return !alive(pid);
  }
};

TEST_F(child_process, replies_with_its_output_byte_for_byte) {
  const std::string input("\0\xff\n bytes \0", 12);
  EXPECT_EQ(run_shell_command(shell("cat", input)).value(), input);
  EXPECT_EQ(run_shell_command(shell("printf ok")).value(), "ok");
  EXPECT_EQ(run_shell_command(shell("true", "unread")).value(), "");
}

TEST_F(child_process, moves_much_both_ways_at_once) {
  const std::string input(5 * mebibyte, 'x');
  EXPECT_TRUE(run_shell_command(shell("cat", input)).value() == input);
  EXPECT_EQ(run_shell_command(shell("head -c 10", input)).value(), input.substr(0, 10));
}

TEST_F(child_process, sees_its_environment_and_not_ours_twice) {
  setenv("HEDGEROW_TOKEN", "old", 1);
  shell_command what = shell("env | grep ^HEDGEROW_TOKEN; printf %s \"$HEDGEROW_FROM\"");
  what.environment = {{"HEDGEROW_TOKEN", "7"}, {"HEDGEROW_FROM", "a b'$x"}};
  EXPECT_EQ(run_shell_command(what).value(), "HEDGEROW_TOKEN=7\na b'$x");
  unsetenv("HEDGEROW_TOKEN");
}

TEST_F(child_process, tells_status_and_last_line) {
  EXPECT_EQ(error_of(shell("echo one >&2; echo two >&2; echo out; exit 3")), "exit status 3: two");
  EXPECT_EQ(error_of(shell("exit 4")), "exit status 4");
  EXPECT_EQ(error_of(shell("printf 'no newline' >&2; exit 1")), "exit status 1: no newline");
  EXPECT_EQ(error_of(shell("kill -9 $$")), "killed by signal 9");
  EXPECT_EQ(error_of(shell("head -c 1000000 /dev/zero >&2; echo end >&2; exit 2")).substr(0, 14),
            "exit status 2:");
}

TEST_F(child_process, dies_with_its_group_at_the_deadline) {
  const std::string path = fmt::format("{}hedgerow-{}", testing::TempDir(), getpid());
  shell_command what = shell(fmt::format("sleep 1000 & echo $! > {}; wait", path));
  what.time_left = 300ms;
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(error_of(what), "killed: the deadline passed");
  const auto took = std::chrono::steady_clock::now() - before;
  EXPECT_GE(took, 300ms);
  EXPECT_LT(took, 5s);
  int grandchild = 0;
  if (FILE* file = std::fopen(path.c_str(), "re")) {
    EXPECT_EQ(std::fscanf(file, "%d", &grandchild), 1);
    std::fclose(file);
  }
  ASSERT_GT(grandchild, 0);
  EXPECT_TRUE(dies(grandchild));
  std::filesystem::remove(path);
}

TEST_F(child_process, dies_when_asked_to_stop) {
  std::stop_source stop;
  shell_command what = shell("sleep 1000");
  what.stop = stop.get_token();
  auto outcome = std::async(std::launch::async, [&] { return error_of(what); });
  stop.request_stop();
  EXPECT_EQ(outcome.get(), "killed: leadership ended or the agent stops");
}

TEST_F(child_process, is_not_held_up_by_what_it_leaves_behind) {
  const auto before = std::chrono::steady_clock::now();
  const std::string left = run_shell_command(shell("sleep 1000 & printf $!")).value();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
  EXPECT_TRUE(dies(std::stoi(left)));
}

TEST_F(child_process, may_not_write_more_than_allowed) {
  shell_command what = shell("cat", "12345");
  what.output_bytes_max = 5;
  EXPECT_EQ(run_shell_command(what).value(), "12345");
  what.output_bytes_max = 4;
  EXPECT_EQ(error_of(what), "killed: it wrote more than 4 bytes");
  what = shell("yes");
  EXPECT_EQ(error_of(what), fmt::format("killed: it wrote more than {} bytes", 16 * mebibyte));
}

TEST_F(child_process, inherits_three_descriptors_and_default_signals) {
  const int leaked = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  EXPECT_EQ(run_shell_command(shell("ls /proc/self/fd | tr '\\n' ' '")).value(), "0 1 2 3 ");
  close(leaked);
  // SIGPIPE (number 13) is ignored here; a handler must die of it as usual.
  const std::string ignored =
      run_shell_command(shell("grep ^SigIgn: /proc/self/status | cut -f2")).value();
  EXPECT_EQ(std::stoull(ignored, nullptr, 16) & 0x1000, 0u) << ignored;
}

TEST_F(child_process, leaves_neither_descriptors_nor_zombies) {
  std::ignore = run_shell_command(shell("true"));
  const auto before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    std::ignore = run_shell_command(shell("cat", "x"));
    std::ignore = run_shell_command(shell("exit 1"));
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(child_process, runs_from_many_threads) {
  std::vector<std::future<std::string>> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(std::async(std::launch::async, [i] {
      const std::string input(100'000, static_cast<char>('a' + i));
      return run_shell_command(shell("cat", input)).value() == input ? std::string("same")
                                                                     : std::string("other");
    }));
  }
  for (auto& one : all)
    EXPECT_EQ(one.get(), "same");
}

}  // namespace
}  // namespace hedgerow::tools
