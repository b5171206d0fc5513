// What a newcomer makes of the lease row that it finds.

#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "node/engine/engine.h"

namespace hedgerow::engine {
namespace {

// All ports in one, which write down what they are asked and answer nothing by themselves.
class world final : public ports::clock,
                    public ports::store,
                    public ports::transport,
                    public ports::timers,
                    public ports::handlers,
                    public ports::log,
                    public listener,
                    public stream_listener {
 public:
  reading now() noexcept override {
    return {{{1'000'000}, {1'000'000}, clock_status::synchronized, 1}, {1'000'000'000}};
  }
  std::string_view scale() const noexcept override { return "utc"; }
  std::string epoch() const override { return {}; }
  std::string_view source() const noexcept override { return "test"; }

  void submit(ports::request_id id, ports::lease_request, nanoseconds) override { asked = id; }
  void submit(ports::request_id, ports::view_request, nanoseconds) override {}

  void assume(const ports::peer&) override {}
  ports::connection_id dial(const std::string& address, const hedgerow::incarnation&,
                            nanoseconds) override {
    dialled.push_back(address);
    return dialled.size();
  }
  bool send(ports::connection_id, const message::any&) override { return false; }
  void set_busy(ports::connection_id, bool) override {}
  void close(ports::connection_id) override {}

  void wake_at(boot_time) override {}
  std::optional<ports::job_result> run(ports::job_id, const ports::job&) override { return {}; }
  void leadership_ended(fencing_token) override {}
  void write(severity, std::string_view) override {}
  bool wants(severity) const override { return false; }

  void on_view(const view_change&) override {}
  void on_leadership(leadership_state, fencing_token) override {}
  void on_leader(const leader_info&) override {}
  void on_member(const member&) override {}
  void on_evicted(removal_reason) override {}
  void on_failed(const error& why) override { failed.push_back(why); }
  void on_store(bool, const std::string&) override {}
  void on_clock(clock_status, const std::string&) override {}
  void on_waiting(milliseconds, const std::string&) override {}
  void on_send_done(call_id, result<reply>) override {}
  void on_broadcast_reply(call_id, member_reply) override {}
  void on_broadcast_done(call_id) override {}
  void on_stopped() override { ++stopped; }

  void on_stream_offered(core::stream_id, core::stream_offer&&) override {}
  void on_stream_open(core::stream_id, const std::string&, fencing_token) override {}
  void on_stream_messages(core::stream_id, slice&&, bool) override {}
  void on_stream_finished(core::stream_id) override {}
  void on_stream_taken(core::stream_id, std::size_t) override {}
  void on_stream_acknowledged(core::stream_id, std::uint64_t) override {}
  void on_stream_end(core::stream_id, stream_end&&) override {}

  ports::request_id asked = 0;
  std::vector<std::string> dialled;
  std::vector<error> failed;
  int stopped = 0;
};

struct newcomer : testing::Test {
  newcomer() {
    mine.self.name = "n";
    mine.self.address = "10.0.0.2:1";
    mine.self.machine = "m2";
    row = {.holder = "a",
           .incarnation = {1, 1},
           .address = "127.0.0.1:1",
           .machine = "m1",
           .token = 7,
           .expires = {2'000'000},
           .lease = seconds{3},
           .lease_max = seconds{3},
           .safe_after = {},
           .epoch = "e",
           .scale = "utc",
           .version = 1};
  }
  // Starts, and finds the row.
  void find_row() {
    engine one(mine, {outside, outside, outside, outside, outside, outside}, outside, outside);
    one.start();
    one.on_lease_reply(outside.asked, {ports::store_outcome::done, true, row, "e", {}});
  }

  options mine;
  ports::lease_row row;
  world outside;
};

TEST_F(newcomer, J1_fails_where_the_leader_can_be_dialled_on_its_own_machine_only) {
  find_row();
  ASSERT_EQ(outside.failed.size(), 1U);
  EXPECT_EQ(outside.failed[0].code, errc::invalid_argument);
  EXPECT_EQ(outside.failed[0].message().find("the leader 'a' advertises 127.0.0.1:1, which"), 0U)
      << outside.failed[0].message();
  EXPECT_TRUE(outside.dialled.empty());
  EXPECT_EQ(outside.stopped, 1);
}

TEST_F(newcomer, J1_fails_where_its_own_address_is_loopback_beside_another_machine) {
  mine.self.address = "127.0.0.1:2";
  row.address = "10.0.0.1:1";
  find_row();
  ASSERT_EQ(outside.failed.size(), 1U);
  EXPECT_EQ(outside.failed[0].message().find("this agent advertises 127.0.0.1:2, which"), 0U)
      << outside.failed[0].message();
}

TEST_F(newcomer, J1_asks_any_other_leader_to_let_it_in) {
  const auto goes_on = [&](auto change) {
    const auto before = row;
    change();
    find_row();
    row = before;
    return outside.failed.empty();
  };
  EXPECT_TRUE(goes_on([&] { row.machine = "m2"; })) << "the same machine";
  EXPECT_TRUE(goes_on([&] { row.machine = ""; })) << "a row of an older version";
  EXPECT_TRUE(goes_on([&] { row.address = "10.0.0.1:1"; })) << "an address of the network";
  EXPECT_EQ(outside.dialled.size(), 3U);
  EXPECT_TRUE(goes_on([&] { row.holder = "n"; })) << "its own earlier life";
  EXPECT_TRUE(goes_on([&] { row.released = true; })) << "nobody leads";
  EXPECT_TRUE(goes_on([&] { row.expires = {999'999}; })) << "nobody leads";
  EXPECT_TRUE(goes_on([&] { row.scale = "boot"; })) << "a lease that can't be judged";
  EXPECT_TRUE(goes_on([&] { row.epoch = "other"; })) << "a lease that can't be judged";
}

}  // namespace
}  // namespace hedgerow::engine
