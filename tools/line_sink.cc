#include "tools/line_sink.h"

#include <cerrno>
#include <climits>
#include <string>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace hedgerow::tools {

line_sink::line_sink(int fd) : fd_{fd}, interrupted_{eventfd(0, EFD_CLOEXEC)} {
  // Without it nobody could call it off.
  if (!interrupted_.open())
    throw std::system_error(errno, std::generic_category(), "no file descriptor for stdout's end");
}

void line_sink::interrupt() {
  eventfd_write(interrupted_.get(), 1);
}

result<void> line_sink::write_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd fds[] = {{interrupted_.get(), POLLIN, 0}, {fd_, POLLOUT, 0}};
    if (poll(fds, 2, -1) < 0 && errno == EINTR) continue;
    if (fds[0].revents != 0) return fail(errc::stopped, "called off");
    // A pipe that is writable takes so much without blocking.
    const ssize_t n = ::write(fd_, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
      const std::error_code code(errno, std::generic_category());
      return tl::unexpected(error(code, "stdout could not be written: " + code.message()));
    }
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

result<void> line_sink::write(std::string_view line) {
  std::string whole(line);
  whole.push_back('\n');
  const std::lock_guard lock{mutex_};
  return write_bytes(whole);
}

}  // namespace hedgerow::tools
