#pragma once
// The real daemon of ClockBound 2 over the real chronyd, in a /run of its own, which is a folder
// outside. Nothing of this machine is touched: not its clock, and no daemon of its own.
//
// Needs root. The daemon is no Debian package; scripts/clockbound.py builds it.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/system/harness/chrony.h"

namespace hedgerow::system_test {

class clockbound {
 public:
  // Empty: it is there and can be run. Otherwise why not, in words.
  static std::string unavailable();

  // Everything runs. `options` are the daemon's.
  explicit clockbound(const std::filesystem::path& folder,
                      std::vector<std::string> options = {"--max-drift-rate", "50",
                                                          "--disable-clock-disruption-support"});

  const std::filesystem::path& run_folder() const { return run_folder_; }
  std::string segment() const { return run_folder_ / "clockbound" / "shm0"; }
  chrony& time() { return time_; }
  process& daemon() { return *daemon_; }
  void start();  // SIGKILL first to one that runs
  void kill() { daemon_.reset(); }
  std::string told() const;  // for a failed test

 private:
  std::filesystem::path run_folder_;
  std::vector<std::string> options_;
  chrony time_;
  std::unique_ptr<process> daemon_;
};

}  // namespace hedgerow::system_test
