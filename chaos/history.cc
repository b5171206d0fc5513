#include "chaos/history.h"

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hedgerow::chaos {
namespace {

[[noreturn]] void die(const std::string& path, const char* what) {
  fmt::print(stderr, "hedgerow-chaos-worker: can't {} {}: {}\n", what, path,
             std::error_code(errno, std::generic_category()).message());
  std::_Exit(1);
}

}  // namespace

std::int64_t true_us() {
  timespec t{};
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);  // libc's is the host's (clock_shim.cc)
  return t.tv_sec * 1'000'000 + t.tv_nsec / 1000;
}

append_file::append_file(const std::string& path)
    : path_(path), fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (fd_ < 0) die(path_, "open");
}

append_file::~append_file() {
  close(fd_);
}

void append_file::write(std::string_view line) const {
  ssize_t n = 0;
  do {
    n = ::write(fd_, line.data(), line.size());
  } while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(line.size())) die(path_, "write");
}

}  // namespace hedgerow::chaos
