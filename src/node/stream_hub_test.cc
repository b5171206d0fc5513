// What the hub makes of events that come from within its calls of the engine.

#include "node/stream_hub.h"

#include <memory>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace hedgerow {
namespace {

// Takes what is said of open streams only, as an engine does.
struct engine_stub final : engine::stream_user {
  core::stream_id new_stream_id() override { return ++last; }
  void open_stream(core::stream_id id, core::stream_request&&) override {
    if (const auto first = std::exchange(before_opening, nullptr)) first();
    open.insert(id);
  }
  void stream_write(core::stream_id id, slice data, std::uint64_t messages) override {
    if (!open.contains(id)) return;
    written += messages;
    sequence += data.text;
    if (after_write) after_write(id, data.size());
  }
  void stream_finish(core::stream_id id) override { open.erase(id); }
  void stream_cancel(core::stream_id id, message::stream_code, const std::string&) override {
    open.erase(id);
  }
  void stream_consumed(core::stream_id, std::uint64_t, std::size_t) override {}

  core::stream_id last = 0;
  std::function<void()> before_opening;
  std::function<void(core::stream_id, std::size_t)> after_write;
  std::set<core::stream_id> open;
  std::uint64_t written = 0;  // messages
  std::string sequence;       // of all streams
};

// The test is the user's thread, and the loop's while it lets it run.
class stream_hub_test : public testing::Test {
 protected:
  stream_hub_test() { hub.attach(stub); }

  stream opened(const stream_events& events = {}) {
    stream_options how;
    how.events = events;
    auto s = hub.open(how, std::nullopt);
    EXPECT_TRUE(s);
    return s ? *s : stream();
  }
  void run_loop() const { loop->run_once(nanoseconds{0}); }
  static std::string framed(const std::string& message) {
    std::string bytes;
    message::append_stream_length(bytes, message.size());
    return bytes + message;
  }

  std::unique_ptr<net::event_loop> loop = std::make_unique<net::event_loop>();
  engine_stub stub;
  stream_hub hub{{.loop = *loop,
                  .message_bytes_max = 1'000'000,
                  .name = "n",
                  .to_leader = {},
                  .to_member = {},
                  .may_act = nullptr}};
};

TEST_F(stream_hub_test, keeps_what_a_callback_writes_to_a_stream_whose_opening_has_begun) {
  stream next;
  stream_events events;
  events.on_finished = [&](stream&) { EXPECT_TRUE(next.try_write("a").value_or(false)); };
  const stream first = opened(events);
  run_loop();
  ASSERT_EQ(stub.open.size(), 1U);

  // What an engine has to tell at the beginning of a turn, it tells within the call of that turn.
  stub.before_opening = [&] { hub.on_stream_finished(stub.last - 1); };
  next = opened();
  run_loop();
  ASSERT_EQ(stub.open.size(), 2U);
  EXPECT_EQ(stub.written, 1U);
}

TEST_F(stream_hub_test, keeps_the_order_when_a_callback_goes_on_writing) {
  const std::string small(1'000, 's');
  const std::string large(120'000, 'l');
  const std::string last(100'000, 'e');
  stream_events events;
  events.on_writable = [&](stream& self) { EXPECT_TRUE(self.try_write(last).value()); };
  stream s = opened(events);
  run_loop();
  std::string expected;
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(s.write(small));
    expected += framed(small);
  }
  ASSERT_TRUE(s.write(large));
  ASSERT_FALSE(s.try_write(last).value()) << "has room";
  // It leaves at once, and with the first pieces there is room.
  stub.after_write = [&](core::stream_id id, std::size_t size) { hub.on_stream_taken(id, size); };
  run_loop();
  run_loop();
  EXPECT_EQ(stub.written, 62U);
  EXPECT_TRUE(stub.sequence == expected + framed(large) + framed(last));
}

// Both ends are here, and each message brings the next.
TEST_F(stream_hub_test, gives_the_loop_its_turn_between_callbacks_that_go_on_for_ever) {
  stream_events answer;
  answer.on_message = [](stream& self, std::string_view m) { EXPECT_TRUE(self.write(m)); };
  stream one = opened(answer);
  stream two = opened(answer);
  run_loop();
  const auto bytes = framed("x");
  stub.after_write = [&](core::stream_id id, std::size_t size) {
    hub.on_stream_taken(id, size);
    hub.on_stream_messages(3 - id, slice(nullptr, bytes), true);
  };
  ASSERT_TRUE(one.write("x"));
  for (std::uint64_t turns = 0, before = 0; turns < 5; ++turns) {
    run_loop();
    EXPECT_GT(stub.written, before) << "it goes on";
    before = stub.written;
  }
}

TEST_F(stream_hub_test, ends_a_stream_whose_callbacks_hold_its_last_handle) {
  auto kept = std::make_shared<stream>();
  const std::weak_ptr<stream> handle = kept;
  bool told = false;
  stream_events events;
  events.on_end = [&told, kept](stream&, const stream_end&) { told = true; };
  *kept = opened(events);
  events = {};
  kept.reset();
  run_loop();
  hub.on_stream_end(stub.last, {{}, 0});
  EXPECT_TRUE(told);
  EXPECT_TRUE(handle.expired());
}

TEST_F(stream_hub_test, tells_of_the_end_of_what_the_loop_did_not_open) {
  bool told = false;
  stream_events events;
  events.on_end = [&](stream&, const stream_end& how) {
    told = !how.outcome && how.outcome.error().code == errc::stopped;
  };
  const stream waiting = opened(events);
  hub.close();
  loop.reset();
  EXPECT_TRUE(told);
  const auto after = hub.open({}, std::nullopt);
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, errc::stopped);
}

}  // namespace
}  // namespace hedgerow
