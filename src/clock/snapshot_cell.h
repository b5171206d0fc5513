#pragma once
// A plain value that one thread replaces and any thread copies, without a lock.
//
// A sequence lock over two slots: the writer fills the one that nobody is sent to. So a writer that
// is preempted in the middle holds nobody up; a reader repeats only if two whole writes overtook
// it.

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace hedgerow::clock {

template <class Value>
class snapshot_cell {
  static_assert(std::is_trivially_copyable_v<Value> && sizeof(Value) % 8 == 0);
  static constexpr std::size_t words = sizeof(Value) / 8;

 public:
  // One writer at a time.
  void store(const Value& value) noexcept {
    const auto plain = std::bit_cast<std::array<std::uint64_t, words>>(value);
    const unsigned next = 1 - current_.load(std::memory_order_relaxed);
    slot& s = slots_[next];
    const auto n = s.sequence.load(std::memory_order_relaxed);
    s.sequence.store(n + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    for (std::size_t i = 0; i < words; ++i)
      s.data[i].store(plain[i], std::memory_order_relaxed);
    s.sequence.store(n + 2, std::memory_order_release);
    current_.store(next, std::memory_order_release);
  }

  // Thread-safe.
  Value load() const noexcept {
    // Word by word to where it stays: a copy in larger pieces would wait for these stores.
    Value value;
    auto* const to = reinterpret_cast<unsigned char*>(&value);
    for (;;) {
      const slot& s = slots_[current_.load(std::memory_order_acquire)];
      const auto before = s.sequence.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < words; ++i) {
        const std::uint64_t word = s.data[i].load(std::memory_order_relaxed);
        std::memcpy(to + 8 * i, &word, 8);
      }
      std::atomic_thread_fence(std::memory_order_acquire);
      if ((before & 1) == 0 && s.sequence.load(std::memory_order_relaxed) == before) return value;
    }
  }

 private:
  struct slot {
    std::atomic<std::uint64_t> sequence{0};
    std::array<std::atomic<std::uint64_t>, words> data{};
  };

  std::array<slot, 2> slots_;
  std::atomic<unsigned> current_{0};
};

}  // namespace hedgerow::clock
