#pragma once
// What is known by a number that was counted up: calls, requests, jobs. For those that come and go
// by the hundred thousand: finding is one step, and memory is used again.
//
// Deterministic: nothing depends on where things lie. Numbers that somebody else chose do not
// belong here, for they could all fall on one place.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
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
      slots_.emplace_back();
      free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    }
    const std::uint32_t at = free_.back();
    free_.pop_back();
    ++size_;
    slot& s = slots_[at - 1];
    s.which = which;
    s.next = std::exchange(head_of(which), at);
    return s.what.emplace(std::forward<What>(what)...);
  }

  // Null: not there.
  T* find(id which) {
    if (size_ == 0) return nullptr;
    for (std::uint32_t at = head_of(which); at != 0; at = slots_[at - 1].next) {
      if (slots_[at - 1].which == which) return &*slots_[at - 1].what;
    }
    return nullptr;
  }
  const T* find(id which) const { return const_cast<id_table*>(this)->find(which); }

  std::optional<T> take(id which) {
    const std::uint32_t at = unlink(which);
    if (at == 0) return std::nullopt;
    std::optional<T> out(std::move(slots_[at - 1].what));
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
    for (const slot& s : slots_) {
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

  static constexpr std::size_t heads_least = 64;
  static constexpr std::size_t kept_when_empty = 4096;

  // Numbers that follow each other have heads of their own.
  std::uint32_t& head_of(id which) {
    return heads_[static_cast<std::size_t>(which) & (heads_.size() - 1)];
  }

  // The slot where it still lies, or 0.
  std::uint32_t unlink(id which) {
    if (size_ == 0) return 0;
    std::uint32_t* link = &head_of(which);
    while (*link != 0 && slots_[*link - 1].which != which)
      link = &slots_[*link - 1].next;
    const std::uint32_t at = *link;
    if (at != 0) *link = slots_[at - 1].next;
    return at;
  }

  // Its end may come back here; the slot is nobody's until then.
  void release(std::uint32_t at) {
    slots_[at - 1].what.reset();
    free_.push_back(at);
    --size_;
    if (size_ == 0 && slots_.size() > kept_when_empty) clear();
  }

  void grow() {
    heads_.assign(std::max(heads_least, 2 * heads_.size()), 0);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].what) {
        slots_[i].next = std::exchange(head_of(slots_[i].which), static_cast<std::uint32_t>(i + 1));
      }
    }
  }

  std::size_t size_ = 0;
  std::vector<std::uint32_t> heads_;  // a power of two, no fewer than there are entries
  std::deque<slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace hedgerow::base
