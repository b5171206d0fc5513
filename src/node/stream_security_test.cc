// Streams on encrypted connections, and over a change of the group's secret.

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <hedgerow/client.h>
#include <hedgerow/node.h>

#include "net/test_security.h"
#include "node/test_streams.h"

namespace hedgerow {
namespace {

using namespace std::chrono_literals;

class secured_streams : public testing::Test {
 protected:
  void start(const std::string& secrets) {
    options o;
    o.name = "ann";
    o.store = folder.path("group.db");
    o.lease = 500ms;
    o.security.secret_file = folder.write("members.secret", secrets);
    o.on_stream = stream_handler::on_thread(echo);
    auto one = node::start(std::move(o));
    ASSERT_TRUE(one) << one.error().message();
    leader = std::move(*one);
    client_options look;
    look.store = folder.path("group.db");
    look.security.secret_file = folder.write("clients.secret", secrets);
    auto other = client::start(look);
    ASSERT_TRUE(other) << other.error().message();
    from = std::move(*other);
    ASSERT_TRUE(from->wait_for_leader(20s));
  }
  stream open() const {
    auto s = from->open_stream({.opening = 20s});
    EXPECT_TRUE(s);
    return *s;
  }
  static void expect_echo(stream& s, const std::string& text) {
    ASSERT_TRUE(s.write(text));
    const auto back = s.read();
    ASSERT_TRUE(back) << back.error().message();
    ASSERT_TRUE(*back);
    EXPECT_EQ(**back, text);
  }
  static void expect_clean_end(stream& s) {
    s.finish();
    EXPECT_FALSE(s.read().value());
    const auto how = s.wait();
    EXPECT_TRUE(how.outcome) << how.outcome.error().message();
    EXPECT_EQ(how.acknowledged, s.written());
  }

  net::test_folder folder;
  std::unique_ptr<node> leader;
  std::unique_ptr<client> from;
};

TEST_F(secured_streams, carry_long_messages_both_ways) {
  start(new_secret());
  stream s = open();
  for (const std::size_t size : {0U, 1U, 16'384U, 16'385U, 1U << 20U, 4U << 20U})
    expect_echo(s, std::string(size, 'x'));
  expect_clean_end(s);
}

TEST_F(secured_streams, outlive_the_secret_under_which_they_were_opened) {
  const auto old_one = new_secret();
  const auto new_one = new_secret();
  start(old_one);
  stream early = open();
  expect_echo(early, "under the old one");
  // What docs/security.md says: all know the new one, then use it, then forget the old one. The
  // leader accepts with any in its file, so the order among its steps does not matter.
  folder.write("members.secret", new_one + "\n" + old_one);
  ASSERT_TRUE(leader->reload_security());
  folder.write("clients.secret", new_one);
  ASSERT_TRUE(from->reload_security());
  expect_echo(early, "still");
  stream late = open();
  expect_echo(late, "under the new one");
  folder.write("members.secret", new_one);
  ASSERT_TRUE(leader->reload_security());
  expect_echo(early, "and still");
  expect_clean_end(early);
  expect_echo(late, "goes on");
  expect_clean_end(late);
}

}  // namespace
}  // namespace hedgerow
