#include "tests/system/harness/own_paths.h"

#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace hedgerow::system_test {
namespace {

bool bind_over(const std::string& from, const std::string& to) {
  return mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) == 0;
}

bool bind_file(const std::string& from, const std::string& to) {
  const int fd = open(to.c_str(), O_CREAT | O_CLOEXEC | O_WRONLY, 0644);
  if (fd >= 0) close(fd);
  return fd >= 0 && bind_over(from, to);
}

// The machine's /dev can't get a new name without everybody's seeing it, so this is another.
bool bind_vmclock(const std::string& file) {
  const std::string folder = file + ".dev";
  std::filesystem::create_directory(folder);
  if (mount("none", folder.c_str(), "tmpfs", 0, nullptr) != 0) return false;
  for (const std::string name : {"null", "urandom"}) {
    if (!bind_file("/dev/" + name, folder + "/" + name)) return false;
  }
  return bind_file(file, folder + "/vmclock0") &&
         mount(folder.c_str(), "/dev", nullptr, MS_BIND | MS_REC, nullptr) == 0;
}

}  // namespace

bool with_paths(const own_paths& paths, const std::function<void()>& what) {
  if (paths.run.empty() && paths.vmclock.empty()) {
    what();
    return true;
  }
  bool made = false;
  std::thread{[&] {
    made = unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           (paths.run.empty() || bind_over(paths.run, "/run")) &&
           (paths.vmclock.empty() || bind_vmclock(paths.vmclock));
    if (made) what();
  }}.join();
  return made;
}

}  // namespace hedgerow::system_test
