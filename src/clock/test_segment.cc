#include "clock/test_segment.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace hedgerow::clock {
namespace {

constexpr std::size_t page_bytes = 4096;

char* make_mapped(const std::string& path, std::size_t size) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(size)) != 0) std::abort();
  void* mapped = mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) std::abort();
  close(fd);
  return static_cast<char*>(mapped);
}

template <class Number>
void put(char* to, Number value) {
  std::memcpy(to, &value, sizeof value);
}

}  // namespace

std::int64_t test_mono_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

test_segment::test_segment(std::string path, int layout)
    : path_(std::move(path)), layout_(layout), bytes_(make_mapped(path_, layout == 1 ? 72 : 80)) {
  put<std::uint32_t>(bytes_, 0x414D5A4E);
  put<std::uint32_t>(bytes_ + 4, 0x43420200);
  put<std::uint32_t>(bytes_ + 8, layout == 1 ? 72 : 80);
  put(bytes_ + 12, static_cast<std::uint16_t>(layout));
}

test_segment::~test_segment() {
  munmap(bytes_, page_bytes);
}

std::uint16_t test_segment::generation() const {
  return __atomic_load_n(reinterpret_cast<std::uint16_t*>(bytes_ + 14), __ATOMIC_RELAXED);
}

void test_segment::store_word(std::size_t where, std::uint64_t value) {
  poke(where, value);
}

void test_segment::begin_write() {
  const auto now = generation();
  poke(14, static_cast<std::uint16_t>(now | 1));
  std::atomic_thread_fence(std::memory_order_release);
}

void test_segment::write(const segment_content& what) {
  begin_write();
  constexpr std::int64_t second = 1'000'000'000;
  store_word(16, static_cast<std::uint64_t>(what.as_of_ns / second));
  store_word(24, static_cast<std::uint64_t>(what.as_of_ns % second));
  store_word(32, static_cast<std::uint64_t>(what.void_after_ns / second));
  store_word(40, static_cast<std::uint64_t>(what.void_after_ns % second));
  store_word(48, static_cast<std::uint64_t>(what.bound_ns));
  if (layout_ == 1) {
    store_word(56, what.max_drift_ppb);
    poke(64, what.status);
  } else {
    store_word(56, what.disruption_marker);
    poke(64, what.max_drift_ppb);
    poke(68, what.status);
    store_word(72, what.disruption_support);
  }
  auto next = static_cast<std::uint16_t>(generation() + 1);
  if (next == 0) next = 2;  // 0 means never written
  __atomic_store_n(reinterpret_cast<std::uint16_t*>(bytes_ + 14), next, __ATOMIC_RELEASE);
}

test_vmclock::test_vmclock(const std::string& path, std::uint64_t marker)
    : bytes_(make_mapped(path, 104)) {
  put<std::uint32_t>(bytes_, 0x4B4C4356);
  put<std::uint32_t>(bytes_ + 4, 104);
  put<std::uint16_t>(bytes_ + 8, 1);
  put(bytes_ + 16, marker);
}

test_vmclock::~test_vmclock() {
  munmap(bytes_, page_bytes);
}

void test_vmclock::set_marker(std::uint64_t marker) {
  __atomic_store_n(reinterpret_cast<std::uint64_t*>(bytes_ + 16), marker, __ATOMIC_RELEASE);
}

void test_vmclock::set_sequence(std::uint32_t sequence) {
  __atomic_store_n(reinterpret_cast<std::uint32_t*>(bytes_ + 12), sequence, __ATOMIC_RELEASE);
}

clock_folder::clock_folder() {
  path_ = (std::filesystem::temp_directory_path() / "hedgerow-clock-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

clock_folder::~clock_folder() {
  std::filesystem::remove_all(path_);
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
}

}  // namespace hedgerow::clock
