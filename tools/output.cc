#include "tools/output.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <poll.h>
#include <unistd.h>

namespace hedgerow::tools {

std::error_code write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {  // inherited as non-blocking
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return {errno, std::generic_category()};
    }
  }
  return {};
}

result<void> print(std::string_view text) {
  const std::error_code why = write_all(STDOUT_FILENO, text);
  if (!why) return {};
  return tl::unexpected(error(why, "stdout could not be written: " + why.message()));
}

result<void> print_payload(std::string_view bytes) {
  auto printed = print(bytes);
  if (printed && isatty(STDOUT_FILENO) != 0 && !bytes.ends_with('\n')) printed = print("\n");
  return printed;
}

}  // namespace hedgerow::tools
