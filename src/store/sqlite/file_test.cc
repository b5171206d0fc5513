#include "store/sqlite/file.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite/test_file.h"

namespace hedgerow::store::sqlite {
namespace {

using std::filesystem::path;

mode_t mode_of(const path& file) {
  struct stat s {};
  return stat(file.c_str(), &s) == 0 ? s.st_mode & 07777 : 0;
}

TEST(file, network_file_systems_are_known) {
  EXPECT_EQ(network_file_system(0x6969), "NFS");
  EXPECT_EQ(network_file_system(0xff534d42), "CIFS");
  EXPECT_EQ(network_file_system(0xef53), "");      // ext4
  EXPECT_EQ(network_file_system(0x01021994), "");  // tmpfs
  EXPECT_FALSE(local_fuse("fuse.sshfs"));
  EXPECT_FALSE(local_fuse("unknown"));
  EXPECT_TRUE(local_fuse("fuseblk"));
}

TEST(file, is_private_whatever_the_umask) {
  for (const mode_t mask : {mode_t{0}, mode_t{022}, mode_t{077}}) {
    temporary_folder folder;
    const auto file = folder.path / "a" / "b" / "hedgerow.db";
    const mode_t before = umask(mask);
    {
      file_store store(file);
      store.read();
      EXPECT_EQ(mode_of(file), 0600U);
      EXPECT_EQ(mode_of(wal_of(file)), 0600U);
      EXPECT_EQ(mode_of(shm_of(file)), 0600U);
      EXPECT_EQ(mode_of(folder.path / "a"), 0700U);
      EXPECT_EQ(mode_of(folder.path / "a" / "b"), 0700U);
    }
    umask(before);
  }
}

TEST(file, loses_the_rights_of_others_but_not_of_the_group) {
  temporary_folder folder;
  const auto file = folder.path / "hedgerow.db";
  file_store{file}.read();
  chmod(file.c_str(), 0666);
  file_store store(file);
  EXPECT_EQ(mode_of(file), 0660U);
  EXPECT_EQ(mode_of(wal_of(file)) & 07, 0U);
}

TEST(file, behind_a_symbolic_link_is_the_file) {
  temporary_folder folder;
  const auto link = folder.path / "link.db";
  std::filesystem::create_symlink(folder.path / "real.db", link);
  file_store by_link(link);
  file_store by_name(folder.path / "real.db");
  EXPECT_EQ(by_link.read().epoch, by_name.read().epoch);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
}

// The error of opening `file` as a user who is not root.
std::string open_as_nobody(const path& file) {
  return test_process([&]() -> std::string {
           if (geteuid() == 0 && setuid(65534) != 0) return "cannot change the user";
           const auto opened = lanes::open(in_file(file));
           return opened ? "" : opened.error().message();
         })
      .answer();
}

TEST(file, in_a_folder_without_write_permission_is_refused_in_words) {
  temporary_folder folder;
  const auto inner = folder.path / "inner";
  std::filesystem::create_directory(inner);
  chmod(folder.path.c_str(), 0755);
  chmod(inner.c_str(), 0555);
  for (const path& file : {inner / "hedgerow.db", inner / "deeper" / "hedgerow.db"}) {
    const std::string text = open_as_nobody(file);
    EXPECT_NE(text.find(inner.native()), std::string::npos) << text;
    EXPECT_NE(text.find("Permission denied"), std::string::npos) << text;
    EXPECT_NE(text.find("--store"), std::string::npos) << text;
  }
}

TEST(file, that_is_read_only_is_refused_in_words) {
  temporary_folder folder;
  const auto file = folder.path / "hedgerow.db";
  file_store{file}.read();
  chmod(folder.path.c_str(), 0777);
  chmod(file.c_str(), 0440);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(file.c_str(), 0, 65534), 0);
  }
  const std::string text = open_as_nobody(file);
  EXPECT_NE(text.find(file.native()), std::string::npos) << text;
  EXPECT_NE(text.find("permissions"), std::string::npos) << text;
}

}  // namespace
}  // namespace hedgerow::store::sqlite
