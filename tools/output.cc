#include "tools/output.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <poll.h>
#include <unistd.h>

namespace hedgerow::tools {

result<void> print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {  // inherited as non-blocking
      pollfd ready{STDOUT_FILENO, POLLOUT, 0};
      poll(&ready, 1, -1);
      continue;
    }
    if (n < 0) {
      const std::error_code code(errno, std::generic_category());
      return tl::unexpected(error(code, "stdout could not be written: " + code.message()));
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

result<void> print_payload(std::string_view bytes) {
  auto printed = print(bytes);
  if (printed && isatty(STDOUT_FILENO) != 0 && !bytes.ends_with('\n')) printed = print("\n");
  return printed;
}

}  // namespace hedgerow::tools
