#include "node/thread_shares.h"

#include "base/assert.h"

namespace hedgerow {

thread_shares::answer thread_shares::take(std::uint64_t peer) {
  if (free_ == 0) return answer::none_free;
  const auto it = held_.find(peer);
  if (it != held_.end() && it->second > free_) return answer::share_used;
  ++held_[peer];
  ++taken_;
  --free_;
  return answer::taken;
}

void thread_shares::give_back(std::uint64_t peer) {
  const auto it = held_.find(peer);
  HEDGEROW_ASSERT(it != held_.end());
  if (--it->second == 0) held_.erase(it);
  --taken_;
  ++free_;
}

}  // namespace hedgerow
