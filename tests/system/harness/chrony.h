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
  explicit chrony(const std::filesystem::path& folder);

  // Where the follower takes commands.
  std::string udp() const { return "127.0.0.1:" + std::to_string(command_port_); }
  std::string socket() const { return folder_ / "chronyd.sock"; }
  void stop_server() { server_.reset(); }
  void stop_follower() { follower_.reset(); }
  std::string told() const;  // for a failed test

 private:
  std::unique_ptr<process> start(const std::string& name, const std::string& settings) const;

  std::filesystem::path folder_;
  int command_port_ = 0;
  std::unique_ptr<process> server_;
  std::unique_ptr<process> follower_;
};

}  // namespace hedgerow::system_test
