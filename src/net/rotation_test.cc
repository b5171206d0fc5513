// Secrets that change under open connections: what is under way on the old ones, and how those end.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/secret_scene.h"
#include "net/test_stranger.h"

namespace hedgerow::net {
namespace {

using ports::connection_id;

class rotation : public secret_scene, public ::testing::Test {
 protected:
  rotation() {
    options.stall_timeout = milliseconds(200);  // a look at all connections every 50 ms
  }
  // Both under the old secret; returns ann's connection to bob, as ann and bob know it.
  std::pair<connection_id, connection_id> begin() {
    for (node* each : {&ann, &bob}) {
      options.security.secret_file = folder.write(each->self.name, old_one);
      each->listen(loop, options);
    }
    return join(ann, bob);
  }
  void give(node& to, const std::string& secrets) {
    folder.write(to.self.name, secrets);
    HEDGEROW_ASSERT(to.net->reload_security());
  }
  // One after the other, as an operator does it; so the last step meets nobody who does not know
  // the new one.
  void roll() {
    for (const auto& secrets : {old_one + "\n" + new_one, new_one + "\n" + old_one, new_one}) {
      give(ann, secrets);
      give(bob, secrets);
    }
  }
  // Waits, for what must not happen.
  void pass(nanoseconds time) {
    const boot_time end = boot_now() + time;
    HEDGEROW_ASSERT(until([&] { return boot_now() > end; }));
  }
  static message::stream_data data(std::string text) {
    return {1, slice(make_bytes(std::move(text)))};
  }
  // From now on writes down what is said on streams of a connection.
  static void write_down(node& at, connection_id of, std::string& into) {
    at.when_data = [of, &into](connection_id id, const message::stream_data& what) {
      if (id == of) into += what.data.text;
    };
  }

