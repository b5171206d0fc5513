#include "clock/machine_clock.h"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include <sys/stat.h>

namespace hedgerow::clock {
namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr std::int64_t seconds_max = 9'000'000'000;
constexpr ino_t initial_time_namespace = 0xEFFFFFFA;  // TIME_NS_INIT_INO of <linux/nsfs.h>

std::optional<std::int64_t> read_ns(clockid_t id) noexcept {
  timespec t{};
  if (clock_gettime(id, &t) != 0) return std::nullopt;
  return t.tv_sec * ns_per_second + t.tv_nsec;
}

std::string read_file(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

ino_t inode_of(const char* path) {
  struct stat s {};
  return stat(path, &s) == 0 ? s.st_ino : 0;
}

// By how much this process's boot clock is ahead of the kernel's.
std::optional<std::int64_t> namespace_offset() {
  const ino_t own = inode_of("/proc/self/ns/time");
  if (own == 0 || own == initial_time_namespace) return 0;  // 0: a kernel without time namespaces
  // The kernel shows the offsets of the namespace in which children are born, which is our own
  // unless this process has left it for them.
  if (own != inode_of("/proc/self/ns/time_for_children")) return std::nullopt;
  std::int64_t offset = 0;
  if (!parse_boot_offset(read_file("/proc/self/timens_offsets"), offset)) return std::nullopt;
  return offset;
}

}  // namespace

bool parse_boot_offset(std::string_view text, std::int64_t& offset_ns) {
  std::istringstream in{std::string(text)};
  std::string name;
  std::int64_t whole = 0;
  std::int64_t ns = 0;
  while (in >> name >> whole >> ns) {
    if (name != "boottime" && name != "7") continue;
    // Beyond it the sum would not fit; the kernel allows far less.
    if (whole < -seconds_max || whole > seconds_max || ns < 0 || ns >= ns_per_second) return false;
    offset_ns = whole * ns_per_second + ns;
    return true;
  }
  return false;
}

machine_clock::machine_clock() {
  std::string boot_id = read_file("/proc/sys/kernel/random/boot_id");
  boot_id.erase(std::remove(boot_id.begin(), boot_id.end(), '\n'), boot_id.end());
  const auto offset = namespace_offset();
  epoch_ = "boot:" + (boot_id.empty() ? "unknown" : boot_id);
  if (!boot_id.empty() && offset) status_ = clock_status::synchronized;
  namespace_offset_ns_ = offset.value_or(0);
  if (const auto boot = read_ns(CLOCK_BOOTTIME)) refresh_hint(*boot - namespace_offset_ns_);
}

reading machine_clock::now() noexcept {
  const auto local = read_ns(CLOCK_BOOTTIME);
  if (!local) return {};
  const std::int64_t ns = *local - namespace_offset_ns_;
  if (ns >= refresh_at_ns_.load(std::memory_order_relaxed)) refresh_hint(ns);

  const std::int64_t us = ns / 1000;
  reading r;
  r.truth.earliest = {us};
  r.truth.latest = {us + (ns % 1000 != 0 ? 1 : 0)};
  r.truth.status = status_;
  r.truth.token_hint = us + utc_offset_us_.load(std::memory_order_relaxed);
  r.boot = {*local};
  return r;
}

std::string machine_clock::trouble() const {
  if (status_ == clock_status::synchronized) return {};
  return "the boot id or the offset of this time namespace can't be read; mount /proc";
}

// Two threads may both come here; both then store about the same.
void machine_clock::refresh_hint(std::int64_t boot_ns) noexcept {
  const auto utc = read_ns(CLOCK_REALTIME);
  if (utc) utc_offset_us_.store((*utc - boot_ns) / 1000, std::memory_order_relaxed);
  refresh_at_ns_.store(boot_ns + ns_per_second, std::memory_order_relaxed);
}

}  // namespace hedgerow::clock
