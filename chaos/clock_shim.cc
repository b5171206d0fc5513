// Preloaded into every process of a host: its wall clock is the machine's plus an offset, which
// whoever plays the host's quartz changes in a file. CLOCK_MONOTONIC has one of its own, for a
// quartz drives both, and only a step moves one alone. Boot time is left alone.
//
// HEDGEROW_CHAOS_CLOCK names the file: two words of nanoseconds, the wall clock's and the other's.
// Without it, or if it can't be mapped, the process dies: a host with a right clock would prove
// nothing.

#include <cstdint>
#include <cstdlib>
#include <ctime>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

using gettime_function = int (*)(clockid_t, timespec*);

constexpr std::int64_t second = 1'000'000'000;

[[noreturn]] void die(const char* why) {
  const ssize_t ignored = write(STDERR_FILENO, why, __builtin_strlen(why));
  static_cast<void>(ignored);
  _exit(70);
}

const std::int64_t* map_offsets() {
  const char* path = std::getenv("HEDGEROW_CHAOS_CLOCK");  // NOLINT(concurrency-mt-unsafe)
  const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) die("clock shim: HEDGEROW_CHAOS_CLOCK names no file that can be read\n");
  void* mapped = mmap(nullptr, 2 * sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) die("clock shim: the clock's file can't be mapped\n");
  return static_cast<const std::int64_t*>(mapped);
}

struct host_clock {
  // libc's own, which asks the vDSO.
  gettime_function gettime = reinterpret_cast<gettime_function>(dlsym(RTLD_NEXT, "clock_gettime"));
  const std::int64_t* wall = map_offsets();
  const std::int64_t* monotonic = wall + 1;
};

const host_clock& host() {
  static const host_clock one;
  return one;
}

int shifted(clockid_t id, timespec* into) {
  const host_clock& clock = host();
  const int done = clock.gettime(id, into);
  const bool wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
  const bool monotonic = id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE;
  if (done != 0 || (!wall && !monotonic)) return done;
  const std::int64_t ns = into->tv_sec * second + into->tv_nsec +
                          __atomic_load_n(wall ? clock.wall : clock.monotonic, __ATOMIC_RELAXED);
  into->tv_sec = ns / second;
  into->tv_nsec = ns % second;
  return 0;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t id, timespec* into) noexcept {
  return shifted(id, into);
}

int gettimeofday(timeval* into, void* zone) noexcept {
  static_cast<void>(zone);
  timespec now{};
  if (shifted(CLOCK_REALTIME, &now) != 0) return -1;
  *into = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* into) noexcept {
  timespec now{};
  shifted(CLOCK_REALTIME_COARSE, &now);
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(timespec* into, int base) noexcept {
  if (base != TIME_UTC) return 0;
  return shifted(CLOCK_REALTIME, into) == 0 ? base : 0;
}
}
