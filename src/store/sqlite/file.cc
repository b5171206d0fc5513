#include "store/sqlite/file.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace hedgerow::store::sqlite {
namespace {

using std::filesystem::path;

constexpr std::int64_t fuse_magic = 0x65735546;

tl::unexpected<error> failed(std::string_view what, const path& where, int code) {
  std::string text =
      fmt::format("cannot {} {}: {}", what, where.native(), std::generic_category().message(code));
  if (code == EACCES || code == EPERM || code == EROFS)
    text += "; this user may not write there: choose another file with --store";
  if (code == ENOSPC || code == EDQUOT) text += "; make room there";
  return fail(errc::store_unavailable, std::move(text));
}

result<void> create_folders(const path& folder) {
  if (folder.empty() || mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return failed("create the folder", folder, errno);
  if (auto parent = create_folders(folder.parent_path()); !parent) return parent;
  if (mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return failed("create the folder", folder, errno);
}

// The type of the mounted file system on which `folder` is, such as "fuse.sshfs".
std::string mounted_type(const path& folder) {
  struct stat s {};
  if (stat(folder.c_str(), &s) != 0) return "unknown";
  const std::string device = fmt::format("{}:{}", major(s.st_dev), minor(s.st_dev));
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string id, parent, dev, word, type;
    fields >> id >> parent >> dev;
    if (dev != device) continue;
    while (fields >> word && word != "-") {
    }
    if (fields >> type) return type;
  }
  return "unknown";
}

result<void> refuse_network(const path& folder) {
  struct statfs s {};
  if (statfs(folder.c_str(), &s) != 0) return failed("look at the folder", folder, errno);
  const auto magic = static_cast<std::int64_t>(s.f_type) & 0xffffffff;
  std::string kind(network_file_system(magic));
  if (magic == fuse_magic) {
    kind = mounted_type(folder);
    if (local_fuse(kind)) kind.clear();
  }
  if (kind.empty()) return {};
  return fail(errc::invalid_argument,
              fmt::format("the store's folder {} is on a network or shared file system ({}), where "
                          "SQLite's locks are not safe; choose a file on a local disk with --store",
                          folder.native(), kind));
}

}  // namespace

std::optional<file_id> identify(const path& file) {
  struct stat s {};
  if (stat(file.c_str(), &s) != 0) return std::nullopt;
  return file_id{s.st_dev, s.st_ino};
}

result<path> prepare_folder(const path& file) {
  const path folder = file.parent_path();
  if (auto made = create_folders(folder); !made) return tl::unexpected(made.error());
  std::error_code code;
  path real = std::filesystem::weakly_canonical(file, code);
  // Which leaves a link to a file that is not there as it is.
  for (int depth = 0; !code && depth < 16 && std::filesystem::is_symlink(real, code); ++depth)
    real = std::filesystem::weakly_canonical(
        real.parent_path() / std::filesystem::read_symlink(real, code), code);
  if (code && code != std::errc::no_such_file_or_directory)
    return failed("resolve", file, code.value());
  if (auto local = refuse_network(real.parent_path()); !local) return tl::unexpected(local.error());
  return real;
}

result<void> create_private(const path& file) {
  if (mknod(file.c_str(), S_IFREG | 0600, 0) == 0 || errno == EEXIST) return {};
  return failed("create", file, errno);
}

result<void> tighten(const path& file) {
  constexpr mode_t others = 07;
  for (const path& one : {file, wal_of(file), shm_of(file)}) {
    struct stat s {};
    if (stat(one.c_str(), &s) != 0) continue;
    if (!S_ISREG(s.st_mode))
      return fail(errc::invalid_argument,
                  fmt::format("the store {} is not a regular file", one.native()));
    if ((s.st_mode & others) == 0) continue;
    if (chmod(one.c_str(), s.st_mode & 07777 & ~others) == 0) continue;
    if ((s.st_mode & S_IWOTH) != 0)
      return fail(errc::store_unavailable,
                  fmt::format("{} belongs to another user and may be written by everybody, who "
                              "could then appoint leaders; take that right away (chmod o-w)",
                              one.native()));
  }
  return {};
}

path wal_of(const path& file) {
  return path(file) += "-wal";
}

path shm_of(const path& file) {
  return path(file) += "-shm";
}

path journal_of(const path& file) {
  return path(file) += "-journal";
}

std::string_view network_file_system(std::int64_t magic) {
  constexpr std::array<std::pair<std::int64_t, std::string_view>, 15> known{{
      {0x6969, "NFS"},
      {0x517b, "SMB"},
      {0xff534d42, "CIFS"},
      {0xfe534d42, "SMB2"},
      {0x01021997, "9P"},
      {0x5346414f, "AFS"},
      {0x6b414653, "AFS"},
      {0x00c36400, "Ceph"},
      {0x0bd00bd0, "Lustre"},
      {0x47504653, "GPFS"},
      {0x01161970, "GFS2"},
      {0x7461636f, "OCFS2"},
      {0x73757245, "Coda"},
      {0x20030528, "OrangeFS"},
      {0xaad7aaea, "PanFS"},
  }};
  for (const auto& [number, name] : known)
    if (number == magic) return name;
  return {};
}

bool local_fuse(std::string_view type) {
  return type == "fuseblk" || type == "fuse.fuse-overlayfs" || type == "fuse.bindfs";
}

result<folder_lock> folder_lock::take(const path& folder, const std::function<bool()>& give_up) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("open the folder", folder, errno);
  folder_lock lock(fd);
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return failed("lock the folder", folder, errno);
    if (give_up())
      return fail(errc::store_unavailable,
                  fmt::format("the folder {} is locked by another process that is opening its "
                              "store and does not finish; see `fuser {}`",
                              folder.native(), folder.native()));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return lock;
}

folder_lock::~folder_lock() {
  if (fd_ >= 0) ::close(fd_);
}

folder_lock::folder_lock(folder_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

}  // namespace hedgerow::store::sqlite
