// Eight candidates for one row, with clocks that are wrong, pauses, releases and answers that come
// when nobody waits for them any more. lease.md 9, items 30 and 23.
//
// HEDGEROW_STRESS_SECONDS: how long each of them runs; 2 by default.

#include <cstdlib>
#include <fstream>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "tests/databases/candidate.h"
#include "tests/databases/row.h"
#include "tests/postgres/bouncer.h"
#include "tests/postgres/server.h"
#include "tests/postgres/session.h"

namespace hedgerow::databases_test {
namespace {

using postgres_test::milliseconds;
using postgres_test::pgbouncer;
using postgres_test::postgres_server;
using postgres_test::steady_clock;
using postgres_test::wait_for;

constexpr int candidates = 8;

struct stress_setup {
  std::string url;
  microseconds skew_max{2500};
  microseconds bound{3000};
};

struct stress_outcome {
  std::size_t acts = 0;
  std::size_t tenures = 0;
  std::size_t violations = 0;
  std::string words;
};

milliseconds duration() {
  const char* wanted = std::getenv("HEDGEROW_STRESS_SECONDS");
  return seconds(wanted == nullptr ? 2 : std::max(1, std::atoi(wanted)));
}

stress_outcome stress(const stress_setup& with) {
  acts record;
  int unknown = 0;
  int failed = 0;
  {
    std::vector<std::unique_ptr<candidate>> all;
    for (int who = 1; who <= candidates; ++who) {
      // Evenly from the slowest to the fastest.
      const auto skew = with.skew_max * (2 * (who - 1) - (candidates - 1)) / (candidates - 1);
      all.push_back(std::make_unique<candidate>(candidate_setup{.url = with.url,
                                                                .who = who,
                                                                .lease = milliseconds(30),
                                                                .skew = skew,
                                                                .bound = with.bound,
                                                                .pause_max = milliseconds(60),
                                                                .releases = true,
                                                                .patience_times = 20},
                                                record));
    }
    const auto until = steady_clock::now() + duration();
    wait_for([&] { return steady_clock::now() >= until; }, duration() + seconds(1));
    for (const auto& one : all) {
      unknown += one->unknown_outcomes();
      failed += one->failed_outcomes();
    }
  }
  stress_outcome outcome{record.count(), record.tokens(), record.violations(), record.told()};
  std::printf("%zu acts in %zu tenures, %zu violations; outcomes unknown: %d, failed: %d\n",
              outcome.acts, outcome.tenures, outcome.violations, unknown, failed);
  return outcome;
}

// How many statements failed because another one was quicker.
int serialization_failures(const postgres_server& server) {
  std::ifstream log{server.folder() / "server.log"};
  int count = 0;
  for (std::string line; std::getline(log, line);)
    count += line.find(" 40001 ERROR") != std::string::npos ? 1 : 0;
  std::printf("%d serialization failures\n", count);
  return count;
}

void expect_one_at_a_time(const stress_outcome& outcome) {
  EXPECT_EQ(outcome.violations, 0U) << outcome.words;
  EXPECT_GE(outcome.tenures, 10U) << "too little happened to show anything";
}

// Statements that take as long as on a disk, so that they meet.
void slow_down(postgres_server& server) {
  server.set("commit_siblings", "0");
  server.set("commit_delay", "2000");
}

TEST(thirty, item_30_one_acts_at_a_time_at_read_committed) {
  postgres_server server;
  slow_down(server);
  expect_one_at_a_time(stress({.url = server.socket_url("owner")}));
}

TEST(thirty, item_30_one_acts_at_a_time_at_repeatable_read) {
  postgres_server server;
  slow_down(server);
  server.set("default_transaction_isolation", "'repeatable read'");
  expect_one_at_a_time(stress({.url = server.socket_url("owner")}));
  EXPECT_GT(serialization_failures(server), 0);
}

TEST(thirty, item_30_one_acts_at_a_time_at_serializable) {
  postgres_server server;
  slow_down(server);
  server.set("default_transaction_isolation", "'serializable'");
  expect_one_at_a_time(stress({.url = server.socket_url("owner")}));
  EXPECT_GT(serialization_failures(server), 0);
}

TEST(thirty, item_30_one_acts_at_a_time_behind_a_pooler) {
  postgres_server server;
  pgbouncer bouncer(server, {.passwords = false, .pool_size = 3});
  expect_one_at_a_time(stress({.url = bouncer.url("owner")}));
}

TEST(thirty, item_30_clocks_that_are_wrong_beyond_their_bound_are_seen_to_violate) {
  postgres_server server;
  const auto outcome = stress(
      {.url = server.socket_url("owner"), .skew_max = milliseconds(20), .bound = microseconds(0)});
  EXPECT_GT(outcome.violations, 0U) << "the control must fail, or the others show nothing";
}

TEST(thirty, item_30_clocks_that_are_as_wrong_and_say_so_do_not_violate) {
  postgres_server server;
  const auto outcome = stress(
      {.url = server.socket_url("owner"), .skew_max = milliseconds(20), .bound = milliseconds(21)});
  EXPECT_EQ(outcome.violations, 0U) << outcome.words;
}

}  // namespace
}  // namespace hedgerow::databases_test
