// The messages of streams, byte by byte and at their limits.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "model/limits.h"
#include "wire/codec.h"
#include "wire/frame.h"

namespace hedgerow::wire {
namespace {

constexpr std::size_t payload_limit = 1 << 20;

std::string encoded(const message::any& what) {
  std::string out;
  const auto done = encode(what, payload_limit, out);
  EXPECT_TRUE(done) << done.error().message();
  return out;
}

result<message::any> decode_whole(std::string_view data) {
  const auto header = decode_header(data, stage::open, payload_limit);
  if (!header) return tl::unexpected<error>(header.error());
  return decode(header->type, data.substr(frame_header_bytes));
}

TEST(stream_codec, keeps_the_format_of_stream_data) {
  const message::stream_data what{0x0102030405060708, slice(make_bytes("hi"))};
  EXPECT_EQ(encoded(what), std::string("\x0a\0\0\0\x4a\0\0\0"  // length 10, type 74
                                       "\x08\x07\x06\x05\x04\x03\x02\x01hi",
                                       18));
}

TEST(stream_codec, borrows_the_data_of_streams) {
  const std::string body = encoded(message::stream_data{7, slice(make_bytes("data"))}).substr(8);
  const auto got = decode(frame_type::stream_data, body);
  ASSERT_TRUE(got);
  const auto& data = std::get<message::stream_data>(*got).data;
  EXPECT_EQ(data.owner, nullptr);
  EXPECT_EQ(static_cast<const void*>(data.text.data()), body.data() + 8);
  EXPECT_FALSE(decode(frame_type::stream_data, std::string_view(body).substr(0, 8)));
  std::string out;
  EXPECT_FALSE(encode(message::stream_data{7, {}}, payload_limit, out));
  EXPECT_FALSE(encode(message::stream_data{7, slice(make_bytes(std::string(
                                                  limits::stream_frame_bytes_max + 1, 'd')))},
                      payload_limit, out));
  EXPECT_EQ(out, "");
}

TEST(stream_codec, shares_the_long_data_of_streams) {
  const bytes whole = make_bytes(std::string(9000, 'd'));
  const message::stream_data what{7, slice(whole, as_view(whole).substr(1000, 5000))};
  std::string out;
  const auto rest = encode(what, payload_limit, 4096, out);
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->owner, whole);
  EXPECT_EQ(rest->text.data(), whole->data() + 1000);
  EXPECT_EQ(out.append(rest->text), encoded(what));
}

TEST(stream_codec, cuts_the_text_of_a_reset) {
  message::stream_reset what;
  what.text.assign(limits::error_text_bytes_max + 100, 't');
  const auto back = decode_whole(encoded(what));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<message::stream_reset>(*back).text.size(), limits::error_text_bytes_max);
}

TEST(stream_codec, refuses_streams_over_their_limits) {
  const auto ok = [](const message::any& what) { return decode_whole(encoded(what)).has_value(); };
  message::stream_open open;
  for (std::size_t i = 0; i < limits::metadata_max; ++i)
    open.metadata[std::to_string(i)] = "";
  EXPECT_TRUE(ok(open));
  open.metadata["more"] = "";
  EXPECT_FALSE(ok(open));
  open.metadata = {{"k", std::string(limits::metadata_bytes_max - 1, 'v')}};
  EXPECT_TRUE(ok(open));
  open.metadata["k"] += "v";
  EXPECT_FALSE(ok(open));
  open.metadata = {{"", "v"}};
  EXPECT_FALSE(ok(open)) << "an empty key";
  open.metadata.clear();
  open.limit = std::uint64_t{1} << 63U;
  EXPECT_FALSE(ok(open));
  open.limit = 0;
  open.from.assign(256, 'n');
  EXPECT_FALSE(ok(open));
  open.from.clear();
  open.kind = static_cast<message::request_kind>(2);
  EXPECT_FALSE(ok(open));
  EXPECT_FALSE(decode(frame_type::stream_open, "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
      << "a negative time";
  EXPECT_FALSE(ok(message::stream_accept{1, 2, -1, ""}));
  EXPECT_FALSE(ok(message::stream_credit{1, UINT64_MAX, 0}));
  EXPECT_FALSE(ok(message::stream_credit{1, 0, UINT64_MAX}));
  message::stream_reset reset;
  reset.code = static_cast<message::stream_code>(10);
  EXPECT_FALSE(ok(reset));
  reset.code = message::stream_code::violation;
  reset.leader_address.assign(256, 'a');
  EXPECT_FALSE(ok(reset));
}

TEST(stream_codec, leaves_a_nanosecond_to_a_stream_whose_time_is_over) {
  message::stream_open late;
  late.remaining = nanoseconds{-5};
  const auto back = decode_whole(encoded(late));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<message::stream_open>(*back).remaining, nanoseconds{1});
}

}  // namespace
}  // namespace hedgerow::wire
