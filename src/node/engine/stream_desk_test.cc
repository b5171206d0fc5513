// What the desk of streams makes of connections that do not take what it says.

#include "node/engine/stream_desk.h"

#include <optional>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace hedgerow::engine {
namespace {

constexpr incarnation peer_life{7, 7};
constexpr ports::connection_id from_peer = 4;
constexpr fencing_token token = 9;
constexpr boot_time now{1'000'000'000};

// A transport with one queue, and a user who writes down what he is told.
class stand : public testing::Test, public ports::transport, public stream_listener {
 protected:
  stand()
      : links_(*this, seconds{1}),
        desk_(
            {"n", 1'000, limits::stream_windows_max}, *this, links_, *this,
            [] {
              return core::streams::authority{.acting = token,
                                              .member = true,
                                              .stopping = false,
                                              .view_token = token,
                                              .leader = {},
                                              .leader_address = {}};
            },
            [this](ports::connection_id id) { give_up(id); }) {
    desk_.set_acting(now, token);
    desk_.on_open(
        now, from_peer,
        links_.on_open(now, from_peer, {ports::peer_role::member, "p", "p:1", peer_life}));
  }

  void hear(message::any what) {
    desk_.on_message(now, from_peer, what);
    drain();
  }
  void drain() {
    while (desk_.drain(now)) {
    }
  }
  void hear_opening(std::uint64_t number) {
    hear(message::stream_open{.stream = number,
                              .limit = 100'000,
                              .remaining = {},
                              .idle = {},
                              .from = "p",
                              .metadata = {}});
  }
  void take_stream() {
    hear_opening(1);
    ASSERT_TRUE(offered_);
  }
  void hear_message() {
    static constexpr char bytes[] = {1, 0, 0, 0, 'x'};
    hear(message::stream_data{1, slice(nullptr, std::string_view(bytes, sizeof bytes))});
    ASSERT_EQ(messages_, 1);
  }

  bool has_room_ = true;
  std::vector<ports::connection_id> given_up_;
  std::optional<core::stream_id> offered_;
  int messages_ = 0;
  std::vector<stream_end> ends_;
  links links_;
  stream_desk desk_;

 private:
  void give_up(ports::connection_id id) {
    given_up_.push_back(id);
    desk_.on_closed(now, links_.on_closed(id), "its queue is full");
  }

  void assume(const ports::peer&) override {}
  ports::connection_id dial(const std::string&, const incarnation&, nanoseconds) override {
    return 0;
  }
  bool send(ports::connection_id, const message::any&) override { return has_room_; }
  void set_busy(ports::connection_id, bool) override {}
  void close(ports::connection_id) override {}

  void on_stream_offered(core::stream_id id, core::stream_offer&&) override { offered_ = id; }
  void on_stream_open(core::stream_id, const std::string&, fencing_token) override {}
  void on_stream_messages(core::stream_id, slice&&, bool) override { ++messages_; }
  void on_stream_finished(core::stream_id) override {}
  void on_stream_taken(core::stream_id, std::size_t) override {}
  void on_stream_acknowledged(core::stream_id, std::uint64_t) override {}
  void on_stream_end(core::stream_id, stream_end&& how) override {
    ends_.push_back(std::move(how));
  }
};

using stream_desk_on_a_full_connection = stand;

TEST_F(stream_desk_on_a_full_connection, ends_it_where_an_acknowledgement_is_lost) {
  take_stream();
  hear_message();
  has_room_ = false;
  desk_.consumed(now, *offered_, 1, 1);
  desk_.tick(now + seconds{1});
  drain();
  EXPECT_EQ(given_up_, std::vector{from_peer});
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].outcome.error().code, errc::outcome_unknown);
}

TEST_F(stream_desk_on_a_full_connection, ends_it_once_where_its_end_is_lost) {
  take_stream();
  has_room_ = false;
  desk_.cancel(now, *offered_, message::stream_code::cancelled, "enough");
  drain();
  EXPECT_EQ(given_up_, std::vector{from_peer});
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].outcome.error().code, errc::cancelled);
}

TEST_F(stream_desk_on_a_full_connection, takes_no_stream_on_it_once_it_has_ended_it) {
  take_stream();
  has_room_ = false;
  desk_.cancel(now, *offered_, message::stream_code::cancelled, "enough");
  drain();
  ASSERT_EQ(given_up_, std::vector{from_peer});
  offered_.reset();
  hear_opening(2);
  EXPECT_FALSE(offered_);
}

TEST_F(stream_desk_on_a_full_connection, leaves_it_alone_while_all_goes_through) {
  take_stream();
  hear_message();
  desk_.consumed(now, *offered_, 1, 1);
  desk_.tick(now + seconds{1});
  drain();
  EXPECT_TRUE(given_up_.empty());
  EXPECT_TRUE(ends_.empty());
}

}  // namespace
}  // namespace hedgerow::engine
