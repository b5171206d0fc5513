// Messages that are small on the wire and large in memory.

#include "wire/entries.h"

#include <string>

#include <gtest/gtest.h>

#include "model/limits.h"
#include "wire/codec.h"
#include "wire/control.pb.h"

namespace hedgerow::wire {
namespace {

std::string times(std::size_t count, std::string_view what) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i)
    out += what;
  return out;
}

std::string field(char tag, const std::string& body) {
  std::string length;
  for (std::size_t rest = body.size();; rest >>= 7) {
    const bool last = rest < 0x80;
    length += static_cast<char>((rest & 0x7f) | (last ? 0 : 0x80));
    if (last) break;
  }
  return tag + length + body;
}

constexpr std::string_view empty_member("\x12\0", 2);
constexpr std::string_view empty_tag("\x3a\0", 2);

TEST(entries, are_counted_before_anything_is_allocated) {
  constexpr entry_limit some[] = {{.field = 2, .most = 3}};
  EXPECT_TRUE(keeps_limits(times(3, empty_member), some));
  EXPECT_FALSE(keeps_limits(times(4, empty_member), some));
  EXPECT_TRUE(keeps_limits(times(4, "\x1a\x01x"), some)) << "another field";
  static constexpr entry_limit inner[] = {{.field = 7, .most = 2}};
  static constexpr entry_limit outer[] = {{.field = 2, .most = 3, .inside = inner}};
  const std::string two = field('\x12', times(2, empty_tag));
  EXPECT_TRUE(keeps_limits(times(3, two), outer)) << "each has its own count";
  EXPECT_FALSE(keeps_limits(two + field('\x12', times(3, empty_tag)), outer));
}

TEST(entries, refuse_what_is_cut_off_and_groups) {
  static constexpr entry_limit inner[] = {{.field = 7, .most = 2}};
  static constexpr entry_limit outer[] = {{.field = 2, .most = 3, .inside = inner}};
  for (const std::string_view bad :
       {"\x08",
        "\x09"
        "1234567",
        "\x0d"
        "123",
        "\x12\x05"
        "ab",
        "\x12", "\x0b\x0c", "\x12\x02\x3a\x05", "\x12\xff\xff\xff\xff\x7f"})
    EXPECT_FALSE(keeps_limits(bad, outer)) << testing::PrintToString(bad);
  EXPECT_TRUE(keeps_limits({}, outer));
}

// 6 MiB that would become half a gigabyte, and a second of the loop's time.
TEST(entries, of_a_view_are_limited) {
  const std::string bomb = field('\x0a', times(3'000'000, empty_member));
  ASSERT_LE(bomb.size(), limits::control_bytes_max);
  const auto refused = decode(frame_type::view_push, bomb);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("too many entries"), std::string::npos);
  // Protobuf would merge these into one view.
  EXPECT_FALSE(decode(frame_type::view_push, times(2, field('\x0a', "\x0a\x02\x08\x01"))));
  EXPECT_TRUE(decode(frame_type::view_push, field('\x0a', "\x0a\x02\x08\x01")));
}

TEST(entries, of_metadata_are_limited) {
  const auto refused = decode(frame_type::stream_open, times(limits::metadata_max + 1, empty_tag));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("too many entries"), std::string::npos);
}

TEST(entries, of_tags_subjects_and_edges_are_limited) {
  EXPECT_FALSE(decode(frame_type::join, field('\x0a', times(limits::tags_max + 1, empty_tag))));
  const auto beat = times(limits::members_max, std::string_view("\x2a\0", 2));
  EXPECT_TRUE(decode(frame_type::beat, beat));
  EXPECT_FALSE(decode(frame_type::beat, beat + std::string("\x2a\0", 2)));
  const auto report = times(limits::members_max, std::string_view("\x1a\0", 2));
  EXPECT_TRUE(decode(frame_type::report, report));
  EXPECT_FALSE(decode(frame_type::report, report + std::string("\x1a\0", 2)));
}

}  // namespace
}  // namespace hedgerow::wire
