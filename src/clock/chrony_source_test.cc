#include "clock/chrony_source.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include <gtest/gtest.h>

#include "clock/test_chronyd.h"
#include "clock/test_segment.h"

namespace hedgerow::clock {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

bool wait_for(const std::function<bool()>& holds, milliseconds patience = milliseconds{10'000}) {
  const auto end = steady_clock::now() + patience;
  while (!holds()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

std::unique_ptr<chrony_source> ask(const std::string& where) {
  auto address = parse_chrony_address(where);
  EXPECT_TRUE(address);
  return std::move(*chrony_source::open(*address));
}

bool becomes(chrony_source& source, bound_fault fault) {
  return wait_for([&] { return source.read().fault == fault; });
}

std::string words(const chrony_source& source, const clock_bound& b) {
  return source.explain(b.fault, b.detail);
}

TEST(chrony_address, is_on_this_machine) {
  const auto text = [](const char* from) {
    const auto a = parse_chrony_address(from);
    return a ? a->text : "refused";
  };
  EXPECT_EQ(text(""), "127.0.0.1:323");
  EXPECT_EQ(text("1323"), "127.0.0.1:1323");
  EXPECT_EQ(text("127.0.0.2"), "127.0.0.2:323");
  EXPECT_EQ(text("127.0.0.1:11323"), "127.0.0.1:11323");
  EXPECT_EQ(text("localhost:11323"), "localhost:11323");
  EXPECT_EQ(text("[::1]:323"), "[::1]:323");
  EXPECT_EQ(text("[::1]"), "[::1]:323");
  EXPECT_EQ(text("/run/chrony/chronyd.sock"), "/run/chrony/chronyd.sock");
  for (const char* bad : {"10.0.0.1", "10.0.0.1:323", "example.org:323", "[fe80::1]:323", "0.0.0.0",
                          "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", ":", "[::1"})
    EXPECT_EQ(text(bad), "refused") << bad;
  EXPECT_EQ(text(("/" + std::string(200, 'x')).c_str()), "refused");
  const auto remote = parse_chrony_address("10.0.0.1:323");
  EXPECT_NE(remote.error().message().find("loopback"), std::string::npos);
}

TEST(chrony, tells_the_bound_over_udp) {
  test_chronyd daemon;
  const auto source = ask(std::to_string(daemon.port()));
  ASSERT_TRUE(becomes(*source, bound_fault::none));
  const auto b = source->read();
  EXPECT_EQ(b.status, clock_status::synchronized);
  EXPECT_GE(b.bound_ns, 260'000);
  EXPECT_LT(b.bound_ns, 260'000 + 500'000);
  EXPECT_LE(b.as_of_ns, test_mono_ns());
  const auto before = b.as_of_ns;
  EXPECT_TRUE(wait_for([&] { return source->read().as_of_ns > before; }));
}

TEST(chrony, tells_the_bound_over_its_socket_and_leaves_no_file) {
  clock_folder folder;
  const std::string path = folder.file("chronyd.sock");
  {
    test_chronyd daemon(path);
    {
      const auto source = ask(path);
      EXPECT_TRUE(becomes(*source, bound_fault::none));
    }
    const auto files = std::filesystem::directory_iterator(folder.file(""));
    EXPECT_EQ(std::distance(begin(files), end(files)), 1);
  }
}

TEST(chrony, follows_the_daemon_from_good_to_bad_and_back) {
  test_chronyd daemon;
  const auto source = ask(std::to_string(daemon.port()));
  ASSERT_TRUE(becomes(*source, bound_fault::none));
  tracking_answer a;
  a.reference_age_ns = 20'000'000'000;
  daemon.answer(a);
  EXPECT_TRUE(wait_for([&] { return source->read().status == clock_status::free_running; }));
  a.leap = 3;
  daemon.answer(a);
  EXPECT_TRUE(becomes(*source, bound_fault::not_synchronized));
  a.leap = 0;  // still without a measurement: not believed any more
  daemon.answer(a);
  EXPECT_TRUE(becomes(*source, bound_fault::never_synchronized));
  daemon.answer({});
  EXPECT_TRUE(becomes(*source, bound_fault::none));
  daemon.spoil([](std::string reply) { return reply.substr(0, 28); });
  EXPECT_TRUE(becomes(*source, bound_fault::answer_malformed));
}

TEST(chrony, waits_for_the_answer_to_its_own_question) {
  test_chronyd daemon;
  daemon.spoil([&](std::string reply) {
    return reply.replace(16, 4, "gone");  // another sequence
  });
  const auto source = ask(std::to_string(daemon.port()));
  EXPECT_TRUE(becomes(*source, bound_fault::no_answer));
  daemon.spoil(nullptr);
  EXPECT_TRUE(becomes(*source, bound_fault::none));
}

TEST(chrony, keeps_the_last_answer_until_it_is_void) {
  auto daemon = std::make_unique<test_chronyd>();
  const auto source = ask(std::to_string(daemon->port()));
  ASSERT_TRUE(becomes(*source, bound_fault::none));
  daemon.reset();
  ASSERT_TRUE(wait_for([&] {
    return words(*source, no_bound(bound_fault::expired)).find("refused") != std::string::npos;
  }));
  EXPECT_TRUE(source->read().usable());
}

TEST(chrony, says_that_nobody_answers) {
  int port = 0;
  {
    test_chronyd gone;
    port = gone.port();
  }
  const auto source = ask(std::to_string(port));
  ASSERT_TRUE(becomes(*source, bound_fault::no_answer));
  const std::string text = words(*source, source->read());
  EXPECT_NE(text.find("Connection refused"), std::string::npos) << text;
  EXPECT_NE(text.find("is it running"), std::string::npos) << text;
}

TEST(chrony, ends_at_once_while_it_waits) {
  test_chronyd daemon;
  daemon.spoil([](const std::string&) { return std::string(); });
  auto source = ask(std::to_string(daemon.port()));
  ASSERT_TRUE(wait_for([&] { return daemon.asked() > 0; }));
  const auto began = steady_clock::now();
  source.reset();
  EXPECT_LT(steady_clock::now() - began, milliseconds{300});
}

TEST(chrony, asks_no_more_when_it_is_retired) {
  test_chronyd daemon;
  const auto source = ask(std::to_string(daemon.port()));
  ASSERT_TRUE(becomes(*source, bound_fault::none));
  source->retire();
  source->retire();
  const auto known = source->read();
  const int asked = daemon.asked();
  EXPECT_FALSE(wait_for([&] { return daemon.asked() > asked; }, milliseconds{1'200}));
  EXPECT_EQ(source->read().as_of_ns, known.as_of_ns);
}

}  // namespace
}  // namespace hedgerow::clock
