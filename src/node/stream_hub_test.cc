// What the hub makes of events that come from within its calls of the engine.

#include "node/stream_hub.h"

#include <set>
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
  void stream_write(core::stream_id id, slice, std::uint64_t messages) override {
    (open.contains(id) ? written : lost) += messages;
  }
  void stream_finish(core::stream_id id) override { open.erase(id); }
  void stream_cancel(core::stream_id id, message::stream_code, const std::string&) override {
    open.erase(id);
  }
  void stream_consumed(core::stream_id, std::uint64_t, std::size_t) override {}

  core::stream_id last = 0;
  std::function<void()> before_opening;
  std::set<core::stream_id> open;
  std::uint64_t written = 0;
  std::uint64_t lost = 0;
};

TEST(stream_hub, keeps_what_a_callback_writes_to_a_stream_whose_opening_has_begun) {
  net::event_loop loop;
  engine_stub stub;
  stream_hub hub({.loop = loop,
                  .message_bytes_max = 1'000,
                  .name = "n",
                  .to_leader = {},
                  .to_member = {},
                  .may_act = nullptr});
  hub.attach(stub);

  stream next;
  stream_options how;
  how.events.on_finished = [&](stream&) { ASSERT_TRUE(next.try_write("a").value_or(false)); };
  const auto first = hub.open(how, std::nullopt);
  ASSERT_TRUE(first);
  loop.run_once(nanoseconds{0});
  ASSERT_EQ(stub.open.size(), 1U);

  // What an engine has to tell at the beginning of a turn, it tells within the call of that turn.
  stub.before_opening = [&] { hub.on_stream_finished(stub.last - 1); };
  next = hub.open({}, std::nullopt).value();
  loop.run_once(nanoseconds{0});
  ASSERT_EQ(stub.open.size(), 2U);
  EXPECT_EQ(stub.written, 1U);
  EXPECT_EQ(stub.lost, 0U);
  hub.close();
}

}  // namespace
}  // namespace hedgerow
