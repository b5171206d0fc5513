#include "tests/system/harness/wall_clock.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace hedgerow::system_test {

void wall_clock::set(std::chrono::nanoseconds ahead) const {
  const std::int64_t ns = ahead.count();
  // In place, at once: the process has it mapped.
  const int fd = open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || pwrite(fd, &ns, sizeof ns, 0) != sizeof ns)
    throw std::system_error(errno, std::generic_category(), file_);
  close(fd);
}

process_setup wall_clock::give_to(process_setup with) const {
  with.environment["LD_PRELOAD"] = HEDGEROW_CHAOS_CLOCK;
  with.environment["HEDGEROW_CHAOS_CLOCK"] = file_;
  return with;
}

}  // namespace hedgerow::system_test
