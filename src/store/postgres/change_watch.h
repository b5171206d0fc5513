#pragma once
// Hears of released locks by LISTEN, on a connection and a thread of its own.
//
// Behind a pooler in transaction mode a LISTEN would stick to a server connection that others get
// next, and tell nobody: then nothing is listened to, and waiters poll. Connects again by itself,
// at most every second.

#include <functional>
#include <memory>

#include "store/change_watch.h"
#include "store/postgres/session.h"
#include "store/worker.h"

namespace hedgerow::store::postgres {

// The channel on which a release of a lock is notified; the payload is the lock's name.
inline constexpr const char* lock_channel = "hedgerow_lock";

class change_watch final : public store::change_watch {
 public:
  // Returns without waiting for the connection. Null if there can be no thread.
  static std::unique_ptr<change_watch> open(const target& to, std::function<void()> on_change);
  // Within some milliseconds, unless the look-up of a name hangs: then the thread is left to
  // itself.
  ~change_watch() override;
  change_watch(const change_watch&) = delete;
  change_watch& operator=(const change_watch&) = delete;

 private:
  struct state;
  explicit change_watch(std::shared_ptr<state> shared);
  static void run(state& shared);

  std::shared_ptr<state> state_;
  worker thread_;
};

}  // namespace hedgerow::store::postgres
