#pragma once
// For tests: a writer of ClockBound segments that obeys the generation protocol, and one of VMClock
// pages.

#include <cstdint>
#include <ctime>
#include <string>

namespace hedgerow::clock {

// Nanoseconds of CLOCK_MONOTONIC_COARSE.
std::int64_t test_mono_ns();

struct segment_content {
  std::int64_t as_of_ns = test_mono_ns();
  std::int64_t void_after_ns = as_of_ns + 1'000'000'000'000;
  std::int64_t bound_ns = 500'000;
  std::uint64_t disruption_marker = 0;
  std::uint32_t max_drift_ppb = 50'000;
  std::int32_t status = 1;  // synchronized
  std::uint8_t disruption_support = 0;
};

class test_segment {
 public:
  // Makes the file, with generation 0, and maps it. Layout 1 or 2.
  explicit test_segment(std::string path, int layout = 2);
  ~test_segment();
  test_segment(const test_segment&) = delete;
  test_segment& operator=(const test_segment&) = delete;

  const std::string& path() const { return path_; }

  // One update: generation odd, body, generation even.
  void write(const segment_content& what);
  // The first half of an update; the next write() is the other.
  void begin_write();
  // Any field, without protocol.
  template <class Number>
  void poke(std::size_t where, Number value) {
    __atomic_store_n(reinterpret_cast<Number*>(bytes_ + where), value, __ATOMIC_RELAXED);
  }
  std::uint16_t generation() const;

 private:
  void store_word(std::size_t where, std::uint64_t value);

  std::string path_;
  int layout_;
  char* bytes_;
};

// A page with everything in order.
class test_vmclock {
 public:
  explicit test_vmclock(const std::string& path, std::uint64_t marker = 0);
  ~test_vmclock();
  test_vmclock(const test_vmclock&) = delete;
  test_vmclock& operator=(const test_vmclock&) = delete;

  void set_marker(std::uint64_t marker);
  void set_sequence(std::uint32_t sequence);

 private:
  char* bytes_;
};

// A folder for the files of one test, gone with it.
class clock_folder {
 public:
  clock_folder();
  ~clock_folder();
  clock_folder(const clock_folder&) = delete;
  clock_folder& operator=(const clock_folder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write_file(const std::string& path, const std::string& bytes);

}  // namespace hedgerow::clock
