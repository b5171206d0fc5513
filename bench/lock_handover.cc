// A contended lock between two processes: from before the holder's release() until the acquire() of
// the other, which waits, has returned. So it has two durable commits in it, and how the waiter is
// woken: by NOTIFY, by inotify, or, where neither works, by its next poll after up to a quarter
// lease.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <new>
#include <string>
#include <thread>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/lib/die.h"
#include "bench/lib/locking.h"
#include "bench/lib/series.h"

namespace {

using hedgerow::bench::clock;
using hedgerow::bench::die;
using hedgerow::bench::series;

// Held for so long that the other waits and listens, but does not poll yet.
constexpr std::chrono::milliseconds hold{250};
static_assert(hold < hedgerow::bench::lock_lease / 4);

struct shared_memory {
  std::atomic<clock::rep> released_at{0};
};

// The two processes take turns: each holds the lock `rounds` times.
class side {
 public:
  side(int peer, shared_memory& shared) : peer_(peer), shared_(shared) {}

  void run(hedgerow::lock& which, int rounds, bool first) {
    for (int i = 0; i < rounds; ++i) {
      const bool waits = i > 0 || !first;
      if (waits) await_peer_holds();
      hedgerow::bench::acquire(which);
      if (waits) took_.add(clock::now().time_since_epoch() - clock::duration{shared_.released_at});
      tell_peer();
      std::this_thread::sleep_for(hold);
      shared_.released_at = clock::now().time_since_epoch().count();
      which.release();
    }
    took_.print("handover");
  }

 private:
  void tell_peer() const {
    if (write(peer_, "h", 1) != 1) die("the other process is gone");
  }
  // Without this it would take its own lock back before the other has woken.
  void await_peer_holds() const {
    char byte = 0;
    if (read(peer_, &byte, 1) != 1) die("the other process is gone");
  }

  int peer_;
  shared_memory& shared_;
  series took_;
};

int run(const std::string& store, const std::string& clock_spec, int rounds) {
  void* page = mmap(nullptr, sizeof(shared_memory), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int ends[2];
  if (page == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) die("no memory");
  auto* shared = new (page) shared_memory;
  // Before there are threads.
  const pid_t child = fork();
  if (child < 0) die("no second process");
  const bool first = child != 0;
  close(ends[first ? 1 : 0]);
  const auto lock = hedgerow::bench::open_lock(store, clock_spec);
  side(ends[first ? 0 : 1], *shared).run(*lock, rounds, first);
  if (!first) return 0;
  int status = 1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

// STORE CLOCK ROUNDS
int main(int argc, char** argv) {
  if (argc != 4) die("usage: lock_handover STORE CLOCK ROUNDS");
  return run(argv[1], argv[2], std::stoi(argv[3]));
}
