#include "tests/system/harness/control_group.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include <unistd.h>

#include "tests/system/harness/wait.h"

namespace hedgerow::system_test {
namespace {

bool contains(const std::string& list, char separator, const std::string& word) {
  std::istringstream from{list};
  for (std::string one; std::getline(from, one, separator);)
    if (one == word) return true;
  return false;
}

std::string first_line(const std::filesystem::path& file) {
  std::ifstream from{file};
  std::string line;
  std::getline(from, line);
  return line;
}

// Where a hierarchy that has the controller is mounted; empty if none is.
std::filesystem::path hierarchy_of(const std::string& controller, bool& unified) {
  std::ifstream mounts{"/proc/self/mounts"};
  std::string device, at, type, options, rest;
  while (mounts >> device >> at >> type >> options && std::getline(mounts, rest)) {
    unified = type == "cgroup2";
    const std::string has = unified ? first_line(at + "/cgroup.controllers") : options;
    if (type.starts_with("cgroup") && contains(has, unified ? ' ' : ',', controller)) return at;
  }
  return {};
}

}  // namespace

control_group::control_group(const std::string& controller) : controller_{controller} {
  if (geteuid() != 0) {
    why_not_ = "control groups need root";
    return;
  }
  const auto at = hierarchy_of(controller, unified_);
  if (at.empty()) {
    why_not_ = "no hierarchy of control groups has the controller " + controller;
    return;
  }
  std::error_code failed;
  folder_ = at / ("hedgerow-" + std::to_string(getpid()) + "-" + controller);
  if (unified_) std::ofstream{at / "cgroup.subtree_control"} << "+" << controller;
  std::filesystem::create_directory(folder_, failed);
  if (failed)
    why_not_ = "no control group can be made: " + failed.message();
  else if (!limit("max"))
    why_not_ = "a control group can be made, but not limited";
}

control_group::~control_group() {
  if (folder_.empty()) return;
  const auto emptied = [this] {
    std::ifstream left{folder_ / "cgroup.procs"};
    for (std::string process; left >> process;)
      std::ofstream{folder_.parent_path() / "cgroup.procs"} << process;
    return rmdir(folder_.c_str()) == 0 || errno != EBUSY;
  };
  // What was killed is in it for a moment.
  wait_for(emptied, std::chrono::seconds{10});
}

bool control_group::write(const std::string& file, const std::string& text) const {
  std::ofstream to{folder_ / file};
  to << text << std::flush;
  return static_cast<bool>(to);
}

bool control_group::take_in(pid_t process) const {
  return write("cgroup.procs", std::to_string(process));
}

bool control_group::limit(const std::string& most) const {
  if (controller_ == "memory" && !unified_)
    return write("memory.limit_in_bytes", most == "max" ? "-1" : most);
  return write(controller_ + ".max", most);
}

}  // namespace hedgerow::system_test
