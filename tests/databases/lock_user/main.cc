// Uses a lock as a program would, and says so: for tests that stop it at the worst moments.
//
// hedgerow_lock_user STORE NAME WHO LEASE_MS HOLD_MS STOP_AT
//
// Acquires the lock, acts for HOLD_MS, releases, and again, without end. An act is a check of
// `held()` and then a line: "TOKEN BEFORE_CHECK AFTER_CHECK EFFECT", in nanoseconds of boot time.
// Between the check and the effect of act number STOP_AT it stops itself (SIGSTOP); 0 is never.

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <hedgerow/lock.h>
#include <poll.h>

namespace {

using std::chrono::milliseconds;

std::int64_t boot_ns() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

int give_up(const hedgerow::error& why) {
  std::fprintf(stderr, "%s\n", why.message().c_str());
  return 1;
}

class user {
 public:
  user(hedgerow::lock& of, milliseconds hold, long stop_at)
      : lock_(of), hold_(hold), stop_at_(stop_at) {}

  void use(hedgerow::fencing_token token) {
    const std::int64_t until = boot_ns() + std::chrono::nanoseconds{hold_}.count();
    while (boot_ns() < until && act(token))
      poll(nullptr, 0, 1);
    lock_.release();
  }

 private:
  bool act(hedgerow::fencing_token token) {
    const std::int64_t before = boot_ns();
    if (!lock_.held()) return false;
    const std::int64_t after = boot_ns();
    if (++acts_ == stop_at_) std::raise(SIGSTOP);
    std::printf("%lld %lld %lld %lld\n", static_cast<long long>(token),
                static_cast<long long>(before), static_cast<long long>(after),
                static_cast<long long>(boot_ns()));
    std::fflush(stdout);
    return true;
  }

  hedgerow::lock& lock_;
  const milliseconds hold_;
  const long stop_at_;
  long acts_ = 0;
};

}  // namespace

int main(int count, char** words) {
  if (count != 7) return 2;
  auto space = hedgerow::lock_space::open({.store = words[1], .clock = "declared:5ms", .log = {}});
  if (!space) return give_up(space.error());
  hedgerow::lock_options with;
  with.name = words[2];
  with.holder = words[3];
  with.lease = milliseconds{std::atoi(words[4])};
  auto lock = hedgerow::lock::open(*space, with);
  if (!lock) return give_up(lock.error());
  user it(**lock, milliseconds{std::atoi(words[5])}, std::atol(words[6]));
  for (;;) {
    auto token = (*lock)->acquire(std::chrono::seconds{1});
    if (token) it.use(*token);
    poll(nullptr, 0, 5);
  }
}
