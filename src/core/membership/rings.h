#pragma once
// Who watches whom (D1): K rings order the members by a hash of their incarnations; the observer of
// a member on a ring is its next successor there that does not observe it already. Every node
// computes the same rings from the same view.

#include <cstdint>
#include <vector>

#include <hedgerow/member.h>

namespace hedgerow::core {

class rings {
 public:
  // K = min(observers_max, N - 1). Three rings look for an observer in another zone first, one in
  // the subject's own, so that a lost zone is seen from outside and a member from nearby.
  rings(const view& members, int observers_max);

  // Indices into the view's members. O(1).
  const std::vector<std::uint32_t>& observers_of(std::uint32_t subject) const {
    return observers_[subject];
  }
  const std::vector<std::uint32_t>& subjects_of(std::uint32_t observer) const {
    return subjects_[observer];
  }

 private:
  std::vector<std::vector<std::uint32_t>> observers_;
  std::vector<std::vector<std::uint32_t>> subjects_;
};

}  // namespace hedgerow::core
