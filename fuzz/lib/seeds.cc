// Seeds for the fuzz targets, written by our own encoders: fuzz-seeds CORPUS_FOLDER checks that
// each is there, byte for byte; with HEDGEROW_REWRITE=1 it writes them.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "store/members_json.h"
#include "wire/codec.h"
#include "wire/handshake.h"

using namespace hedgerow;

namespace {

using seeds = std::map<std::string, std::string>;  // "target/name" -> content

constexpr incarnation ann_life{0x0123456789abcdef, 0xfedcba9876543210};
constexpr incarnation bob_life{1, 2};

member ann() {
  return {"ann",
          "127.0.0.1:7000",
          ann_life,
          member_state::up,
          member_health::alive,
          "zone-a",
          {{"role", "web"}, {"rack", "7"}}};
}
member bob() {
  return {
      "b\xc3\xb6"
      "b '\"\xff",
      "[::1]:7001",
      bob_life,
      member_state::joining,
      member_health::degraded,
      {},
      {}};
}
view_ptr some_view() {
  return std::make_shared<const view>(
      view{{1764040000000000, 7}, {ann(), bob()}, {{"carl", {3, 4}, removal_reason::crashed}}});
}

std::string frame_of(const message::any& what) {
  std::string out;
  HEDGEROW_ASSERT(wire::encode(what, limits::payload_bytes_max, out));
  return out;
}
std::string body_of(const std::string& frame) {
  return frame.substr(wire::frame_header_bytes);
}
template <class Handshake>
std::string frame_of_handshake(const Handshake& what) {
  std::string out;
  HEDGEROW_ASSERT(wire::encode(what, out));
  return out;
}

// In the order in which fuzz/control.cc chooses.
std::vector<std::pair<std::string, message::any>> control_messages() {
  return {
      {"probe", message::probe{9, {5, 6}}},
      {"probe_ack", message::probe_ack{9, {5, 6}}},
      {"beat", message::beat{3, 5, {99}, {5, 6}, {ann_life, bob_life}}},
      {"report", message::report{3,
                                 {5, 6},
                                 {{ann_life, message::edge_state::up},
                                  {bob_life, message::edge_state::refused}}}},
      {"view_push", message::view_push{some_view()}},
      {"view_pull", message::view_pull{{5, 6}}},
      {"join", message::join{ann()}},
      {"join_reply", message::join_reply{message::join_status::name_in_use, "127.0.0.1:7000"}},
      {"leave", message::leave{}},
      {"released", message::released{5, true}},
      {"subscribe", message::subscribe{}},
      {"leader_news", message::leader_news{"ann", "127.0.0.1:7000", ann_life, 5, 2500, 12}},
      {"stream_open", message::stream_open{7,
                                           message::request_kind::send,
                                           65536,
                                           nanoseconds{5'000'000'000},
                                           nanoseconds{0},
                                           "ann",
                                           {{"content-type", "text"}, {"trace", "1"}}}},
      {"stream_accept", message::stream_accept{7, 65536, 5, "bob"}},
      {"stream_credit", message::stream_credit{7, 131072, 12}},
      {"stream_finish", message::stream_finish{7}},
      {"stream_reset", message::stream_reset{7, message::stream_code::leadership_lost, 12,
                                             "the lease has expired", bob_life, "[::1]:7001"}},
  };
}

message::request some_request() {
  return {42, message::request_kind::broadcast, nanoseconds{5'000'000'000}, "ann",
          make_bytes("hello")};
}
message::reply some_reply() {
  return {42,           message::reply_status::not_leader, 5, "ann", bob_life,
          "[::1]:7001", make_bytes("not the leader")};
}

message::stream_data some_data(const std::string& data) {
  return {7, slice(make_bytes(data))};
}

void add_messages(seeds& all) {
  std::string everything;
  char choice = 0;
  for (const auto& [name, what] : control_messages()) {
    const std::string frame = frame_of(what);
    all["control/" + name] = choice++ + body_of(frame);
    everything += frame;
  }
  // An empty member has two bytes here, and a hundred in memory.
  std::string members;
  for (int i = 0; i < 600; ++i)
    members.append("\x12\0", 2);
  all["control/view_of_too_many"] = std::string("\4\x0a\xb0\x09") + members;
  const std::string request = frame_of(some_request());
  const std::string reply = frame_of(some_reply());
  all["payload/request"] = '\0' + body_of(request);
  all["payload/reply"] = '\1' + body_of(reply);
  const std::string data = frame_of(some_data("hello"));
  all["payload/stream_data"] = '\2' + body_of(data);
  auto large = some_request();
  large.payload = make_bytes(std::string(6000, 'x'));
  const std::string client = request + frame_of(message::subscribe{}) + frame_of(large);
  // Stage, and the size of the pieces less one.
  all["frame/open"] = std::string("\2\x0a") + everything + request + reply + data;
  all["frame/stream"] = std::string("\2\x63") + frame_of(some_data(std::string(5000, 'd'))) + data +
                        frame_of(message::stream_finish{7});
  all["frame/client"] = std::string("\3\x63") + client;
}

void add_handshakes(seeds& all) {
  const ports::peer self{ports::peer_role::member, "ann", "127.0.0.1:7000", ann_life};
  const ports::peer client{ports::peer_role::client, {}, {}, {}};
  const auto hello =
      frame_of_handshake(wire::hello{wire::protocol_version, "default", self, bob_life});
  const auto guest = frame_of_handshake(wire::hello{wire::protocol_version, "default", client, {}});
  const auto welcome = frame_of_handshake(wire::welcome{wire::protocol_version, self});
  const auto other = frame_of_handshake(wire::rejection{
      wire::protocol_version, wire::rejection_code::other_incarnation, "this is ann", self});
  all["handshake/hello"] = '\0' + body_of(hello);
  all["handshake/hello_of_client"] = '\0' + body_of(guest);
  all["handshake/hello_of_another_version"] =
      '\0' + body_of(frame_of_handshake(wire::hello{77, "x", {}, {}}));
  all["handshake/welcome"] = '\1' + body_of(welcome);
  all["handshake/rejection"] = '\2' + body_of(other);
  all["frame/hello"] = std::string("\0\3", 2) + hello;
  all["frame/welcome"] = std::string("\1\3") + welcome;
}

void add_texts(seeds& all) {
  all["members_json/members"] = '\0' + store::members_to_json({ann(), bob()});
  all["members_json/removed"] =
      '\1' + store::removed_to_json({{"carl", {3, 4}, removal_reason::left}});
  all["address/name"] = "node-1.internal:7000";
  all["address/v4"] = "127.0.0.1:0";
  all["address/v6"] = "[fe80::1%eth0]:65535";
  all["address/bracket"] = "[[]:1";
  all["boot_offset/too_large"] = "boottime 9223372036854775807 0\n";
  all["boot_offset/names"] = "monotonic           0         0\nboottime      604800 500000000\n";
  all["boot_offset/numbers"] = "1  -5  0\n7  -9223372036  999999999\n";
}

template <class Number>
void put(std::string& bytes, std::size_t at, Number value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
// chronyd speaks in big endian.
void put_big(std::string& bytes, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    bytes[at + size - 1 - i] = static_cast<char>(value >> (8 * i));
}

// Offsets as of clockbound 1.1 to 1.3.
std::string segment(std::uint16_t version) {
  const bool second = version == 2;
  std::string bytes(second ? 80 : 72, '\0');
  put(bytes, 0, std::uint32_t{0x414D5A4E});
  put(bytes, 4, std::uint32_t{0x43420200});
  put(bytes, 8, static_cast<std::uint32_t>(bytes.size()));
  put(bytes, 12, version);
  put(bytes, 14, std::uint16_t{12});
  put(bytes, 16, std::int64_t{86'400});                 // as_of
  put(bytes, 32, std::int64_t{87'400});                 // void_after
  put(bytes, 48, std::int64_t{350'000});                // bound
  put(bytes, second ? 64 : 56, std::uint32_t{50'000});  // drift
  put(bytes, second ? 68 : 64, std::int32_t{1});        // synchronized
  return bytes;
}

// As of clockbound 4.4: an answer to question 7.
std::string tracking_answer() {
  std::string bytes(104, '\0');
  put_big(bytes, 0, 0x06020000, 4);
  put_big(bytes, 4, 33, 2);
  put_big(bytes, 6, 5, 2);
  put_big(bytes, 16, 7, 4);
  put_big(bytes, 28, 0xA9FEA97B, 4);     // followed: 169.254.169.123
  put_big(bytes, 52, 4, 2);              // stratum
  put_big(bytes, 60, 1'764'039'999, 4);  // measured
  put_big(bytes, 68, 0xEA000000 | 0x400000, 4);
  put_big(bytes, 92, 0xE6000000 | 0x400000, 4);
  put_big(bytes, 96, 0xE4000000 | 0x400000, 4);
  put_big(bytes, 100, 0x0A000000 | 0x400000, 4);
  return bytes;
}

void add_clocks(seeds& all) {
  all["segment/version_1"] = segment(1);
  all["segment/version_2"] = segment(2);
  all["segment/version_3"] = segment(3);
  all["tracking/answer"] = '\0' + tracking_answer();
  all["tracking/answer_again"] = '\1' + tracking_answer();
}

// Events as fuzz/streams.cc reads them.
void add_streams(seeds& all) {
  const auto say = [](std::initializer_list<char> choices) { return std::string(choices); };
  const auto open_frame = say({0, 0, 0, 0, 0, 4, 0, 0});
  const auto accept_frame = say({0, 0, 1, 0, 4});
  const auto data_frame = say({0, 0, 5, 2, 2, 1, 3, 1, 0, 1, 0});
  const auto long_data = say({0, 0, 5, 0, 5, 1, 0});
  const auto finish_frame = say({0, 0, 3, 0});
  const auto credit_frame = say({0, 0, 2, 0, 5, 1});
  const auto not_leader = say({0, 0, 4, 0, 0, 0, 0});
  const auto leader = say({1, 0, 3, 1});
  const auto connected = say({1, 0, 4, 0, 0});
  const auto drained = say({1, 0, 7, 0, 5});
  const auto other_token = say({1, 0, 1, 2});
  const auto cut = say({1, 0, 6, 0});
  const auto time = say({1, 0, 0, 20});
  const auto user_opens = say({1, 1, 0, 1, 1, 1});
  const auto user_writes = say({1, 1, 0, 1, 5});
  const auto user_finishes = say({1, 1, 0, 2});
  const auto user_consumes = say({1, 1, 0, 4});
  const auto opened = leader + user_opens + connected + accept_frame;
  all["streams/taken"] = open_frame + data_frame + user_consumes + finish_frame + user_writes +
                         user_finishes + credit_frame;
  all["streams/long"] = open_frame + long_data + long_data + user_consumes + time;
  all["streams/opened"] = opened + user_writes + drained + credit_frame + user_finishes + drained +
                          data_frame + user_consumes + finish_frame + time;
  all["streams/refused"] = leader + user_opens + connected + not_leader + connected + time;
  all["streams/lost"] = opened + user_writes + cut + connected + time;
  all["streams/leadership"] = open_frame + data_frame + other_token + data_frame;
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  const bool rewrite = std::getenv("HEDGEROW_REWRITE") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  seeds all;
  add_messages(all);
  add_handshakes(all);
  add_texts(all);
  add_clocks(all);
  add_streams(all);
  int stale = 0;
  for (const auto& [name, content] : all) {
    const auto file = folder / name;
    if (rewrite) {
      std::filesystem::create_directories(file.parent_path());
      std::ofstream(file, std::ios::binary) << content;
    }
    if (std::filesystem::exists(file) && content_of(file) == content) continue;
    std::fprintf(stderr, "%s is stale; HEDGEROW_REWRITE=1 writes it anew\n", file.c_str());
    ++stale;
  }
  std::printf("%zu seeds, %d stale\n", all.size(), stale);
  return stale == 0 ? 0 : 1;
}
