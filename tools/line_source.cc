#include "tools/line_source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace hedgerow::tools {

line_source::line_source(int fd, std::size_t line_bytes_max)
    : fd_{fd}, line_bytes_max_{line_bytes_max}, interrupted_{eventfd(0, EFD_CLOEXEC)} {
  // Without it nobody could call it off.
  if (!interrupted_.open())
    throw std::system_error(errno, std::generic_category(), "no file descriptor for stdin's end");
}

void line_source::interrupt() {
  eventfd_write(interrupted_.get(), 1);
}

// False at the end, and when it was interrupted.
result<bool> line_source::fill() {
  std::array<char, 65536> chunk;
  for (;;) {
    pollfd fds[] = {{interrupted_.get(), POLLIN, 0}, {fd_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno == EINTR) continue;
    if (fds[0].revents != 0) return false;
    const ssize_t n = read(fd_, chunk.data(), chunk.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) {
      const std::error_code code(errno, std::generic_category());
      return tl::unexpected(error(code, "stdin could not be read: " + code.message()));
    }
    if (n == 0) return false;
    buffer_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    buffer_.append(chunk.data(), static_cast<std::size_t>(n));
    return true;
  }
}

result<std::optional<std::string>> line_source::next() {
  for (bool more = true;;) {
    const auto newline = buffer_.find('\n', searched_);
    searched_ = std::min(newline, buffer_.size());
    if (searched_ - begin_ > line_bytes_max_) {
      return fail(errc::too_large, fmt::format("line {} of stdin is longer than {} bytes",
                                               number_ + 1, line_bytes_max_));
    }
    const bool whole = newline != buffer_.npos;
    if (whole || (!more && begin_ < buffer_.size())) {
      ++number_;
      std::string line = buffer_.substr(begin_, searched_ - begin_);
      begin_ = searched_ = std::min(searched_ + 1, buffer_.size());
      return std::optional<std::string>(std::move(line));
    }
    if (!more) return std::optional<std::string>();
    auto filled = fill();
    if (!filled) return tl::unexpected(filled.error());
    more = *filled;
  }
}

}  // namespace hedgerow::tools
