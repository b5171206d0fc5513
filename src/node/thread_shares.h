#pragma once
// Who has which of a bounded number of threads, so that no peer has them all.

#include <cstdint>
#include <unordered_map>

namespace hedgerow {

// A peer gets no further thread while it has more of them than are free. So one alone has at most
// about half, the next at most about half of the rest, and so on: somebody new finds one free,
// unless as many peers as there are threads hold on to theirs. A single thread is anybody's. Not
// thread-safe.
class thread_shares {
 public:
  enum class answer { taken, none_free, share_used };

  explicit thread_shares(unsigned all) : free_(all) {}

  answer take(std::uint64_t peer);
  // One that was taken.
  void give_back(std::uint64_t peer);
  unsigned taken() const { return taken_; }

 private:
  unsigned free_;
  unsigned taken_ = 0;
  std::unordered_map<std::uint64_t, unsigned> held_;  // never walked; none is 0
};

}  // namespace hedgerow
