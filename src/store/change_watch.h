#pragma once
// Tells that somebody may have written to a store, so that who waits for a row looks at it now and
// not at its next poll. A hint: calls may be lost, late, or in vain.

namespace hedgerow::store {

// Watches from its making to its end. The callback that it was made with is called on a thread of
// its own, at most every few milliseconds, must not block, and is not called any more once the
// destructor has returned.
class change_watch {
 public:
  virtual ~change_watch() = default;
};

}  // namespace hedgerow::store
