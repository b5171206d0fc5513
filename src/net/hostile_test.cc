// Peers that stall, flood or talk nonsense: each has an end, a count and a line in the log.

#include <algorithm>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "net/progress.h"
#include "net/test_guest.h"
#include "wire/codec.h"

namespace hedgerow::net {
namespace {

class hostile_test : public guest_scene, public ::testing::Test {
 protected:
  void start(transport_options options = {}) { server.listen(loop, std::move(options)); }

  std::unique_ptr<guest_socket> guest() { return guest_of(server); }
  std::unique_ptr<raw_socket> stranger() {
    auto made = std::make_unique<raw_socket>();
    const auto before = count(occurrence::connections_accepted);
    made->connect(server.net->address());
    EXPECT_TRUE(until([&] { return count(occurrence::connections_accepted) > before; }));
    return made;
  }
  std::uint64_t count(occurrence what) const { return server.net->counts()->of(what); }
  bool logged(const std::string& words) const {
    return std::any_of(server.log.lines.begin(), server.log.lines.end(),
                       [&](const auto& line) { return line.find(words) != std::string::npos; });
  }
  static std::string frame_of(const message::any& what) {
    std::string out;
    HEDGEROW_ASSERT(wire::encode(what, limits::payload_bytes_default, out));
    return out;
  }

