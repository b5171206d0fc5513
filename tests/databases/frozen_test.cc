// A database that is frozen: no call waits for it longer than it was told. lease.md 9, item 20.

#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <hedgerow/lock.h>

#include "store/patience.h"
#include "tests/databases/witness.h"
#include "tests/postgres/server.h"

namespace hedgerow::databases_test {
namespace {

using postgres_test::postgres_server;
using postgres_test::wait_for;
using store::boot_now;

constexpr milliseconds lease_length{500};
constexpr milliseconds patience{15'000};
// What a busy machine may add.
constexpr milliseconds slack{700};

void expect_within(milliseconds limit, const char* what, const std::function<void()>& call) {
  const boot_time begin = boot_now();
  call();
  const auto took = (boot_now() - begin) / milliseconds(1);
  EXPECT_LE(took, (limit + slack).count()) << what;
  std::printf("%s: %lld ms of %lld\n", what, static_cast<long long>(took),
              static_cast<long long>(limit.count()));
}

enum class freezes : std::uint8_t { sessions, server };

class frozen_database : public testing::TestWithParam<freezes> {
 protected:
  void freeze() {
    if (GetParam() == freezes::server) {
      server.freeze();
    } else {
      server.freeze_backends();
    }
  }
  options with(const char* name) {
    return node_options(server.socket_url("owner"), "g", name, lease_length);
  }

  postgres_server server;
  acts record;
};

INSTANTIATE_TEST_SUITE_P(thirty, frozen_database,
                         testing::Values(freezes::sessions, freezes::server),
                         [](const auto& which) {
                           return which.param == freezes::sessions ? "sessions" : "server";
                         });

TEST_P(frozen_database, item_20_holds_up_no_call_of_a_node) {
  auto a = start_node(with("a"));
  auto b = start_node(with("b"));
  witness all(record);
  all.watch(*a, 1);
  all.watch(*b, 2);
  const std::vector<std::string> both{"a", "b"};
  ASSERT_TRUE(wait_for([&] { return members_of(*a) == both && members_of(*b) == both; }, patience));
  freeze();
  std::unique_ptr<node> c;
  auto newcomer_options = with("c");
  newcomer_options.open_timeout = milliseconds(300);
  expect_within(milliseconds(300), "start", [&] { c = start_node(newcomer_options); });
  expect_within(milliseconds(300), "send",
                [&] { static_cast<void>(a->send("x", milliseconds(300))); });
  expect_within(milliseconds(300), "broadcast",
                [&] { static_cast<void>(b->broadcast("x", {.timeout = milliseconds(300)})); });
  // A server that lets sessions begin anew has its leader back at once.
  if (GetParam() == freezes::server) {
    expect_within(lease_length, "the loss of leadership", [&] {
      EXPECT_TRUE(wait_for([&] { return !a->leadership().leading() && !b->leadership().leading(); },
                           patience));
    });
    expect_within(milliseconds(300), "send without a leader", [&] {
      const auto sent = a->send("x", milliseconds(300));
      EXPECT_FALSE(sent.has_value());
      EXPECT_NE(sent.error().code, errc::outcome_unknown) << "nothing was sent";
    });
  }
  expect_within(milliseconds(10), "leadership", [&] { static_cast<void>(a->leadership()); });
  expect_within(milliseconds(10), "view", [&] { EXPECT_EQ(a->view()->members.size(), 2U); });
  all.forget(*a);
  expect_within(milliseconds(2000), "stop", [&] { a->stop(); });
  expect_within(milliseconds(300), "wait_until_member",
                [&] { static_cast<void>(c->wait_until_member(milliseconds(300))); });
  expect_within(milliseconds(2000), "stop of the newcomer", [&] { c->stop(); });
  server.thaw();
  EXPECT_TRUE(wait_for([&] { return b->leadership().leading(); }, patience));
  all.forget(*b);
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

TEST_P(frozen_database, item_20_holds_up_no_call_of_a_lock) {
  const auto space =
      lock_space::open({.store = server.socket_url("owner"), .clock = "declared:5ms", .log = {}});
  ASSERT_TRUE(space) << space.error().message();
  const auto make = [&](const char* name) {
    lock_options wanted;
    wanted.name = name;
    wanted.lease = lease_length;
    auto made = lock::open(*space, wanted);
    EXPECT_TRUE(made);
    return std::move(*made);
  };
  const auto held = make("held");
  const auto free = make("free");
  ASSERT_TRUE(held->acquire(patience));
  const fencing_token token = held->token();
  freeze();
  expect_within(milliseconds(10), "held", [&] { static_cast<void>(held->held()); });
  // At half a lease it gives up.
  expect_within(lease_length / 2, "try_acquire", [&] { static_cast<void>(free->try_acquire()); });
  if (GetParam() == freezes::server) {
    expect_within(milliseconds(400), "acquire",
                  [&] { EXPECT_FALSE(make("other")->acquire(milliseconds(400))); });
    EXPECT_TRUE(wait_for([&] { return !held->held(); }, patience));
  }
  expect_within(milliseconds(2000), "release", [&] { held->release(); });
  server.thaw();
  const auto again = held->acquire(patience);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_GT(*again, token);
}

}  // namespace
}  // namespace hedgerow::databases_test
