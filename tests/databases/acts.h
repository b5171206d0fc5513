#pragma once
// What was done under tokens, in true time, and whether it was ever done under two at once.
//
// True time is the boot time of the machine on which the whole test runs: it judges clocks that
// are wrong on purpose.

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include <hedgerow/member.h>

#include "model/time.h"

namespace hedgerow::databases_test {

// Allowed at some instant from `begin` to `end`, both included: a check of leadership takes time.
struct act {
  fencing_token token = 0;
  int who = 0;
  boot_time begin;
  boot_time end;
};

// Thread-safe.
class acts {
 public:
  void add(const act& one);
  void add(fencing_token token, int who, boot_time at) { add({token, who, at, at}); }

  std::size_t count() const;
  std::size_t tokens() const;  // different ones
  fencing_token greatest() const;
  // The last act under this token; boot_time{} if there is none.
  boot_time last_of(fencing_token token) const;
  boot_time first_of(fencing_token token) const;
  // The last act that ended before, the first that began after an instant, of whatever token.
  boot_time last_before(boot_time at) const;
  boot_time first_after(boot_time at) const;
  // Acts that certainly came after one under a greater token, or whose token had another owner
  // before.
  std::size_t violations() const;
  // Some of them in words; empty if there are none.
  std::string told() const;

 private:
  template <class Found>
  void find_violations(const Found& found) const;

  mutable std::mutex lock_;
  std::vector<act> all_;  // guarded by lock_
};

// A resource that refuses tokens below the greatest it has seen. Thread-safe.
class fence {
 public:
  bool accept(fencing_token token);

 private:
  std::mutex lock_;
  fencing_token greatest_ = 0;
};

}  // namespace hedgerow::databases_test