  transport_options options;
  const std::string old_one = new_secret();
  const std::string new_one = new_secret();
  node ann{"ann"};
  node bob{"bob"};
};

TEST_F(rotation, waits_for_the_answer_to_a_request) {
  const auto [first, at_bob] = begin();
  // All know the new one, then use it: connections under the old one stay. A look finds the files.
  folder.write("ann", old_one + "\n" + new_one);
  folder.write("bob", old_one + "\n" + new_one);
  ASSERT_TRUE(until([&] { return logged(ann, "read again") && logged(bob, "read again"); }));
  give(ann, new_one + "\n" + old_one);
  give(bob, new_one + "\n" + old_one);
  EXPECT_TRUE(ann.retired.empty());
  const auto second = join(ann, bob).first;
  // A request is under way when the old one goes.
  ASSERT_TRUE(ann.net->send(first, request_of("slow", 7)));
  ASSERT_TRUE(until([&] { return bob.heard.size() == 1; }));
  give(ann, new_one);
  give(bob, new_one);
  EXPECT_EQ(ann.retired, std::vector{first});
  EXPECT_TRUE(bob.retired.empty());
  pass(milliseconds(300));
  EXPECT_TRUE(ann.closed.empty());
  message::reply answer;
  answer.id = 7;
  ASSERT_TRUE(bob.net->send(at_bob, answer));
  ASSERT_TRUE(until([&] { return ann.heard.size() == 1 && ann.closed.size() == 1; }));
  EXPECT_EQ(ann.closed[0].first, first);
  ASSERT_TRUE(ann.net->send(second, request_of("still here", 8)));
  EXPECT_TRUE(until([&] { return bob.heard.size() == 2; }));
}

TEST_F(rotation, waits_for_the_streams_of_a_connection) {
  const auto [first, at_bob] = begin();
  ann.net->set_busy(first, true);
  bob.net->set_busy(at_bob, true);
  std::string heard;
  write_down(bob, at_bob, heard);
  ASSERT_TRUE(ann.net->send(first, data("before, ")));
  roll();
  ASSERT_EQ(ann.retired, std::vector{first});
  const auto second = join(ann, bob).first;
  // Well beyond the look at which it would go without streams.
  pass(milliseconds(300));
  ASSERT_TRUE(ann.net->send(first, data("after, ")));
  ASSERT_TRUE(ann.net->send(first, data("the end")));
  ann.net->set_busy(first, false);
  bob.net->set_busy(at_bob, false);
  ASSERT_TRUE(until([&] { return ann.closed.size() == 1 && bob.closed.size() == 1; }));
  EXPECT_EQ(heard, "before, after, the end");
  EXPECT_EQ(ann.closed[0].first, first);
  EXPECT_EQ(bob.closed[0].first, at_bob);
  EXPECT_TRUE(has(ann.closed[0].second, "out of use")) << ann.closed[0].second;
  EXPECT_TRUE(has(bob.closed[0].second, "out of use")) << bob.closed[0].second;
  EXPECT_EQ(count(ann, occurrence::connections_retired), 0u) << "nothing was cut";
  ASSERT_TRUE(ann.net->send(second, request_of("still here")));
  EXPECT_TRUE(until([&] { return bob.heard.size() == 1; }));
  EXPECT_EQ(ann.retired, std::vector{first}) << "the second one is under the new secret";
}

// At once would be a RST as soon as the other side says a word, and what is under way to it lost.
TEST_F(rotation, loses_nothing_at_the_end_while_the_other_side_still_speaks) {
  options.security.secret_file = folder.write("ann", old_one);
  ann.listen(loop, options);
  raw_socket port;
  const int little = 4096;
  ASSERT_EQ(::setsockopt(port.handle(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
  const auto id = ann.net->dial(port.listen(), {}, seconds(5));
  tls_stranger slow(tls_stranger::end::server, port.accept());
  slow.know(old_one);
  ASSERT_TRUE(until([&] {
    slow.step();
    return !slow.heard.empty();
  }));
  bob.self.address = "127.0.0.1:1";
  std::string frame;
  ASSERT_TRUE(wire::encode(wire::welcome{wire::protocol_version, bob.self}, frame));
  slow.say(frame);
  ASSERT_TRUE(until([&] { return !ann.opened.empty() || !ann.failed.empty(); }));
  ASSERT_TRUE(ann.failed.empty()) << ann.failed[0].text;
  slow.heard.clear();
  ann.net->set_busy(id, true);
  give(ann, new_one);
  const std::string last(30'000, 'd');  // the kernel has it, the other side has not
  ASSERT_TRUE(ann.net->send(id, data(last)));
  ann.net->set_busy(id, false);
  ASSERT_TRUE(until([&] { return !ann.closed.empty(); }));
  frame.clear();
  ASSERT_TRUE(wire::encode(message::probe{}, limits::payload_bytes_default, frame));
  slow.say(frame);
  ASSERT_TRUE(until([&] {
    slow.step();
    return slow.over;
  }));
  EXPECT_GT(slow.heard.size(), last.size());
}

TEST_F(rotation, ends_what_does_not_end_by_itself_after_its_time) {
  options.retired_max = milliseconds(300);
  const auto [first, at_bob] = begin();
  ann.net->set_busy(first, true);
  bob.net->set_busy(at_bob, true);
  const boot_time from = boot_now();
  roll();
  ASSERT_TRUE(until([&] { return ann.closed.size() == 1 && bob.closed.size() == 1; }));
  EXPECT_GE(boot_now() - from, milliseconds(300));
  for (const node* each : {&ann, &bob})
    EXPECT_TRUE(has(each->closed[0].second, "out of use")) << each->closed[0].second;
  // Whoever was first to look has cut it; both may have.
  EXPECT_GE(
      count(ann, occurrence::connections_retired) + count(bob, occurrence::connections_retired),
      1u);
  EXPECT_TRUE(logged(ann, "connections_retired") || logged(bob, "connections_retired"));
}

TEST_F(rotation, leaves_a_connection_for_a_while_to_who_dialled_it) {
  options.retired_grace = milliseconds(300);
  const auto [first, at_bob] = begin();
  const boot_time from = boot_now();
  give(ann, new_one + "\n" + old_one);
  give(bob, new_one);
  ASSERT_TRUE(until([&] { return ann.closed.size() == 1; }));
  EXPECT_GE(boot_now() - from, milliseconds(300));
  EXPECT_TRUE(ann.retired.empty()) << "ann's file still has both";
  EXPECT_EQ(ann.closed[0], std::pair(first, std::string("closed by the other side")));
  ASSERT_TRUE(until([&] { return bob.closed.size() == 1; }));
  EXPECT_EQ(bob.closed[0].first, at_bob);
}

// Else whoever has an old secret that is known to others could stay for ever, by being slow.
TEST_F(rotation, meets_connections_in_the_middle_of_their_handshake) {
  options.retired_grace = milliseconds(1);
  begin();
  raw_socket way;
  way.connect(ann.net->address());
  tls_stranger guest(tls_stranger::end::client, ::dup(way.handle()));
  guest.know(old_one);
  ASSERT_TRUE(until([&] {
    guest.step();
    return guest.shaken();
  }));
  settle();
  roll();
  guest.say(hello_frame());
  const auto opened = [&] { return ann.opened.back().second.role == ports::peer_role::client; };
  ASSERT_TRUE(until(opened));
  const auto id = ann.opened.back().first;
  ASSERT_TRUE(until([&] {
    if (!guest.over) guest.step();
    return guest.over;
  }));
  EXPECT_TRUE(until([&] {
    return std::any_of(ann.closed.begin(), ann.closed.end(),
                       [&](const auto& each) { return each.first == id; });
  }));
}

TEST_F(rotation, may_end_the_transport) {
  begin();
  ann.when_closed = [&](connection_id) { ann.net.reset(); };
  roll();
  EXPECT_TRUE(until([&] { return !ann.net && !bob.closed.empty(); }));
}

}  // namespace
}  // namespace hedgerow::net
