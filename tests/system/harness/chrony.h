#pragma once
// The real chronyd, one that serves its own clock and one that follows it. Neither touches the
// machine's clock.

#include <filesystem>
#include <memory>
#include <string>

#include "tests/system/harness/process.h"

namespace hedgerow::system_test {

class chrony {
 public:
  // Both run. `run_folder`, if given, is their /run, and the follower's socket lies in it where
  // programs look for it; otherwise it lies in `folder`. `drift_ppm`: how fast the follower's error
  // grows, in its opinion.
  explicit chrony(std::filesystem::path folder, std::filesystem::path run_folder = {},
                  int drift_ppm = 50);

  // Where the follower takes commands.
  std::string udp() const { return "127.0.0.1:" + std::to_string(command_port_); }
  std::string socket() const;
  process& follower() { return *follower_; }
  // Again: SIGKILL first to whichever runs.
  void start_server();
  void start_follower();
  void stop_server() { server_.reset(); }
  void stop_follower() { follower_.reset(); }
  std::string told() const;  // for a failed test

 private:
  std::unique_ptr<process> start(const std::string& name, const std::string& settings) const;

  std::filesystem::path folder_;
  std::filesystem::path run_folder_;
  int drift_ppm_ = 0;
  int time_port_ = 0;
  int command_port_ = 0;
  std::unique_ptr<process> server_;
  std::unique_ptr<process> follower_;
};

}  // namespace hedgerow::system_test
