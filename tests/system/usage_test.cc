// Command lines that are wrong, and help.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {
namespace {

void expect_one_line(const outcome& tried, const std::string& words) {
  EXPECT_EQ(tried.err.find("hedgerow: "), 0u) << tried.err;
  EXPECT_NE(tried.err.find(words), std::string::npos) << tried.err;
  EXPECT_EQ(std::count(tried.err.begin(), tried.err.end(), '\n'), 1) << tried.err;
  EXPECT_EQ(tried.out, "");
}

TEST(usage, that_is_wrong_exits_with_2_and_one_line) {
  const std::pair<arguments, const char*> wrong[] = {
      {{}, "say what to do"},
      {{"fly"}, "fly"},
      {{"agent", "--unknown"}, "--unknown"},
      {{"members", "--timeout", "soon"}, "write it like 500ms"},
      {{"agent", "--lease", "-1s"}, "--lease"},
      {{"agent", "--listen", "here"}, "HOST:PORT"},
      {{"agent", "--tag", "x"}, "KEY=VALUE"},
      {{"agent", "--handlers", "many"}, "--handlers"},
      {{"send", "a", "b"}, "b"},
      {{"watch", "--log-level", "loud"}, "not one of"},
      {{"help", "fly"}, "fly"}};
  for (const auto& [given, words] : wrong) {
    const outcome tried = run_command(given);
    EXPECT_EQ(tried.code, 2) << tried.err;
    expect_one_line(tried, words);
  }
  const outcome tried = run_command({"members"}, {}, {{"HEDGEROW_TIMEOUT", "soon"}});
  EXPECT_EQ(tried.code, 2);
  expect_one_line(tried, "write it like");
}

TEST(usage, of_names_that_no_group_can_have_is_refused) {
  cluster group{"500ms"};
  const arguments base{"agent", "--store", group.store(), "--lease", "500ms"};
  const auto with = [&](const arguments& more) {
    arguments all = base;
    all.insert(all.end(), more.begin(), more.end());
    return run_command(all);
  };
  const std::pair<arguments, const char*> refused[] = {
      {{"--name", ""}, "name is empty"},
      {{"--name", std::string(256, 'x')}, "256 bytes"},
      {{"--group", ""}, "group is empty"},
      {{"--zone", std::string(256, 'x')}, "zone"},
      {{"--tag", "k=" + std::string(9000, 'x')}, "tags"},
      {{"--lease", "50ms"}, "100 ms"},
      {{"--clock", "ntp"}, "write auto"},
      {{"--clock", "declared:5"}, "declared:5ms"},
      {{"--clock", "chrony:10.0.0.1:323"}, "loopback"},
      {{"--clock", "machine", "--store", "postgres://db/x"}, "--clock auto"}};
  for (const auto& [given, words] : refused) {
    const outcome tried = with(given);
    EXPECT_EQ(tried.code, 1) << tried.err;
    expect_one_line(tried, words);
  }
  for (const char* nowhere : {"0.0.0.0", "[::]:7000", "node:0", "[fe80::1]", "a b", "::1"}) {
    const outcome tried = with({"--advertise", nowhere});
    EXPECT_EQ(tried.code, 1) << tried.err;
    expect_one_line(tried, "advertise");
  }
  const outcome plain = with({"--listen", "0.0.0.0:0"});
  EXPECT_EQ(plain.code, 1);
  expect_one_line(plain, "insecure");
}

TEST(usage, of_a_port_that_is_taken_is_refused) {
  const int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof any;
  const auto address = reinterpret_cast<sockaddr*>(&any);
  ASSERT_EQ(bind(taken, address, size), 0);
  ASSERT_EQ(listen(taken, 1), 0);
  ASSERT_EQ(getsockname(taken, address, &size), 0);
  const std::string where = "127.0.0.1:" + std::to_string(ntohs(any.sin_port));
  cluster group;
  const outcome tried = group.run({"agent", "--name", "a", "--listen", where});
  EXPECT_EQ(tried.code, 1);
  expect_one_line(tried, where);
  close(taken);
}

TEST(usage, is_taught) {
  const std::vector<const char*> all{"Example:", "Exit codes:", "--timeout", "--json",
                                     "--log-level"};
  const std::vector<const char*> of_groups{"--group", "--store",    "--agent",
                                           "--lease", "--insecure", "HEDGEROW_GROUP"};
  for (const std::string command :
       {"agent", "members", "leader", "clock", "watch", "send", "broadcast"}) {
    const outcome help = run_command({command, "--help"});
    EXPECT_EQ(help.code, 0);
    for (const char* part : all)
      EXPECT_NE(help.out.find(part), std::string::npos) << command << " lacks " << part;
    for (const char* part : of_groups)
      EXPECT_EQ(help.out.find(part) == std::string::npos, command == "clock")
          << command << ": " << part;
    EXPECT_EQ(run_command({"help", command}).out, help.out);
  }
  EXPECT_EQ(run_command({"--version"}).out.find("hedgerow 0."), 0u);
  EXPECT_NE(run_command({"--help"}).out.find("broadcast"), std::string::npos);
  EXPECT_EQ(run_command({"help"}).code, 0);
}

TEST(usage, comes_from_the_environment_too) {
  cluster group{"500ms"};
  process_setup with;
  with.arguments = {HEDGEROW_COMMAND, "agent"};
  with.environment = {{"HEDGEROW_NAME", "a"},      {"HEDGEROW_STORE", group.store()},
                      {"HEDGEROW_LEASE", "500ms"}, {"HEDGEROW_GROUP", "g"},
                      {"HEDGEROW_JSON", "true"},   {"HEDGEROW_ZONE", "z"},
                      {"HEDGEROW_TAG", "k=v,l=w"}, {"HEDGEROW_ON_SEND", "echo from-sh"}};
  const agent& one = group.start_with("a", with);
  ASSERT_TRUE(group.wait_formed()) << one.name();
  const std::map<std::string, std::string> mine{
      {"HEDGEROW_STORE", group.store()}, {"HEDGEROW_GROUP", "g"}, {"HEDGEROW_JSON", "1"}};
  const json members = run_command({"members"}, {}, mine).object();
  EXPECT_EQ(members["members"][0]["zone"], "z");
  EXPECT_EQ(members["members"][0]["tags"].dump(), R"({"k":"v","l":"w"})");
  EXPECT_EQ(run_command({"send", "x"}, {}, mine).object()["reply"], "from-sh\n");
}

}  // namespace
}  // namespace hedgerow::system_test
