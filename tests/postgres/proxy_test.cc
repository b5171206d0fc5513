#include "tests/postgres/proxy.h"

#include <gtest/gtest.h>

#include "tests/postgres/session.h"

namespace hedgerow::postgres_test {
namespace {

constexpr milliseconds moment{300};

class proxied : public testing::Test {
 protected:
  void SetUp() override {
    server.psql(
        "DROP TABLE IF EXISTS counted; CREATE TABLE counted AS SELECT 0 AS n;"
        "GRANT ALL ON counted TO app");
  }
  void TearDown() override { server.psql("DROP TABLE counted"); }

  std::string count() { return server.psql("SELECT n FROM counted"); }
  static bool counts(const proxy_request& one) { return one.sql.starts_with("UPDATE counted"); }
  void rule(ruling what) {
    proxy.decide([what](const proxy_request& one) { return counts(one) ? what : ruling{}; });
  }

  const std::string count_up = "UPDATE counted SET n = n + 1";
  postgres_server& server = postgres_server::shared();
  postgres_proxy proxy{server};
};

TEST_F(proxied, what_is_let_pass_arrives_and_is_told) {
  session client(proxy.url("app"));
  ASSERT_EQ(client.error(), "");
  EXPECT_EQ(client.query("SELECT 42"), "42\n");
  EXPECT_EQ(client.query("nonsense").substr(0, 12), "error: 42601");
  EXPECT_EQ(client.query("SELECT length(repeat('x', 300000)), repeat('y', 300000)").size(),
            300000 + 8);
  ASSERT_EQ(proxy.requests().size(), 3U);
  EXPECT_EQ(proxy.requests()[0].sql, "SELECT 42");
  EXPECT_EQ(proxy.requests()[2].number, 3);
}

TEST_F(proxied, a_request_that_is_cut_before_is_never_executed) {
  session client(proxy.url("app"));
  rule({fate::cut_before});
  EXPECT_EQ(client.query(count_up).substr(0, 6), "error:");
  EXPECT_TRUE(proxy.wait_settled());
  EXPECT_EQ(count(), "0\n");
}

TEST_F(proxied, a_request_that_is_cut_after_is_executed_and_not_answered) {
  session client(proxy.url("app"));
  rule({fate::cut_after});
  EXPECT_EQ(client.query(count_up).substr(0, 6), "error:");
  EXPECT_EQ(count(), "1\n");
}

TEST_F(proxied, a_request_that_is_kept_is_executed_though_its_client_has_gone) {
  {
    session client(proxy.url("app"));
    rule({fate::hold_request});
    EXPECT_EQ(client.query(count_up, moment), "error: timeout");
  }
  EXPECT_EQ(proxy.kept(), 1U);
  EXPECT_EQ(count(), "0\n");
  proxy.release();
  EXPECT_TRUE(proxy.wait_settled());
  EXPECT_EQ(count(), "1\n");
}

TEST_F(proxied, an_answer_that_is_kept_comes_when_it_is_released_and_one_that_is_dropped_never) {
  session client(proxy.url("app"));
  rule({fate::hold_answer});
  std::string answer;
  std::thread waiting([&] { answer = client.query(count_up); });
  EXPECT_TRUE(wait_for([&] { return proxy.kept() == 1; }, milliseconds{10'000}));
  EXPECT_EQ(count(), "1\n");
  proxy.release();
  waiting.join();
  EXPECT_EQ(answer, "");
  EXPECT_EQ(client.command_tag(), "UPDATE 1");
  rule({fate::drop_answer});
  EXPECT_EQ(client.query(count_up, moment), "error: timeout");
  EXPECT_EQ(count(), "2\n");
}

TEST_F(proxied, delays_are_at_least_as_long_as_they_are_to_be) {
  session client(proxy.url("app"));
  rule({.before = milliseconds{60}, .after = milliseconds{60}});
  const auto begin = steady_clock::now();
  EXPECT_EQ(client.query(count_up), "");
  EXPECT_GE(steady_clock::now() - begin, milliseconds{120});
}

TEST_F(proxied, a_refusal_carries_its_code_and_the_connection_goes_on) {
  session client(proxy.url("app"));
  rule({.what = fate::refuse, .sqlstate = "OC000"});
  EXPECT_EQ(client.query(count_up), "error: OC000 refused by the proxy");
  rule({});
  EXPECT_EQ(client.query(count_up), "");
  EXPECT_EQ(count(), "1\n");
}

TEST_F(proxied, connections_are_cut_and_refused_and_led_elsewhere) {
  session client(proxy.url("app"));
  proxy.cut();
  EXPECT_EQ(client.query("SELECT 1").substr(0, 6), "error:");
  proxy.refuse_connections(true);
  EXPECT_NE(session(proxy.url("app")).error(), "");
  proxy.refuse_connections(false);
  postgres_server other;
  session stays(proxy.url("app"));
  proxy.lead_to(other);
  session goes(proxy.url("app"));
  EXPECT_EQ(stays.query("SHOW port"), std::to_string(server.port()) + "\n");
  EXPECT_EQ(goes.query("SHOW port"), std::to_string(other.port()) + "\n");
}

}  // namespace
}  // namespace hedgerow::postgres_test
