#pragma once
// A queue that costs nothing while it is empty: std::deque holds 600 bytes then, which is most of
// what an idle stream or connection would need.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace hedgerow::base {

// References are valid until the next change. T is movable, and T() holds nothing.
template <class T>
class fifo {
 public:
  bool empty() const { return first_ == all_.size(); }
  std::size_t size() const { return all_.size() - first_; }

  // Require: not empty.
  T& front() {
    HEDGEROW_ASSERT(!empty());
    return all_[first_];
  }
  T& back() {
    HEDGEROW_ASSERT(!empty());
    return all_.back();
  }
  void pop_front() {
    HEDGEROW_ASSERT(!empty());
    all_[first_++] = T();
    if (empty()) {
      first_ = 0;
      all_.clear();
      if (all_.capacity() > kept_when_empty) std::vector<T>().swap(all_);
    } else if (first_ >= moved_least && first_ >= size()) {
      // No more are moved than were taken out before.
      all_.erase(all_.begin(), begin_of(all_));
      first_ = 0;
    }
  }

  template <class... What>
  T& emplace_back(What&&... what) {
    return all_.emplace_back(std::forward<What>(what)...);
  }
  void push_back(T what) { all_.push_back(std::move(what)); }

  // All that equal it.
  void erase(const T& what) {
    all_.erase(std::remove(begin_of(all_), all_.end(), what), all_.end());
  }

  auto begin() const { return begin_of(all_); }
  auto end() const { return all_.end(); }

 private:
  static constexpr std::size_t kept_when_empty = 4;
  static constexpr std::size_t moved_least = 16;

  template <class All>
  auto begin_of(All& all) const {
    return all.begin() + static_cast<std::ptrdiff_t>(first_);
  }

  std::vector<T> all_;
  std::size_t first_ = 0;  // those before it are taken out
};

}  // namespace hedgerow::base
