#pragma once
// What is known by a number that was counted up: calls, requests, jobs. For those that come and go
// by the hundred thousand: finding is one step, and memory is used again.
//
// Deterministic: nothing depends on where things lie. Numbers that somebody else chose do not
// belong here, for they could all fall on one place.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace hedgerow::base {

template <class T>
class id_table {
 public:
  using id = std::uint64_t;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Made of `what`. Requires: it is not there. The reference is valid until it is taken out.
  template <class... What>
  T& add(id which, What&&... what) {
    HEDGEROW_ASSERT(find(which) == nullptr);
    if (size_ == heads_.size()) grow();
    if (free_.empty()) {
      if (slots_ % block_slots == 0) blocks_.push_back(std::make_unique<block>());
      free_.push_back(++slots_);
    }
    const std::uint32_t at = free_.back();
    free_.pop_back();
    ++size_;
    slot& s = slot_at(at);
    s.which = which;
    s.next = std::exchange(head_of(which), at);
    return s.what.emplace(std::forward<What>(what)...);
  }

  // Null: not there.
  T* find(id which) {
    if (size_ == 0) return nullptr;
    std::uint32_t at = head_of(which);
    while (at != 0) {
      slot& s = slot_at(at);
      if (s.which == which) return &*s.what;
      at = s.next;
    }
    return nullptr;
  }
  const T* find(id which) const { return const_cast<id_table*>(this)->find(which); }

  std::optional<T> take(id which) {
    const std::uint32_t at = unlink(which);
    if (at == 0) return std::nullopt;
    std::optional<T> out(std::move(slot_at(at).what));
    release(at);
    return out;
  }
  bool erase(id which) {
    const std::uint32_t at = unlink(which);
    if (at != 0) release(at);
    return at != 0;
  }
  void clear() { *this = id_table(); }

  // All of them, the oldest first. Takes its time.
  std::vector<id> ids() const {
    std::vector<id> out;
    out.reserve(size_);
    for (std::uint32_t at = 1; at <= slots_; ++at) {
      const slot& s = slot_at(at);
      if (s.what) out.push_back(s.which);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  // Slots are numbered from 1; 0 is none.
  struct slot {
    id which = 0;
    std::uint32_t next = 0;  // with the same head
    std::optional<T> what;
  };

  // A power of two: a slot is found by a shift and a mask.
  static constexpr std::uint32_t block_slots = 16;
  using block = std::array<slot, block_slots>;

  static constexpr std::size_t heads_least = 64;
  static constexpr std::size_t kept_when_empty = 4096;

  slot& slot_at(std::uint32_t at) {
    return (*blocks_[(at - 1) / block_slots])[(at - 1) % block_slots];
  }
  const slot& slot_at(std::uint32_t at) const { return const_cast<id_table*>(this)->slot_at(at); }

  // Numbers that follow each other have heads of their own.
  std::uint32_t& head_of(id which) {
    return heads_[static_cast<std::size_t>(which) & (heads_.size() - 1)];
  }

  // The slot where it still lies, or 0.
  std::uint32_t unlink(id which) {
    if (size_ == 0) return 0;
    std::uint32_t* link = &head_of(which);
    while (*link != 0 && slot_at(*link).which != which)
      link = &slot_at(*link).next;
    const std::uint32_t at = *link;
    if (at != 0) *link = slot_at(at).next;
    return at;
  }

  // Its end may come back here; the slot is nobody's until then.
  void release(std::uint32_t at) {
    slot_at(at).what.reset();
    free_.push_back(at);
    --size_;
    if (size_ == 0 && slots_ > kept_when_empty) clear();
  }

  void grow() {
    heads_.assign(std::max(heads_least, 2 * heads_.size()), 0);
    for (std::uint32_t at = 1; at <= slots_; ++at) {
      slot& s = slot_at(at);
      if (s.what) s.next = std::exchange(head_of(s.which), at);
    }
  }

  std::size_t size_ = 0;
  std::vector<std::uint32_t> heads_;            // a power of two, no fewer than there are entries
  std::vector<std::unique_ptr<block>> blocks_;  // which stay where they are
  std::uint32_t slots_ = 0;                     // that were ever used
  std::vector<std::uint32_t> free_;
};

}  // namespace hedgerow::base
