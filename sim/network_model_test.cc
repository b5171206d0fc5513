// The simulated network alone: two endpoints without engines.

#include "sim/network_model.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hedgerow::sim {
namespace {

using ports::connection_id;
using ports::dial_failure;

struct listener final : ports::transport_listener {
  std::vector<connection_id> opened;
  std::vector<dial_failure> failed;
  std::vector<std::uint64_t> nonces;
  std::vector<std::uint64_t> requests;
  int closed = 0;
  std::size_t drained = 0;
  std::string data;
  std::optional<std::size_t> finished_at;

  void on_open(connection_id id, const ports::peer&) override { opened.push_back(id); }
  void on_dial_failed(connection_id, dial_failure why, const std::optional<ports::peer>&,
                      const std::string&) override {
    failed.push_back(why);
  }
  void on_message(connection_id, message::any&& what) override {
    if (const auto* p = std::get_if<message::probe>(&what)) nonces.push_back(p->nonce);
    if (const auto* r = std::get_if<message::request>(&what)) requests.push_back(r->id);
    if (const auto* d = std::get_if<message::stream_data>(&what)) {
      EXPECT_EQ(d->data.owner, nullptr) << "it is lent";
      data += d->data.text;
    }
    if (std::holds_alternative<message::stream_finish>(what)) finished_at = data.size();
  }
  void on_closed(connection_id, const std::string&) override { ++closed; }
  void on_drained(connection_id, std::size_t bytes) override { drained += bytes; }
};

class network : public testing::Test, private router {
 protected:
  network() : with_(calm_swarm()), net_(world_, with_, *this) {
    for (std::uint32_t i = 0; i < 2; ++i) {
      ends_[i].id = i;
      ends_[i].slot = i;
      ends_[i].transport_news = &heard_[i];
      net_.assume(ends_[i],
                  {ports::peer_role::member, std::to_string(i), address_of(i), {i + 1U, 0}});
    }
  }

  void pass(true_time length) {
    const true_time end = world_.now + length;
    while (!world_.queue.empty() && world_.queue.next_at() <= end) {
      const event e = world_.queue.pop();
      world_.now = e.at;
      if (e.kind == event_kind::dial_failed) {
        net_.deliver(ends_.at(e.target), e);
      } else {
        net_.on_event(e);
      }
    }
    world_.now = end;
  }
  connection_id connect() {
    const auto id = net_.dial(ends_[0], address_of(1), {2, 0}, seconds{1});
    pass(10 * millisecond);
    EXPECT_EQ(heard_[0].opened, std::vector{id});
    return id;
  }
  bool probe(connection_id id, std::uint64_t nonce) {
    return net_.send(ends_[0], id, message::probe{.nonce = nonce, .view = {}});
  }

  kernel world_;
  swarm with_;
  network_model net_;
  std::array<endpoint, 2> ends_{};
  std::array<listener, 2> heard_;

