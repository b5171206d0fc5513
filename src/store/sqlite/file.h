#pragma once
// The store's file as the operating system sees it: identity, permissions, folder, file system.
//
// Nothing here opens the database file. Closing any descriptor of it would drop the POSIX locks
// that SQLite holds on it for the whole process.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

namespace hedgerow::store::sqlite {

struct file_id {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  bool operator==(const file_id&) const = default;
};

// Of what the path leads to now; nothing if there is nothing (or it cannot be seen).
std::optional<file_id> identify(const std::filesystem::path& file);

// Creates missing folders (0700) and refuses network file systems, on which SQLite's locks and
// shared memory do not work. Returns the path without symbolic links: SQLite puts its -wal and -shm
// files beside that.
result<std::filesystem::path> prepare_folder(const std::filesystem::path& file);

// Makes an empty file with 0600, whatever the umask. An existing one is not touched.
result<void> create_private(const std::filesystem::path& file);

// Takes all rights of "others" away from the database and its side files, where they are ours. The
// rights of the group stay: giving them was somebody's choice, so that several users may share one
// store. Fails if the file belongs to somebody else and everybody may write to it.
result<void> tighten(const std::filesystem::path& file);

// The files that SQLite keeps beside a database.
std::filesystem::path wal_of(const std::filesystem::path& file);
std::filesystem::path shm_of(const std::filesystem::path& file);
std::filesystem::path journal_of(const std::filesystem::path& file);

// The name of a file system that does not work, from statfs's magic number; empty for others.
std::string_view network_file_system(std::int64_t magic);
// Whether a FUSE file system is known to be local, from the type in /proc/self/mountinfo.
bool local_fuse(std::string_view type);

// An exclusive lock on a folder, held while a database in it is created, opened or replaced, so
// that our own processes do this one after another.
class folder_lock {
 public:
  // Asks `give_up` every few milliseconds while somebody else has it.
  static result<folder_lock> take(const std::filesystem::path& folder,
                                  const std::function<bool()>& give_up);
  ~folder_lock();
  folder_lock(folder_lock&& other) noexcept;
  folder_lock& operator=(folder_lock&&) = delete;

 private:
  explicit folder_lock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace hedgerow::store::sqlite
