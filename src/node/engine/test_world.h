#pragma once
// What is outside an engine, for tests that say themselves what happens there.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/engine/client_engine.h"
#include "node/engine/engine.h"

namespace hedgerow::engine {

// All ports in one, which write down what they are asked and answer nothing by themselves.
class world final : public ports::clock,
                    public ports::store,
                    public ports::transport,
                    public ports::timers,
                    public ports::handlers,
                    public ports::log,
                    public listener,
                    public client_listener,
                    public stream_listener {
 public:
  reading now() noexcept override { return at; }
  std::string_view scale() const noexcept override { return "utc"; }
  std::string epoch() const override { return {}; }
  std::string_view source() const noexcept override { return "test"; }

  void submit(ports::request_id id, ports::lease_request what, nanoseconds) override {
    asked = id;
    lease_asked = std::move(what);
  }
  void submit(ports::request_id id, ports::view_request what, nanoseconds) override {
    asked = id;
    view_asked = std::move(what);
  }

  void assume(const ports::peer&) override {}
  ports::connection_id dial(const std::string& address, const hedgerow::incarnation&,
                            nanoseconds) override {
    dialled.push_back(address);
    return dialled.size();
  }
  bool send(ports::connection_id id, const message::any& what) override {
    if (takes) sent.emplace_back(id, what);
    return takes;
  }
  void set_busy(ports::connection_id, bool) override {}
  void close(ports::connection_id id) override { closed.push_back(id); }

  void wake_at(boot_time when) override { alarm = when; }
  std::optional<ports::job_result> run(ports::job_id, const ports::job&) override {
    ++jobs;
    return {};
  }
  void leadership_ended(fencing_token) override {}
  void write(severity, std::string_view) override {}
  bool wants(severity) const override { return false; }

  void on_view(const view_change&) override {}
  void on_leadership(leadership_state state, fencing_token) override {
    words.push_back(state == leadership_state::leading ? "leads" : "leads not");
    if (const auto act = std::exchange(on_leadership_do, nullptr)) act();
  }
  void on_leader(const leader_info& known) override {
    told = known;
    words.push_back("leader " + known.name);
  }
  void on_leader_extended(const leader_info& known) override { extended.push_back(known); }
  void on_member(const member&) override {}
  void on_evicted(removal_reason) override {}
  void on_failed(const error& why) override { failed.push_back(why); }
  void on_store(bool, const std::string&) override {}
  void on_clock(clock_status, const std::string&) override {
    if (const auto act = std::exchange(on_clock_do, nullptr)) act();
  }
  void on_waiting(milliseconds, const std::string&) override {}
  void on_send_done(call_id id, result<reply> how) override { done.emplace_back(id, how); }
  void on_broadcast_reply(call_id, member_reply) override {}
  void on_broadcast_done(call_id) override {}
  void on_stopped() override { ++stopped; }
  void on_addresses_wanted() override { ++addresses_wanted; }

  void on_stream_offered(core::stream_id id, core::stream_offer&&) override {
    offered.push_back(id);
  }
  void on_stream_open(core::stream_id id, const std::string&, fencing_token) override {
    opened.push_back(id);
  }
  void on_stream_messages(core::stream_id, slice&&, bool) override {}
  void on_stream_finished(core::stream_id) override {}
  void on_stream_taken(core::stream_id, std::size_t) override {}
  void on_stream_acknowledged(core::stream_id, std::uint64_t) override {}
  void on_stream_end(core::stream_id id, stream_end&& how) override {
    ended.emplace_back(id, std::move(how));
  }

  reading at{{{1'000'000}, {1'000'000}, clock_status::synchronized, 1}, {1'000'000'000}};
  boot_time alarm = boot_time::never();
  ports::request_id asked = 0;  // of the last one
  ports::lease_request lease_asked;
  ports::view_request view_asked;
  bool takes = false;                // what is to be sent
  std::vector<std::string> dialled;  // the number of each is its connection
  std::vector<std::pair<ports::connection_id, message::any>> sent;
  std::vector<ports::connection_id> closed;
  std::vector<std::pair<call_id, result<reply>>> done;
  std::vector<core::stream_id> offered;
  std::vector<core::stream_id> opened;
  std::vector<std::pair<core::stream_id, stream_end>> ended;
  leader_info told;
  std::vector<leader_info> extended;       // since they were looked at last
  std::vector<std::string> words;          // of leadership and leaders, in order
  std::function<void()> on_leadership_do;  // once, within what is told
  std::function<void()> on_clock_do;
  int jobs = 0;
  std::vector<error> failed;
  int stopped = 0;
  int addresses_wanted = 0;
};

// To the leader, with any time to open.
template <class Engine>
core::stream_id open_stream(Engine& one) {
  const auto id = one.new_stream_id();
  core::stream_request what;
  what.opening_deadline = boot_time::never();
  one.open_stream(id, std::move(what));
  return id;
}

// Of 'a' at 127.0.0.1:1, whose lease holds for a second of the world's time.
inline ports::lease_row row_of_leader(const incarnation& who, const std::string& machine) {
  return {.holder = "a",
          .incarnation = who,
          .address = "127.0.0.1:1",
          .machine = machine,
          .token = 7,
          .expires = {2'000'000},
          .lease = seconds{3},
          .lease_max = seconds{3},
          .safe_after = {},
          .epoch = "e",
          .scale = "utc",
          .version = 1};
}

// A node 'n' that takes a lease which was released, under `token`, with no other member.
struct lone_leader {
  static constexpr fencing_token token = 8;

  // Up to the claim of the view row.
  void take_lease() {
    one.start();
    row.released = true;
    answer_lease(true);
    const auto& taken = outside.lease_asked.row;
    row.holder = taken.holder;
    row.incarnation = taken.incarnation;
    row.token = token;
    row.expires = taken.expires;
    row.released = false;
    ++row.version;
    answer_lease(true);
  }
  void lead() {
    take_lease();
    answer_view({{token, 0}, "e", {}, {}});
    answer_view(outside.view_asked.row);
  }
  // With `row`.
  void answer_lease(bool applied) {
    one.on_lease_reply(outside.asked, {ports::store_outcome::done, applied, row, "e", {}});
  }
  void answer_view(const ports::view_row& with) {
    one.on_view_reply(outside.asked, {ports::store_outcome::done, true, with, "e", {}});
  }
  void pass(nanoseconds time) {
    outside.at.boot = outside.at.boot + time;
    const auto us = std::chrono::duration_cast<microseconds>(time);
    outside.at.truth.earliest = outside.at.truth.earliest + us;
    outside.at.truth.latest = outside.at.truth.latest + us;
  }
  static options own() {
    options out;
    out.self.name = "n";
    out.self.address = "10.0.0.2:1";
    return out;
  }

  ports::lease_row row = row_of_leader({1, 1}, "m1");
  world outside;
  engine one{own(), {outside, outside, outside, outside, outside, outside}, outside, outside};
};

}  // namespace hedgerow::engine