 private:
  endpoint& endpoint_of(std::uint32_t id) override { return ends_.at(id); }
  endpoint* at_slot(std::uint32_t slot) override {
    return slot < 2 && ends_.at(slot).alive ? &ends_.at(slot) : nullptr;
  }
  bool host_up(std::uint32_t) const override { return true; }
  void hand_over(endpoint& to, const event& e) override { net_.deliver(to, e); }
};

TEST_F(network, messages_keep_their_order) {
  const auto id = connect();
  for (std::uint64_t n = 1; n <= 50; ++n)
    EXPECT_TRUE(probe(id, n));
  pass(second);
  ASSERT_EQ(heard_[1].nonces.size(), 50U);
  EXPECT_TRUE(std::is_sorted(heard_[1].nonces.begin(), heard_[1].nonces.end()));
}

TEST_F(network, a_request_never_overtakes_a_control_message) {
  const auto id = connect();
  for (std::uint64_t n = 1; n <= 50; ++n) {
    const auto seen = heard_[1].requests.size();
    EXPECT_TRUE(probe(id, n));
    message::request r;
    r.id = n;
    EXPECT_TRUE(net_.send(ends_[0], id, r));
    while (heard_[1].requests.size() == seen)
      pass(10 * microsecond);
    EXPECT_EQ(heard_[1].nonces.size(), n);
  }
}

TEST_F(network, a_reset_overtakes_what_is_still_to_be_sent) {
  const auto id = connect();
  for (int n = 0; n < 2000; ++n)
    EXPECT_TRUE(net_.send(ends_[0], id, message::stream_data{1, slice(nullptr, "x")}));
  net_.close(ends_[0], id);
  pass(20 * millisecond);
  ASSERT_LT(heard_[1].data.size(), 1000U) << "the lane takes half a second";
  EXPECT_EQ(heard_[1].closed, 0) << "the end comes behind the data";
  EXPECT_TRUE(net_.send(ends_[1], id + 1, message::probe{.nonce = 1, .view = {}}));
  pass(20 * millisecond);
  EXPECT_EQ(heard_[1].closed, 1);
}

TEST_F(network, stream_data_is_lent_in_order_and_overtaken_by_all_others) {
  const auto id = connect();
  std::string all;
  std::size_t queued = 0;
  std::size_t fullest = 0;
  for (int n = 0; n < 300; ++n) {
    const std::string part(1'000, static_cast<char>('a' + n % 26));
    while (heard_[0].drained + limits::stream_lane_bytes < queued)
      pass(10 * microsecond);
    EXPECT_TRUE(net_.send(ends_[0], id, message::stream_data{1, slice(nullptr, part)}));
    all += part;
    queued += part.size();
    fullest = std::max(fullest, queued - heard_[0].drained);
  }
  EXPECT_TRUE(net_.send(ends_[0], id, message::stream_finish{1}));
  EXPECT_TRUE(probe(id, 7));
  while (heard_[1].nonces.empty())
    pass(10 * microsecond);
  EXPECT_LT(heard_[1].data.size(), all.size()) << "the probe was there first";
  pass(20 * second);
  EXPECT_EQ(heard_[1].data, all);
  EXPECT_EQ(heard_[1].finished_at, all.size());
  EXPECT_EQ(heard_[0].drained, all.size());
  EXPECT_GT(fullest, limits::stream_lane_bytes / 2);
  EXPECT_FALSE(world_.failure);
}

TEST_F(network, a_sender_that_loses_count_is_a_violation) {
  const auto id = connect();
  const std::string part(limits::stream_frame_bytes, 'd');
  for (int n = 0; n < 6 && !world_.failure; ++n)
    (void)net_.send(ends_[0], id, message::stream_data{1, slice(nullptr, part)});
  EXPECT_TRUE(world_.failure);
}

TEST_F(network, another_incarnation_is_told_apart_and_nobody_refuses) {
  net_.dial(ends_[0], address_of(1), {9, 9}, seconds{1});
  net_.dial(ends_[0], address_of(3), {}, seconds{1});
  pass(2 * second);
  EXPECT_EQ(heard_[0].failed,
            (std::vector{dial_failure::other_incarnation, dial_failure::refused}));
}

TEST_F(network, a_cut_swallows_one_way_and_dials_through_it_end_in_silence) {
  const auto id = connect();
  net_.cut({{0, 1}}, 10 * second);
  EXPECT_TRUE(probe(id, 1));
  EXPECT_TRUE(
      net_.send(ends_[1], heard_[1].opened.front(), message::probe{.nonce = 7, .view = {}}));
  net_.dial(ends_[0], address_of(1), {2, 0}, seconds{1});
  pass(5 * second);
  EXPECT_TRUE(heard_[1].nonces.empty());
  EXPECT_EQ(heard_[0].nonces, std::vector<std::uint64_t>{7});
  EXPECT_EQ(heard_[0].failed, std::vector{dial_failure::silent});
  EXPECT_FALSE(net_.paths().clean_since(0, 1, world_.now - second));
  pass(20 * second);
  // Sent again after the cut, or the connection has ended for both.
  if (heard_[1].nonces.empty()) {
    EXPECT_EQ(heard_[0].closed, 1);
  } else {
    EXPECT_EQ(heard_[1].nonces, std::vector<std::uint64_t>{1});
  }
  EXPECT_TRUE(net_.paths().clean_since(0, 1, world_.now - second));
}

TEST_F(network, a_killed_process_ends_its_connections_and_a_forgotten_one_is_reset) {
  const auto id = connect();
  net_.vanish(ends_[1], false);
  ends_[1].alive = false;
  pass(second);
  EXPECT_EQ(heard_[0].closed, 1);
  EXPECT_FALSE(probe(id, 1));
}

TEST_F(network, without_power_nobody_is_told_until_bytes_meet_the_new_kernel) {
  const auto id = connect();
  net_.vanish(ends_[1], true);
  ends_[1].alive = false;
  pass(second);
  EXPECT_EQ(heard_[0].closed, 0);
  EXPECT_TRUE(probe(id, 1));
  pass(second);
  EXPECT_EQ(heard_[0].closed, 1);
}

}  // namespace
}  // namespace hedgerow::sim
