// A machine that runs out: of disk under the store, and of descriptors under an agent.

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/hostile_peer.h"
#include "tests/system/harness/store_connection.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

// A file system of a few megabytes, seen by this thread and what it starts, and gone with them.
class small_disk {
 public:
  explicit small_disk(std::filesystem::path folder) : folder_{std::move(folder)} {
    std::filesystem::create_directory(folder_);
    mounted_ = unshare(CLONE_NEWNS) == 0 &&
               mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               mount("small", folder_.c_str(), "tmpfs", 0, "size=8m,mode=0700") == 0;
    if (!mounted_) ADD_FAILURE() << "cannot mount, needs root: " << std::strerror(errno);
  }
  ~small_disk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  std::string store() const { return folder_ / "hedgerow.db"; }
  void fill() {
    std::ofstream filler{folder_ / "filler", std::ios::binary};
    for (const std::string page(4096, 'x'); filler.write(page.data(), 4096).flush();) {
    }
    EXPECT_EQ(std::filesystem::space(folder_).available, 0u);
  }
  void make_room() { std::filesystem::remove(folder_ / "filler"); }

 private:
  std::filesystem::path folder_;
  bool mounted_ = false;
};

TEST(scarcity, of_disk_ends_leadership_in_time_and_damages_nothing) {
  cluster group{"1s"};
  small_disk disk{group.folder() / "disk"};
  ASSERT_FALSE(HasFailure());
  for (const char* name : {"a", "b", "c"})
    group.start(name, {"--store", disk.store()});
  ASSERT_TRUE(group.wait_formed());
  agent& leader = *group.leader();
  const std::string address = leader.address();
  const std::int64_t old_token = (*leader.latest("leadership"))["token"];
  const std::size_t from = leader.count();
  disk.fill();
  const auto filled = steady_clock::now();
  const event* lost = leader.await(
      "leadership", [](const json& l) { return !l["leading"]; }, 5s, from);
  ASSERT_NE(lost, nullptr);
  EXPECT_LE(lost->at - filled, 1300ms) << "the lease that was renewed last";
  EXPECT_NE(leader.await(
                "store", [](const json& s) { return s["status"] == "unavailable"; }, 5s, from),
            nullptr);
  const outcome asked = run_command({"members", "--json", "--agent", address});
  EXPECT_EQ(asked.object()["members"].size(), 3u) << asked.err;
  EXPECT_EQ(run_command({"send", "x", "--agent", address, "--timeout", "300ms"}).code, 3);

  disk.make_room();
  ASSERT_TRUE(wait_for([&] { return group.leader() != nullptr; }, 8s)) << "by itself";
  EXPECT_TRUE(group.wait_formed(5s));
  EXPECT_GE((*group.leader()->latest("leadership"))["token"], old_token);
  EXPECT_EQ(run_command({"send", "x", "--agent", address}).code, 0);
  group.kill(group.leader()->name());
  ASSERT_TRUE(group.wait_formed());
  EXPECT_GT((*group.leader()->latest("leadership"))["token"], old_token);
  store_connection own{disk.store()};
  EXPECT_EQ(own.text("PRAGMA integrity_check"), "ok");
}

class without_descriptors : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a", "b", "c"})
      group.start(name, {"--log-level", "warning"});
    ASSERT_TRUE(group.wait_formed());
    leader = group.leader();
    told = leader->count();
  }
  void flood() {
    for (int i = 0; i < 300; ++i) {
      strangers.emplace_back(leader->address());
      strangers.back().say(hello_of_client());
    }
  }
  // Over some leases.
  void expect_it_keeps_its_place() {
    const auto begin = steady_clock::now();
    EXPECT_FALSE(wait_for(
        [&] {
          return steady_clock::now() - begin < 2s && leader->first("leadership", agent::any, told);
        },
        2s));
    for (agent* one : group.agents())
      EXPECT_EQ(one->members().size(), 3u) << one->name();
  }
  void expect_it_recovers() {
    strangers.clear();
    EXPECT_EQ(run_command({"send", "x", "--agent", leader->address()}).code, 0);
    EXPECT_TRUE(group.wait_formed(1s));
    EXPECT_EQ(leader->first("leadership", agent::any, told), nullptr);
  }

  cluster group{"500ms"};
  agent* leader = nullptr;
  std::size_t told = 0;
  std::vector<hostile_peer> strangers;
};

TEST_F(without_descriptors, strangers_get_not_the_last_ones) {
  const pid_t pid = leader->itself().pid();
  limit_descriptors(pid, 100);
  flood();
  EXPECT_TRUE(wait_for(
      [&] {
        const std::string err = leader->itself().err();
        return err.find("connections_turned_away: 127.0.0.1:") != std::string::npos;
      },
      5s));
  EXPECT_LE(open_descriptors(pid), 90u);
  EXPECT_EQ(group.run({"broadcast", "x"}).code, 0) << "others are asked meanwhile";
  expect_it_keeps_its_place();
  expect_it_recovers();
}

TEST_F(without_descriptors, an_agent_keeps_its_place) {
  const pid_t pid = leader->itself().pid();
  rlimit before{};
  ASSERT_EQ(prlimit(pid, RLIMIT_NOFILE, nullptr, &before), 0);
  limit_descriptors(pid, lowest_free_descriptor(pid));
  flood();
  EXPECT_TRUE(wait_for(
      [&] { return leader->itself().err().find("descriptors_exhausted: ") != std::string::npos; },
      5s));
  for (hostile_peer& one : strangers)
    EXPECT_TRUE(wait_for([&] { return one.ended(); }, 5s)) << "shed, not kept waiting";
  expect_it_keeps_its_place();
  limit_descriptors(pid, before.rlim_cur);
  expect_it_recovers();
}

}  // namespace
}  // namespace hedgerow::system_test
