#pragma once
// A control group of the kernel (cgroup), of either version, for limits on a process from outside.

#include <filesystem>
#include <string>

#include <sys/types.h>

namespace hedgerow::system_test {

class control_group {
 public:
  // With this controller, "pids" or "memory". Needs root, and a machine that lets it be made.
  explicit control_group(const std::string& controller);
  // Processes that are left in it go on, without a limit.
  ~control_group();
  control_group(const control_group&) = delete;
  control_group& operator=(const control_group&) = delete;

  // Empty: it is there. Otherwise why not, in words.
  const std::string& why_not() const { return why_not_; }

  // With all its threads, and what it starts later. What it has already is not counted for memory.
  bool take_in(pid_t process) const;
  // Of processes and threads, or of bytes; "max" is none.
  bool limit(const std::string& most) const;

 private:
  bool write(const std::string& file, const std::string& text) const;

  std::string controller_;
  bool unified_ = false;  // version 2
  std::filesystem::path folder_;
  std::string why_not_;
};

}  // namespace hedgerow::system_test
