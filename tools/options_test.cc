#include "tools/options.h"

#include <algorithm>
#include <cstdlib>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

namespace hedgerow::tools {
namespace {

class options : public testing::Test {
 protected:
  ~options() override {
    for (const char* name : {"HEDGEROW_GROUP", "HEDGEROW_TIMEOUT", "HEDGEROW_JSON", "HEDGEROW_TAG",
                             "HEDGEROW_LOG_LEVEL", "HEDGEROW_ON_SEND"})
      unsetenv(name);
  }

  // Empty, or what is wrong.
  std::string parse(const std::string& arguments, const std::vector<std::string>& more = {}) {
    shared = {};
    agent = {};
    CLI::App app;
    CLI::App& command = *app.add_subcommand("agent");
    add_shared_options(command, shared);
    add_agent_options(command, agent);
    std::vector<std::string> words = CLI::detail::split_up("agent " + arguments);
    words.insert(words.end(), more.begin(), more.end());
    std::reverse(words.begin(), words.end());  // as CLI11 wants it
    try {
      app.parse(words);
    } catch (const CLI::ParseError& why) {
      return why.what();
    }
    return {};
  }

  shared_options shared;
  agent_settings agent;
};

TEST_F(options, have_defaults) {
  ASSERT_EQ(parse(""), "");
  EXPECT_EQ(shared.group, "default");
  EXPECT_EQ(shared.lease, std::chrono::seconds{3});
  EXPECT_EQ(shared.timeout, std::chrono::seconds{5});
  EXPECT_EQ(shared.log_level, "warning");
  EXPECT_FALSE(shared.json);
  EXPECT_FALSE(agent.name);
  EXPECT_EQ(agent.listen, "127.0.0.1:0");
  EXPECT_EQ(agent.advertise, "");
  EXPECT_EQ(agent.handlers, 8u);
}

TEST_F(options, come_from_the_command_line) {
  ASSERT_EQ(parse("--group g --lease 500ms --json --tag a=1 --tag b=x,y=z --zone z "
                  "--listen [::1]:70 --advertise node-1 --handlers 2 --insecure",
                  {"--name", ""}),
            "");
  EXPECT_EQ(shared.group, "g");
  EXPECT_EQ(shared.lease, std::chrono::milliseconds{500});
  EXPECT_TRUE(shared.json);
  EXPECT_TRUE(shared.insecure);
  EXPECT_EQ(agent.name, "");  // given, and empty: for the caller to refuse
  EXPECT_EQ(agent.tags, (std::map<std::string, std::string>{{"a", "1"}, {"b", "x,y=z"}}));
  EXPECT_EQ(agent.listen, "[::1]:70");
  EXPECT_EQ(agent.advertise, "node-1");
}

TEST_F(options, that_look_like_a_list_are_one_pair) {
  ASSERT_EQ(parse("", {"--tag", "[a=1,b=2]", "--tag", "c=[]"}), "");
  EXPECT_EQ(agent.tags, (std::map<std::string, std::string>{{"[a", "1,b=2]"}, {"c", "[]"}}));
}

TEST_F(options, come_from_the_environment_unless_given) {
  setenv("HEDGEROW_GROUP", "g", 1);
  setenv("HEDGEROW_TIMEOUT", "2m", 1);
  setenv("HEDGEROW_JSON", "1", 1);
  setenv("HEDGEROW_TAG", "a=1,b=2", 1);
  setenv("HEDGEROW_ON_SEND", "cat -v", 1);
  ASSERT_EQ(parse("--timeout 4"), "");
  EXPECT_EQ(shared.group, "g");
  EXPECT_EQ(shared.timeout, std::chrono::seconds{4});
  EXPECT_TRUE(shared.json);
  EXPECT_EQ(agent.on_send, "cat -v");
  EXPECT_EQ(agent.tags, (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}}));
  ASSERT_EQ(parse("--tag c=3"), "");
  EXPECT_EQ(agent.tags, (std::map<std::string, std::string>{{"c", "3"}}));
}

TEST_F(options, that_are_bad_say_what_to_write) {
  const std::pair<const char*, const char*> bad[] = {
      {"--timeout 5x", "write it like"},
      {"--timeout 0", "longer than nothing"},
      {"--lease soon", "write it like"},
      {"--agent nowhere", "is not HOST:PORT"},
      {"--listen :1", "is not HOST:PORT"},
      {"--listen a:65536", "is not HOST:PORT"},
      {"--listen a:1x", "is not HOST:PORT"},
      {"--log-level loud", "is not one of: debug"},
      {"--handlers 0", "--handlers"},
      {"--tag novalue", "is not KEY=VALUE"},
      {"--tag =v", "is not KEY=VALUE"},
      {"--tag a=1 --tag a=2", "two values for the key 'a'"},
      {"--unknown", "--unknown"}};
  for (const auto& [arguments, words] : bad) {
    const std::string why = parse(arguments);
    EXPECT_NE(why.find(words), std::string::npos) << arguments << " -> " << why;
  }
  setenv("HEDGEROW_LOG_LEVEL", "loud", 1);
  EXPECT_NE(parse("").find("is not one of"), std::string::npos);
}

}  // namespace
}  // namespace hedgerow::tools
