#include "net/tls_files.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/core.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hedgerow::net {
namespace {

tl::unexpected<error> cannot_read(const std::string& path, const std::string& what,
                                  const std::string& why) {
  return fail(errc::invalid_argument, fmt::format("cannot read {} {}: {}", what, path, why));
}

result<std::string> read_open(int handle, const std::string& path, const std::string& what,
                              std::size_t bytes_max) {
  struct stat about {};
  // Anything else may block, and can't be read again.
  if (::fstat(handle, &about) != 0 || !S_ISREG(about.st_mode))
    return cannot_read(path, what, "it is not a regular file");
  std::string out(bytes_max + 1, '\0');
  std::size_t used = 0;
  while (used < out.size()) {
    const ssize_t got = ::read(handle, out.data() + used, out.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int why = errno;
      OPENSSL_cleanse(out.data(), used);
      return cannot_read(path, what, std::system_category().message(why));
    }
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  if (used > bytes_max) {
    OPENSSL_cleanse(out.data(), used);
    return cannot_read(path, what, fmt::format("it is longer than {} bytes", bytes_max));
  }
  out.resize(used);
  return out;
}

}  // namespace

result<std::string> read_whole(const std::string& path, const std::string& what,
                               std::size_t bytes_max) {
  const int handle = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (handle < 0) return cannot_read(path, what, std::system_category().message(errno));
  auto out = read_open(handle, path, what, bytes_max);
  ::close(handle);
  return out;
}

std::string stamp_of(const tls_settings& files) {
  std::string out;
  for (const std::string* path : {&files.secret_file, &files.cert, &files.key, &files.ca}) {
    struct stat about {};
    if (path->empty() || ::stat(path->c_str(), &about) != 0) {
      out += "-;";
      continue;
    }
    out += fmt::format("{}:{}:{}:{}.{}:{}.{};", about.st_dev, about.st_ino, about.st_size,
                       about.st_mtim.tv_sec, about.st_mtim.tv_nsec, about.st_ctim.tv_sec,
                       about.st_ctim.tv_nsec);
  }
  return out;
}

std::string exposure_of(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return {};
  // root:group 0440 is how a secret is given to one service's group on purpose.
  const bool group = (about.st_mode & S_IRGRP) != 0 && about.st_uid != 0;
  const bool all = (about.st_mode & S_IROTH) != 0;
  if (!group && !all) return {};
  return fmt::format("other users of this machine may read {}; chmod 600 it", path);
}

}  // namespace hedgerow::net
