#include "tests/system/harness/network.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {
namespace {

constexpr const char* folder = "/run/netns";
constexpr std::string_view mark = "hedgerow-";

// Of runs whose process is no more.
void remove_leftovers() {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(mark)) continue;
    const pid_t owner = std::atoi(name.c_str() + mark.size());
    if (owner > 0 && kill(owner, 0) != 0) run_program({"ip", "netns", "del", name});
  }
}

bool write_file(const char* path, const char* text) {
  std::ofstream file{path};
  return static_cast<bool>(file << text << std::flush);
}

}  // namespace

bool inside(const std::string& network_namespace, const std::function<void()>& what) {
  if (network_namespace.empty()) {
    what();
    return true;
  }
  bool entered = false;
  std::thread{[&] {
    const std::string path = std::string{folder} + "/" + network_namespace;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    entered = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
    if (fd >= 0) close(fd);
    if (entered) what();
  }}.join();
  return entered;
}

network::network(int hosts) : hosts_{hosts}, prefix_{fmt::format("{}{}-", mark, getpid())} {
  if (geteuid() != 0) {
    ADD_FAILURE() << "network namespaces need root: run this test as root";
    return;
  }
  remove_leftovers();
  ready_ = build();
}

network::~network() {
  for (int i = 0; i < hosts_; ++i)
    run_program({"ip", "netns", "del", host(i)});
  run_program({"ip", "netns", "del", prefix_ + "router"});
}

std::string network::host(int number) const {
  return prefix_ + std::to_string(number);
}

std::string network::address(int number, family which) const {
  return which == family::ipv4 ? fmt::format("10.77.{}.2", number)
                               : fmt::format("fd77:{}::2", number);
}

bool network::run(const std::string& command) const {
  std::istringstream words{command};
  std::vector<std::string> all{"ip"};
  for (std::string word; words >> word;)
    all.push_back(word);
  const outcome done = run_program(all);
  if (done.code != 0) ADD_FAILURE() << "ip " << command << ": " << done.err;
  return done.code == 0;
}

bool network::build() {
  const std::string router = prefix_ + "router";
  if (!run("netns add " + router)) return false;
  const bool forwards = inside(router, [] {
    EXPECT_TRUE(write_file("/proc/sys/net/ipv4/ip_forward", "1"));
    EXPECT_TRUE(write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1"));
  });
  for (int i = 0; i < hosts_; ++i) {
    if (!link(i)) return false;
  }
  return forwards;
}

bool network::link(int number) {
  const std::string router = "-n " + prefix_ + "router ";
  const std::string one = "-n " + host(number) + " ";
  const std::string device = "to" + std::to_string(number);
  const std::string net4 = fmt::format("10.77.{}.", number);
  const std::string net6 = fmt::format("fd77:{}::", number);
  return run("netns add " + host(number)) && run(one + "link set lo up") &&
         run(router + "link add " + device + " type veth peer name eth0 netns " + host(number)) &&
         run(router + "addr add " + net4 + "1/24 dev " + device) &&
         run(router + "addr add " + net6 + "1/64 dev " + device + " nodad") &&
         run(one + "addr add " + net4 + "2/24 dev eth0") &&
         run(one + "addr add " + net6 + "2/64 dev eth0 nodad") &&
         run(router + "link set " + device + " up") && run(one + "link set eth0 up") &&
         run(one + "route add default via " + net4 + "1") &&
         run(one + "-6 route add default via " + net6 + "1");
}

void network::change_rules(const char* action, int from, int to) {
  const std::string router = prefix_ + "router";
  for (const auto which : {family::ipv4, family::ipv6}) {
    run(fmt::format("-n {} {} rule {} from {} to {} blackhole", router,
                    which == family::ipv4 ? "-4" : "-6", action, address(from, which),
                    address(to, which)));
  }
}

void network::cut(int from, int to) {
  change_rules("add", from, to);
}

void network::heal(int from, int to) {
  change_rules("del", from, to);
}

}  // namespace hedgerow::system_test
