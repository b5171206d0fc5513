#include "tools/payload_input.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

tl::unexpected<error> too_large(std::size_t bytes_max) {
  return fail(errc::too_large, fmt::format("the message is larger than {} bytes", bytes_max));
}

// As read(2), and blocks also on what was inherited as non-blocking.
ssize_t read_some(int fd, std::array<char, 65536>& buffer) {
  for (;;) {
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n >= 0 || (errno != EINTR && errno != EAGAIN)) return n;
    if (errno == EINTR) continue;
    pollfd ready{fd, POLLIN, 0};
    poll(&ready, 1, -1);
  }
}

}  // namespace

result<std::string> read_payload(const std::optional<std::string>& text, int fd,
                                 std::size_t bytes_max) {
  if (text && *text != "-") {
    if (text->size() > bytes_max) return too_large(bytes_max);
    return *text;
  }
  if (!text && isatty(fd) != 0)
    return fail(errc::invalid_argument, "nothing to send; give a TEXT, or - to type it");
  std::string payload;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t n = read_some(fd, buffer);
    if (n < 0)
      return tl::unexpected(error(
          std::error_code(errno, std::generic_category()),
          fmt::format("stdin could not be read: {}", std::generic_category().message(errno))));
    if (n == 0) return payload;
    payload.append(buffer.data(), static_cast<std::size_t>(n));
    if (payload.size() > bytes_max) return too_large(bytes_max);
  }
}

}  // namespace hedgerow::tools
