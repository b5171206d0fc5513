#include "clock/clockbound_source.h"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock/clockbound_segment.h"
#include "clock/test_segment.h"

namespace hedgerow::clock {
namespace {

constexpr std::int64_t second = 1'000'000'000;

class clockbound : public testing::Test {
 protected:
  clock_bound read() { return source.read(); }
  bound_fault fault() { return read().fault; }
  std::string words() {
    const auto b = read();
    return source.explain(b.fault, b.detail);
  }

  clock_folder folder;
  std::string path = folder.file("shm0");
  clockbound_source source{{{path, folder.file("shm")}, folder.file("vmclock0")}};
};

TEST_F(clockbound, reads_layout_2) {
  test_segment segment(path);
  segment_content c;
  c.as_of_ns = 77 * second + 5;
  c.void_after_ns = 1'077 * second;
  c.bound_ns = 123'456;
  c.max_drift_ppb = 50'001;
  segment.write(c);
  const auto b = read();
  EXPECT_TRUE(b.usable());
  EXPECT_EQ(b.as_of_ns, c.as_of_ns);
  EXPECT_EQ(b.measured_ns, c.as_of_ns - measured_within_ns);
  EXPECT_EQ(b.void_after_ns, c.void_after_ns);
  EXPECT_EQ(b.bound_ns, c.bound_ns);
  EXPECT_EQ(b.max_drift_ppb, c.max_drift_ppb);
  EXPECT_EQ(b.status, clock_status::synchronized);
  EXPECT_FALSE(b.ask_vmclock);
}

TEST_F(clockbound, reads_layout_1_where_2_is_missing) {
  test_segment segment(folder.file("shm"), 1);
  segment_content c;
  c.max_drift_ppb = 7;
  c.status = 2;
  segment.write(c);
  const auto b = read();
  EXPECT_TRUE(b.usable());
  EXPECT_EQ(b.as_of_ns, c.as_of_ns);
  EXPECT_EQ(b.max_drift_ppb, 7u);
  EXPECT_EQ(b.status, clock_status::free_running);
  // It stays with the file that it chose.
  test_segment other(path);
  other.write({});
  EXPECT_EQ(read().max_drift_ppb, 7u);
  c.status = 3;  // layout 1 knows none such
  segment.write(c);
  EXPECT_EQ(fault(), bound_fault::malformed);
}

TEST_F(clockbound, says_what_is_wrong_with_the_file) {
  EXPECT_EQ(fault(), bound_fault::missing);
  EXPECT_NE(words().find("no ClockBound segment at " + path + " or "), std::string::npos)
      << words();
  write_file(path, "");
  EXPECT_EQ(fault(), bound_fault::too_short);
  write_file(path, std::string(15, 'x'));
  EXPECT_EQ(fault(), bound_fault::too_short);
  EXPECT_NE(words().find("only 15 bytes"), std::string::npos) << words();
  write_file(path, std::string(80, 'x'));
  EXPECT_EQ(fault(), bound_fault::not_a_segment);
  std::filesystem::remove(path);
  EXPECT_EQ(fault(), bound_fault::missing);
  EXPECT_NE(words().find("is gone"), std::string::npos) << words();
  ASSERT_EQ(mkfifo(path.c_str(), 0644), 0);
  EXPECT_EQ(fault(), bound_fault::unreadable);
  EXPECT_NE(words().find("can't read"), std::string::npos) << words();
}

TEST_F(clockbound, was_measured_when_it_was_synchronized_last) {
  test_segment segment(path);
  segment_content c;
  c.status = 2;
  segment.write(c);
  EXPECT_EQ(read().measured_ns, never_measured);
  c.status = 1;
  segment.write(c);
  const std::int64_t measured = c.as_of_ns - measured_within_ns;
  EXPECT_EQ(read().measured_ns, measured);
  c.status = 2;
  c.as_of_ns += 500 * second;
  c.void_after_ns += 500 * second;
  segment.write(c);
  EXPECT_EQ(read().measured_ns, measured);
}

TEST_F(clockbound, chooses_no_file_that_it_could_not_look_for) {
  rlimit whole{};
  getrlimit(RLIMIT_NOFILE, &whole);
  const rlimit none{0, whole.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const auto found = read();
  setrlimit(RLIMIT_NOFILE, &whole);
  EXPECT_EQ(found.fault, bound_fault::unreadable);
  EXPECT_EQ(found.detail, EMFILE);
  EXPECT_TRUE(nothing_known(found));
  test_segment segment(folder.file("shm"), 1);
  segment.write({});
  EXPECT_TRUE(read().usable());
}

TEST_F(clockbound, says_what_is_wrong_with_the_header) {
  test_segment segment(path);
  EXPECT_EQ(fault(), bound_fault::not_initialized);  // generation 0
  segment.write({});
  ASSERT_EQ(fault(), bound_fault::none);
  const auto with = [&](std::size_t where, auto value, auto back) {
    segment.poke(where, value);
    const auto found = fault();
    segment.poke(where, back);
    return found;
  };
  const auto u16 = [](int n) { return static_cast<std::uint16_t>(n); };
  EXPECT_EQ(with(0, 0x414D5A4FU, 0x414D5A4EU), bound_fault::not_a_segment);
  EXPECT_EQ(with(12, u16(0), u16(2)), bound_fault::not_initialized);
  for (const int version : {3, 4, 0x0302, 0x0303})
    EXPECT_EQ(with(12, u16(version), u16(2)), bound_fault::version);
  segment.poke(12, u16(3));
  EXPECT_NE(words().find("of version 3; only 1 and 2"), std::string::npos) << words();
  segment.poke(12, u16(2));
  for (const unsigned size : {16U, 72U, 79U})
    EXPECT_EQ(with(8, size, 80U), bound_fault::malformed) << size;
  EXPECT_EQ(with(8, 104U, 80U), bound_fault::none);  // may grow behind what is known
  ASSERT_EQ(truncate(path.c_str(), 72), 0);
  EXPECT_EQ(fault(), bound_fault::too_short);
}

TEST_F(clockbound, says_which_field_is_wrong) {
  test_segment segment(path);
  const auto with = [&](auto change) {
    segment_content c;
    change(c);
    segment.write(c);
    const auto b = read();
    return b.fault == bound_fault::malformed ? b.detail : -static_cast<int>(b.fault);
  };
  EXPECT_EQ(with([](auto& c) { c.bound_ns = -1; }), 48);
  EXPECT_EQ(with([](auto& c) { c.bound_ns = INT64_MAX; }), 48);
  EXPECT_EQ(with([](auto& c) { c.bound_ns = bound_max_ns; }), 0);
  EXPECT_EQ(with([](auto& c) { c.bound_ns = bound_max_ns + 1; }), 48);
  EXPECT_EQ(with([](auto& c) { c.max_drift_ppb = 999'999'999; }), 0);
  EXPECT_EQ(with([](auto& c) { c.max_drift_ppb = 1'000'000'000; }), 64);
  EXPECT_EQ(with([](auto& c) { c.status = 7; }), 68);
  EXPECT_EQ(with([](auto& c) { c.status = -1; }), 68);
  EXPECT_EQ(with([](auto& c) { c.disruption_support = 2; }), 72);
  EXPECT_EQ(with([](auto& c) { c.void_after_ns = c.as_of_ns; }), 32);
  EXPECT_EQ(with([](auto& c) { c.as_of_ns = -second; }), 16);
  segment.write({});
  segment.poke(24, std::int64_t{1'000'000'000});
  EXPECT_EQ(fault(), bound_fault::malformed);
  segment.write({});
  segment.poke(16, INT64_MAX);
  EXPECT_EQ(fault(), bound_fault::malformed);
  EXPECT_NE(words().find("the field at byte 16"), std::string::npos) << words();
}

TEST_F(clockbound, passes_on_each_status) {
  test_segment segment(path);
  const clock_status expected[] = {clock_status::unknown, clock_status::synchronized,
                                   clock_status::free_running, clock_status::disrupted};
  for (int status = 0; status < 4; ++status) {
    segment_content c;
    c.status = status;
    segment.write(c);
    EXPECT_EQ(read().status, expected[status]);
    EXPECT_TRUE(read().usable());
  }
}

TEST_F(clockbound, does_not_take_half_an_update) {
  test_segment segment(path);
  segment.write({});
  segment.begin_write();
  EXPECT_EQ(fault(), bound_fault::being_written);
  segment.write({});
  EXPECT_EQ(fault(), bound_fault::none);
}

TEST_F(clockbound, follows_the_generation_around) {
  test_segment segment(path);
  segment.poke(14, std::uint16_t{65'532});
  segment.write({});
  EXPECT_EQ(segment.generation(), 65'534);
  EXPECT_EQ(fault(), bound_fault::none);
  segment.write({});
  EXPECT_EQ(segment.generation(), 2);
  EXPECT_EQ(fault(), bound_fault::none);
}

TEST_F(clockbound, follows_a_file_that_is_made_anew) {
  test_segment old(path);
  old.write({});
  EXPECT_EQ(fault(), bound_fault::none);
  std::filesystem::remove(path);
  EXPECT_EQ(fault(), bound_fault::missing);
  test_segment fresh(path);
  EXPECT_EQ(fault(), bound_fault::not_initialized);
  segment_content c;
  c.bound_ns = 42;
  fresh.write(c);
  EXPECT_EQ(read().bound_ns, 42);
  old.write({});  // nobody looks at it any more
  EXPECT_EQ(read().bound_ns, 42);
}

TEST_F(clockbound, that_is_truncated_under_readers_harms_nobody) {
  test_segment segment(path);
  segment.write({});
  std::atomic<bool> done{false};
  std::atomic<int> seen{0};
  std::thread reader([&] {
    while (!done) {
      const auto b = source.read();
      if (b.usable() && b.bound_ns != 500'000) seen = -1'000'000;
      ++seen;
    }
  });
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(truncate(path.c_str(), 0), 0);
    ASSERT_EQ(truncate(path.c_str(), 80), 0);
  }
  while (seen >= 0 && seen < 100)
    std::this_thread::yield();
  done = true;
  reader.join();
  EXPECT_GE(seen, 100);
  EXPECT_EQ(fault(), bound_fault::not_a_segment);  // zeros
}

// Every field says the same number: a copy of two updates would not.
TEST_F(clockbound, is_never_torn) {
  test_segment segment(path);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::int64_t n = 1; !done; n = n % 1'000'000 + 1) {
      segment_content c;
      c.as_of_ns = n;
      c.void_after_ns = n + 1;
      c.bound_ns = n;
      c.max_drift_ppb = static_cast<std::uint32_t>(n);
      c.disruption_marker = static_cast<std::uint64_t>(n);
      segment.write(c);
      if (n % 64 == 0) std::this_thread::yield();
    }
  });
  int whole = 0;
  const auto began = std::chrono::steady_clock::now();
  const auto gone = [&] { return std::chrono::steady_clock::now() - began; };
  while (gone() < std::chrono::seconds{2} || (whole < 100 && gone() < std::chrono::seconds{20})) {
    const auto b = read();
    if (!b.usable()) {
      const bool calm = b.fault == bound_fault::being_written || whole == 0;
      EXPECT_TRUE(calm) << static_cast<int>(b.fault);
      continue;
    }
    ++whole;
    if (b.bound_ns != b.as_of_ns || b.void_after_ns != b.as_of_ns + 1 ||
        b.max_drift_ppb != static_cast<std::uint32_t>(b.as_of_ns) ||
        b.disruption_marker != static_cast<std::uint64_t>(b.as_of_ns)) {
      ADD_FAILURE() << "torn at " << b.as_of_ns;
      break;
    }
  }
  done = true;
  writer.join();
  EXPECT_GE(whole, 100);
}

TEST_F(clockbound, asks_the_vmclock_when_told_to) {
  test_segment segment(path);
  segment_content c;
  c.disruption_support = 1;
  c.disruption_marker = 9;
  segment.write(c);
  auto b = read();
  EXPECT_TRUE(b.ask_vmclock);
  EXPECT_EQ(source.check_machine(b), bound_fault::vmclock_closed);
  const std::string text = source.explain(bound_fault::vmclock_closed, 0);
  EXPECT_NE(text.find("vmclock0, which can't be read: No such file"), std::string::npos) << text;
  EXPECT_NE(text.find("chmod a+r"), std::string::npos) << text;

  test_vmclock page(folder.file("vmclock0"), 9);
  b = read();
  EXPECT_EQ(source.check_machine(b), bound_fault::none);
  page.set_sequence(1);
  EXPECT_EQ(source.check_machine(b), bound_fault::vmclock_busy);
  page.set_sequence(2);
  page.set_marker(10);
  EXPECT_EQ(source.check_machine(b), bound_fault::vmclock_changed);
  c.disruption_marker = 10;
  segment.write(c);
  EXPECT_EQ(source.check_machine(read()), bound_fault::none);
}

TEST_F(clockbound, refuses_a_vmclock_that_is_none) {
  const std::string at = folder.file("vmclock0");
  write_file(at, std::string(103, '\0'));
  vmclock clock(at);
  clock.open();
  EXPECT_EQ(clock.check(0), bound_fault::vmclock_closed);
  EXPECT_EQ(clock.open_error(), EINVAL);
  write_file(at, std::string(104, '\0'));
  clock.open();
  EXPECT_EQ(clock.check(0), bound_fault::vmclock_malformed);
}

// What the hammering writer above shows only where two processors really race.
TEST_F(clockbound, counts_only_if_two_copies_are_the_same) {
  test_segment segment(path);
  segment.write({});
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  ASSERT_EQ(bytes.size(), segment_v2_bytes);
  EXPECT_TRUE(decode_copies(bytes, bytes).usable());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string other = bytes;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_EQ(decode_copies(bytes, other).fault, bound_fault::being_written) << i;
  }
  EXPECT_EQ(decode_copies(bytes, bytes.substr(0, 79)).fault, bound_fault::being_written);
}

TEST(decode_segment, takes_any_bytes) {
  std::string bytes(80, '\0');
  for (std::size_t length = 0; length <= bytes.size(); ++length)
    EXPECT_FALSE(decode_segment({bytes.data(), length}).usable());
}

}  // namespace
}  // namespace hedgerow::clock