  node server{"ann"};
};

std::string name_of(const raw_socket& of) {
  sockaddr_in here{};
  socklen_t size = sizeof here;
  getsockname(of.handle(), reinterpret_cast<sockaddr*>(&here), &size);
  return to_string(host_port{"127.0.0.1", ntohs(here.sin_port)});
}

TEST_F(hostile_test, the_oldest_stranger_makes_room_for_an_honest_one) {
  transport_options options;
  options.strangers_max = 3;
  start(options);
  std::vector<std::unique_ptr<raw_socket>> idle;
  for (int i = 0; i < 3; ++i)
    idle.push_back(stranger());
  const auto honest = guest();
  ASSERT_TRUE(until([&] { return idle.front()->ended(); }));
  ASSERT_TRUE(rejection_in(idle.front()->heard)) << "a RST without a word would mean: nobody here";
  EXPECT_EQ(rejection_in(idle.front()->heard)->code, wire::rejection_code::too_many);
  EXPECT_FALSE(idle.back()->ended());
  EXPECT_EQ(count(occurrence::connections_displaced), 1U);
  EXPECT_TRUE(logged("connections_displaced: " + name_of(*idle.front())));
}

TEST_F(hostile_test, the_handshakes_of_strangers_are_counted_by_what_is_wrong) {
  transport_options options;
  options.handshake_timeout = milliseconds(50);
  start(options);
  const auto mute = stranger();
  ASSERT_TRUE(until([&] { return count(occurrence::handshakes_timed_out) == 1; }));
  stranger().reset();
  ASSERT_TRUE(until([&] { return count(occurrence::handshakes_abandoned) == 1; }));
  const auto told = [&](const std::string& first_word, occurrence what) {
    const auto peer = stranger();
    peer->say(first_word);
    return until([&] { return peer->ended(); }) && count(what) == 1;
  };
  EXPECT_TRUE(told(hello_frame("elsewhere"), occurrence::handshakes_wrong_group));
  EXPECT_TRUE(told("GET / HTTP/1.1\r\n\r\n", occurrence::handshakes_malformed));
  std::string expects;
  ports::peer client{ports::peer_role::client, {}, {}, {}};
  ASSERT_TRUE(wire::encode(wire::hello{wire::protocol_version, "test", client, {1, 2}}, expects));
  EXPECT_TRUE(told(expects, occurrence::handshakes_wrong_incarnation));
  std::string version;
  ASSERT_TRUE(wire::encode(wire::hello{77, "test", client, {}}, version));
  EXPECT_TRUE(told(version, occurrence::handshakes_wrong_version));
  EXPECT_TRUE(logged("handshakes_wrong_group: 127.0.0.1:"));
  ASSERT_TRUE(until([&] { return server.net->counts()->open() == 0; }));
}

TEST_F(hostile_test, half_a_frame_does_not_stay) {
  transport_options options;
  options.stall_timeout = milliseconds(200);
  start(options);
  const auto honest = guest();
  const auto headless = guest();
  const auto half = guest();
  headless->say("\x08");
  const std::string whole = frame_of(request_of(std::string(100'000, 'x')));
  half->say(whole.substr(0, 10'000));
  ASSERT_TRUE(until([&] { return server.closed.size() == 2; }));
  EXPECT_EQ(count(occurrence::frames_stalled), 2U);
  EXPECT_TRUE(half->ended());
  EXPECT_FALSE(honest->ended()) << "silence between frames is no fault";
}

TEST(progress, is_so_many_bytes_in_a_window) {
  const nanoseconds window = seconds(10);
  const boot_time start{1};
  progress one;
  EXPECT_FALSE(one.stalled(start + seconds(99), window));
  one.moved(start, 0);
  EXPECT_FALSE(one.stalled(start + seconds(9), window));
  EXPECT_TRUE(one.stalled(start + seconds(10), window));
  for (int s = 1; s <= 60; ++s)
    one.moved(start + seconds(s), 2 * 1024);  // a slow modem
  EXPECT_FALSE(one.stalled(start + seconds(61), window));
  for (int s = 61; s <= 75; ++s)
    one.moved(start + seconds(s), 1);
  EXPECT_TRUE(one.stalled(start + seconds(75), window)) << "a byte a second is no progress";
  one.idle();
  EXPECT_FALSE(one.stalled(start + seconds(99), window));
}

TEST_F(hostile_test, one_that_never_reads_is_ended) {
  transport_options options;
  options.stall_timeout = milliseconds(200);
  start(options);
  const auto deaf = guest();
  const auto id = server.opened.back().first;
  message::reply answer;
  answer.payload = make_bytes(std::string(1 << 20, 'r'));
  int queued = 0;
  while (server.net->send(id, answer))
    ++queued;
  EXPECT_LE(queued, 64) << "the queue has an end";
  ASSERT_TRUE(until([&] { return !server.closed.empty(); }));
  EXPECT_EQ(count(occurrence::writes_stalled), 1U);
}

TEST_F(hostile_test, together_the_slow_may_hold_only_so_much) {
  transport_options options;
  options.held_bytes_max = 3 << 20;
  options.stall_timeout = seconds(100);
  start(options);
  const auto reader = guest();
  const auto other = server.opened.back().first;
  std::vector<std::unique_ptr<guest_socket>> halves;
  const std::string most = frame_of(request_of(std::string(2'000'000, 'x'))).substr(0, 1'000'000);
  for (int i = 0; i < 6; ++i) {
    halves.push_back(guest());
    std::string_view left = most;
    while (!left.empty()) {  // as fast as it is read
      left.remove_prefix(halves.back()->offer(left));
      loop.run_once(milliseconds(1));
    }
  }
  ASSERT_TRUE(until([&] { return count(occurrence::buffers_exceeded) >= 3; }));
  EXPECT_TRUE(until([&] { return halves.front()->ended(); }))
      << "who has waited longest goes first";
  EXPECT_FALSE(halves.back()->ended());
  EXPECT_TRUE(server.net->send(other, message::leave{}));
  EXPECT_TRUE(until([&] { return reader->ended() || reader->heard().size() > 8; }));
}

TEST_F(hostile_test, the_silent_make_room_when_there_are_too_many) {
  transport_options options;
  options.connections_max = 3;
  start(options);
  const auto owed = guest();
  owed->say(frame_of(request_of("x")));
  ASSERT_TRUE(until([&] { return server.heard.size() == 1; }));
  const auto silent = guest();
  const auto busy = guest();
  const auto late = std::make_unique<raw_socket>();
  late->connect(server.net->address());
  ASSERT_TRUE(until([&] { return late->ended(); })) << "nobody is silent for long yet";
  EXPECT_EQ(count(occurrence::connections_turned_away), 1U);
  const boot_time from = boot_now();
  ASSERT_TRUE(until([&] { return boot_now() - from > milliseconds(1200); }));
  busy->say(frame_of(request_of("y")));
  ASSERT_TRUE(until([&] { return server.heard.size() == 2; }));
  const auto newcomer = guest();
  EXPECT_TRUE(until([&] { return silent->ended(); }));
  EXPECT_FALSE(owed->ended() || busy->ended());
  EXPECT_EQ(count(occurrence::connections_displaced), 1U);
}

TEST_F(hostile_test, what_only_members_say_is_nonsense_from_a_client) {
  start();
  for (const message::any& what :
       {message::any(message::beat{}), message::any(message::leave{}),
        message::any(message::join_reply{}), message::any(message::reply{})}) {
    const auto client = guest();
    client->say(frame_of(what));
    ASSERT_TRUE(until([&] { return client->ended(); }));
  }
  EXPECT_EQ(count(occurrence::frames_malformed), 4U);
  EXPECT_TRUE(server.heard.empty());
  EXPECT_LE(server.log.lines.size(), 2U);
  const auto client = guest();
  client->say(frame_of(message::subscribe{}) + frame_of(message::view_pull{}));
  EXPECT_TRUE(until([&] { return server.heard.size() == 2; }));
}

// Lowers the limit of descriptors to some above those that are open.
class few_descriptors {
 public:
  explicit few_descriptors(int more) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::dup(0);
    ::close(next);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(next + more);
    setrlimit(RLIMIT_NOFILE, &now);
  }
  ~few_descriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  few_descriptors(const few_descriptors&) = delete;
  few_descriptors& operator=(const few_descriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(hostile_test, strangers_do_not_get_the_last_descriptors) {
  start();
  std::vector<std::unique_ptr<raw_socket>> many;
  for (int i = 0; i < 100; ++i)
    many.push_back(std::make_unique<raw_socket>());
  const few_descriptors left(20);
  for (const auto& each : many)
    each->connect(server.net->address());
  ASSERT_TRUE(until([&] { return count(occurrence::connections_turned_away) > 0; }));
  EXPECT_EQ(count(occurrence::descriptors_exhausted), 0U);
  const int one = ::dup(0);
  EXPECT_GE(one, 0) << "the process can still open a file";
  ::close(one);
}

}  // namespace
}  // namespace hedgerow::net
