#pragma once
// Locks: the lease alone, without a group. At most one holder at any true instant, with a token
// that only grows.

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <hedgerow/error.h>
#include <hedgerow/log.h>
#include <hedgerow/member.h>

namespace hedgerow {

struct lock_space_options {
  // Both as of hedgerow::options. Locks share no rows with groups: one name may be used for both.
  std::string store;
  std::string clock;
  // How long open() waits for a database that does not answer. It goes on without it, and each
  // statement tries again.
  std::chrono::milliseconds open_timeout{5000};
  log_sink log;  // empty is silence
  severity log_level = severity::info;
};

struct lock_options {
  std::string name;  // 1 to 255 bytes, any but zero; who uses the same name competes
  // For how long a holder that is gone keeps others out. A lock's first user fixes the longest
  // lease of all. From 100 ms to 1 h; it must be more than five times what the store needs, and
  // that less than 2 s. The same for all users of the name: else a row that somebody deletes under
  // its holder may make a second one.
  std::chrono::milliseconds lease{3000};
  std::string holder;  // shown to those who wait; empty is "<host>:<process id>"

  // Notifications, on the loop's thread, which is that of all locks of the space: must not block,
  // may call any non-blocking method.
  //
  // The lock is lost for good, told before anybody else can have it. Stop what it protects. Not
  // after release().
  std::function<void(fencing_token, const std::string& why)> on_lost;
  // The clock is not trusted: the lock must not be used, as held() says too. It comes back under
  // the same token, or is lost.
  std::function<void(fencing_token)> on_suspended;
  std::function<void(fencing_token)> on_resumed;
  // A renewal was acknowledged: held() for longer than was known before. About each quarter lease.
  std::function<void(fencing_token)> on_extended;
  // An acquire has to wait for so long at least, whoever wants it: the lock is used for the first
  // time, or its store was replaced, and a holder that nobody knows of could live.
  std::function<void(std::chrono::milliseconds, const std::string& why)> on_waiting;
  std::function<void(bool available, const std::string&)> on_store;

  // What is wrong with these, in words that say what to do.
  result<void> validate() const;
};

// A connection to a store, a clock and one thread, for any number of locks. Lives until the last of
// its locks and of the pointers to it is gone.
class lock_space {
 public:
  // Blocks until the store is open, or its time is over. Errors: invalid_argument,
  // store_unavailable, not_supported, each with words that say what to do.
  static result<std::shared_ptr<lock_space>> open(lock_space_options with = {});
  ~lock_space();
  lock_space(const lock_space&) = delete;
  lock_space& operator=(const lock_space&) = delete;

 private:
  friend class lock;
  class impl;
  explicit lock_space(std::shared_ptr<impl> i);
  std::shared_ptr<impl> impl_;
};

// A candidate for one lock. Two of one name compete, in one process too. Thread-safe.
//
// Between a check of held() and what it protects any delay is possible: the process, or the whole
// machine, may be paused. Pass the token on, and have the resource refuse lower ones than it has
// seen (docs/locks.md).
class lock {
 public:
  // Errors: invalid_argument. Asks nothing of the store yet.
  static result<std::unique_ptr<lock>> open(std::shared_ptr<lock_space> in, lock_options with);
  // Releases first, and callbacks may come until it is through: one that uses this object must not
  // reach it by a pointer that is being reset. On the loop's thread it does not wait.
  ~lock();
  lock(const lock&) = delete;
  lock& operator=(const lock&) = delete;

  // Blocks until it is held or the time is over; milliseconds::max() waits for ever, zero or less
  // is try_acquire. Not on the loop's thread. Renewed from then on, until it is released or lost.
  // Errors: not_acquired (whoever holds it is named), lease_too_long (final: use a shorter one),
  // invalid_argument (held, or being acquired or released already), stopped (released meanwhile).
  result<fencing_token> acquire(std::chrono::milliseconds timeout);
  // Now or not at all: as long as the store needs for one or two statements, with a store that does
  // not answer half a lease or five seconds. A lock of which nobody has ever heard is not had by a
  // first try: see on_waiting.
  result<fencing_token> try_acquire();
  // As acquire; `done` is called once, on the loop's thread, never from within this call.
  void acquire(std::chrono::milliseconds timeout, std::function<void(result<fencing_token>)> done);

  // Whether this object holds it now (R1 on a fresh reading): a read of a few words and the clock,
  // no lock, no query. Ask at each use.
  bool held() const;
  // For how long it may be used if no renewal succeeds any more; zero unless held().
  std::chrono::microseconds remaining() const;
  // Of what was acquired and is neither released nor lost, suspended or not; else 0.
  fencing_token token() const;
  const std::string& name() const;

  // Nothing of this object acts under the token any more; then tells the store and whoever waits.
  // Blocks until the store has acknowledged that, at most about 2 s (without an answer the lock is
  // free when the lease is over). Idempotent; ends an acquire that waits, and any that was asked
  // before it. On the loop's thread it does not wait.
  void release();
  // `done` on the loop's thread.
  void release(std::function<void()> done);

 private:
  class impl;
  explicit lock(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace hedgerow
