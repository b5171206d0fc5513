// A SQLite store under a disk that turns read-only, and one whose writer is stopped in the middle.

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/store_connection.h"
#include "tests/system/harness/tenures.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

bool not_leading(const json& leadership) {
  return !leadership["leading"];
}

// A file system in a file, seen by this thread and what it starts. When its kernel finds an error
// it turns read-only under whoever has its files open, as disks that fail do.
class failing_disk {
 public:
  explicit failing_disk(std::filesystem::path folder)
      : folder_{std::move(folder)}, image_{folder_.native() + ".img"} {
    std::filesystem::create_directory(folder_);
    const bool apart = unshare(CLONE_NEWNS) == 0 &&
                       mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    const outcome made = run_program(
        {"/bin/sh", "-c",
         "truncate -s 16M \"$0\" && mkfs.ext4 -q \"$0\" && losetup -f --show \"$0\"", image_});
    device_ = made.out.substr(0, made.out.find('\n'));
    mounted_ = apart && made.code == 0 && mount_it();
    if (!mounted_) why_not_ = made.err.empty() ? std::strerror(errno) : made.err;
  }
  ~failing_disk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
    if (!device_.empty()) run_program({"losetup", "-d", device_});
  }
  failing_disk(const failing_disk&) = delete;
  failing_disk& operator=(const failing_disk&) = delete;

  // Empty, or why there is none: it needs root, and a kernel that lends loop devices.
  const std::string& why_not() const { return why_not_; }
  std::string store() const { return folder_ / "hedgerow.db"; }
  bool fail() const {
    const std::string name = std::filesystem::path{device_}.filename();
    std::ofstream trigger{"/sys/fs/ext4/" + name + "/trigger_fs_error"};
    trigger << "1" << std::flush;
    return trigger.good();
  }
  // Once nobody has its files open: as an administrator mends it.
  bool mend() {
    if (umount2(folder_.c_str(), 0) != 0) return false;
    const outcome checked = run_program({"fsck.ext4", "-p", "-f", device_});
    return checked.code >= 0 && checked.code <= 1 && mount_it();
  }

 private:
  bool mount_it() {
    return mount(device_.c_str(), folder_.c_str(), "ext4", 0, "errors=remount-ro") == 0;
  }

  std::filesystem::path folder_;
  std::string image_;
  std::string device_;
  std::string why_not_;
  bool mounted_ = false;
};

TEST(disk, that_turns_read_only_ends_leadership_in_time_and_damages_nothing) {
  cluster group{"1s"};
  failing_disk disk{group.folder() / "disk"};
  if (!disk.why_not().empty()) GTEST_SKIP() << "no file system in a file: " << disk.why_not();
  for (const char* name : {"a", "b"})
    group.start(name, {"--store", disk.store()});
  ASSERT_TRUE(group.wait_formed());
  agent& leader = *group.leader();
  const std::string address = leader.address();
  const std::size_t from = leader.count();
  ASSERT_TRUE(disk.fail());
  EXPECT_NE(leader.await("leadership", not_leading, 5s, from), nullptr);
  EXPECT_NE(leader.await(
                "store", [](const json& s) { return s["status"] == "unavailable"; }, 5s, from),
            nullptr);
  const outcome asked = run_command({"members", "--json", "--agent", address});
  EXPECT_EQ(asked.object()["members"].size(), 2u) << asked.err;
  EXPECT_EQ(run_command({"send", "x", "--agent", address, "--timeout", "300ms"}).code, 3);
  // An agent that starts now says why it can't.
  const outcome refused = run_command({"agent", "--name", "c", "--store", disk.store()});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find(disk.store()), std::string::npos) << refused.err;
  for (agent* one : group.agents()) {
    one->itself().signal(SIGTERM);
    EXPECT_EQ(one->itself().wait_exit(8s), 0);
  }
  for (const char* name : {"a", "b"})
    group.forget(name);

  ASSERT_TRUE(disk.mend());
  for (const char* name : {"a", "b"})
    group.start(name, {"--store", disk.store()});
  ASSERT_TRUE(group.wait_formed());
  EXPECT_EQ(expect_one_after_the_other(group).size(), 2U);
  {
    store_connection own{disk.store()};
    EXPECT_EQ(own.text("PRAGMA integrity_check"), "ok");
  }
  for (const char* name : {"a", "b"}) {
    group[name].itself().signal(SIGTERM);
    EXPECT_EQ(group[name].itself().wait_exit(8s), 0) << "its files are closed";
  }
}

// As an agent that is stopped in the middle of a statement would: it has written, and holds the
// lock until it runs on or is killed.
class stopped_writer {
 public:
  explicit stopped_writer(const std::string& store) : process_{setup(store)} {
    EXPECT_TRUE(wait_for([this] { return !process_.lines(0).empty(); }, 10s)) << process_.err();
    process_.signal(SIGSTOP);
  }
  void go_on() { process_.signal(SIGCONT); }
  void kill() { process_.signal(SIGKILL); }

 private:
  static process_setup setup(const std::string& store) {
    process_setup with;
    with.arguments = {"/usr/bin/python3", "-c",
                      "import signal, sqlite3, sys\n"
                      "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCONT])\n"
                      "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
                      "db.execute('BEGIN IMMEDIATE')\n"
                      "db.execute('UPDATE hedgerow_lease SET renewed_us = renewed_us + 1')\n"
                      "print('held', flush=True)\n"
                      "signal.sigwait([signal.SIGCONT])\n"
                      "db.execute('COMMIT')\n",
                      store};
    return with;
  }

  process process_;
};

TEST(disk, whose_writer_is_stopped_in_the_middle_costs_leadership_and_nothing_else) {
  cluster group{"500ms"};
  for (const char* name : {"a", "b", "c"})
    group.start(name);
  ASSERT_TRUE(group.wait_formed());
  for (const bool killed : {false, true}) {
    agent& leader = *group.leader();
    const std::string address = leader.address();
    const std::size_t from = leader.count();
    stopped_writer writer{group.store()};
    ASSERT_NE(leader.await("leadership", not_leading, 5s, from), nullptr)
        << "in time, by the clock";
    for (agent* one : group.agents()) {
      const outcome asked = run_command({"members", "--json", "--agent", one->address()});
      EXPECT_EQ(asked.object()["members"].size(), 3u) << asked.err;
    }
    EXPECT_EQ(run_command({"broadcast", "x", "--agent", address}).code, 0);
    EXPECT_EQ(run_command({"send", "x", "--agent", address, "--timeout", "300ms"}).code, 3);
    if (killed)
      writer.kill();
    else
      writer.go_on();
    ASSERT_TRUE(group.wait_formed()) << "by itself";
  }
  expect_one_after_the_other(group);
  store_connection own{group.store()};
  EXPECT_EQ(own.text("PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace hedgerow::system_test
