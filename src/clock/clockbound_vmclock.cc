#include "clock/clockbound_vmclock.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hedgerow::clock {
namespace {

// linux/vmclock-abi.h; all fields little endian. On a machine of the other order the magic differs.
constexpr std::uint32_t magic = 0x4B4C4356;
constexpr std::uint16_t version = 1;
constexpr std::size_t bytes_min = 104;
constexpr std::size_t size_at = 4;
constexpr std::size_t version_at = 8;
constexpr std::size_t sequence_at = 12;
constexpr std::size_t marker_at = 16;
constexpr std::size_t mapped_bytes = 4096;
constexpr int tries_max = 256;

template <class Number>
Number load(const void* page, std::size_t where, int order) noexcept {
  const auto* from = reinterpret_cast<const Number*>(static_cast<const char*>(page) + where);
  return __atomic_load_n(from, order);
}

const void* map_page(const std::string& path) noexcept {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return nullptr;
  struct stat about {};
  const void* page = nullptr;
  if (fstat(fd, &about) == 0) {
    if (S_ISREG(about.st_mode) && about.st_size < static_cast<off_t>(bytes_min)) {
      errno = EINVAL;
    } else if (void* mapped = mmap(nullptr, mapped_bytes, PROT_READ, MAP_SHARED, fd, 0);
               mapped != MAP_FAILED) {
      page = mapped;
    }
  }
  const int why = errno;
  ::close(fd);
  errno = why;
  return page;
}

}  // namespace

vmclock::~vmclock() {
  if (const void* page = page_.load()) munmap(const_cast<void*>(page), mapped_bytes);
}

void vmclock::open() noexcept {
  if (page_.load(std::memory_order_acquire) != nullptr) return;
  const void* mapped = map_page(path_);
  open_error_.store(mapped == nullptr ? errno : 0, std::memory_order_relaxed);
  const void* none = nullptr;
  if (mapped != nullptr && !page_.compare_exchange_strong(none, mapped))
    munmap(const_cast<void*>(mapped), mapped_bytes);
}

bound_fault vmclock::check(std::uint64_t expected_marker) const noexcept {
  const void* page = page_.load(std::memory_order_acquire);
  if (page == nullptr) return bound_fault::vmclock_closed;
  if (load<std::uint32_t>(page, 0, __ATOMIC_RELAXED) != magic ||
      load<std::uint32_t>(page, size_at, __ATOMIC_RELAXED) < bytes_min ||
      load<std::uint16_t>(page, version_at, __ATOMIC_RELAXED) != version)
    return bound_fault::vmclock_malformed;
  for (int tries = 0; tries < tries_max; ++tries) {
    const auto before = load<std::uint32_t>(page, sequence_at, __ATOMIC_ACQUIRE);
    if ((before & 1) != 0) continue;
    const auto marker = load<std::uint64_t>(page, marker_at, __ATOMIC_RELAXED);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (load<std::uint32_t>(page, sequence_at, __ATOMIC_RELAXED) == before)
      return marker == expected_marker ? bound_fault::none : bound_fault::vmclock_changed;
  }
  return bound_fault::vmclock_busy;
}

}  // namespace hedgerow::clock
