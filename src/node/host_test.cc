#include "node/host.h"

#include <vector>

#include <gtest/gtest.h>

namespace hedgerow {
namespace {

TEST(user_log, gets_one_line_whatever_is_in_a_name) {
  std::vector<std::string> lines;
  user_log log([&](severity, std::string_view text) { lines.emplace_back(text); }, severity::info);
  log.write(severity::debug, "not wanted");
  log.write(severity::info, "name in use: 'a\nb\x1b[31m\x7f'");
  log.write(severity::info, "gr\xc3\xbcn");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "name in use: 'a b [31m '");
  EXPECT_EQ(lines[1], "gr\xc3\xbcn");
}

TEST(deadline_after, never_overflows) {
  EXPECT_EQ(deadline_after(milliseconds::max()), boot_time::never());
  EXPECT_LT(deadline_after(milliseconds::min()), net::boot_now());
  const boot_time before = net::boot_now();
  const boot_time soon = deadline_after(seconds{5});
  EXPECT_GE(soon, before + seconds{5});
  EXPECT_LE(soon, net::boot_now() + seconds{5});
  for (const auto most : {milliseconds::min(), milliseconds::max()})
    EXPECT_EQ(nanoseconds{countable(most)}.count() > 0, most.count() > 0);
}

TEST(once, may_have_nothing_to_call) {
  once<result<void>> nobody(nullptr);
  nobody(result<void>{});
}

TEST(wait_for_replies, tells_a_broadcast_to_nobody_from_one_that_was_dropped) {
  const net::event_loop loop;
  const auto to_nobody = wait_for_replies(loop, [](broadcast_callback done) { done.done(); });
  ASSERT_TRUE(to_nobody);
  EXPECT_TRUE(to_nobody->empty());
  const auto dropped = wait_for_replies(
      loop, [](broadcast_callback done) { const broadcast_callback moved(std::move(done)); });
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().code, errc::stopped);
}

}  // namespace
}  // namespace hedgerow
