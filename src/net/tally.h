#pragma once
// What a transport counts, and says at a limited rate, about its connections.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <hedgerow/counters.h>

#include "net/rare_log.h"

namespace hedgerow::net {

// Each is explained in docs/hostile-input.md. The names of the public counters are the same.
enum class occurrence : std::uint8_t {
  connections_accepted,
  connections_turned_away,
  connections_displaced,
  connections_retired,
  handshakes_abandoned,
  handshakes_timed_out,
  handshakes_malformed,
  handshakes_wrong_version,
  handshakes_wrong_group,
  handshakes_wrong_incarnation,
  handshakes_not_ready,
  handshakes_from_oneself,
  handshakes_plain,
  handshakes_encrypted,
  handshakes_wrong_secret,
  handshakes_wrong_certificate,
  handshakes_tls_failed,
  frames_malformed,
  frames_stalled,
  writes_stalled,
  buffers_exceeded,
  descriptors_exhausted,
};
inline constexpr std::size_t occurrences = 22;

// The numbers alone; any thread may read them, and they outlive the transport.
class tally {
 public:
  // Confined to the loop's thread.
  void add(occurrence what) {
    counts_.at(static_cast<std::size_t>(what)).fetch_add(1, std::memory_order_relaxed);
  }
  void set_open(std::size_t connections) { open_.store(connections, std::memory_order_relaxed); }

  std::uint64_t of(occurrence what) const {
    return counts_.at(static_cast<std::size_t>(what)).load(std::memory_order_relaxed);
  }
  std::uint64_t open() const { return open_.load(std::memory_order_relaxed); }
  std::vector<counter> list() const;

 private:
  std::array<std::atomic<std::uint64_t>, occurrences> counts_{};
  std::atomic<std::uint64_t> open_{0};
};

// Counts, and warns with the address of who caused it: one line a second for each kind.
// Confined to the loop's thread.
class bookkeeper {
 public:
  explicit bookkeeper(ports::log& log);

  void add(occurrence what) { numbers_->add(what); }
  void note(occurrence what, std::string_view who, std::string_view text);
  void set_open(std::size_t connections) { numbers_->set_open(connections); }
  std::shared_ptr<const tally> numbers() const { return numbers_; }

 private:
  std::shared_ptr<tally> numbers_ = std::make_shared<tally>();
  std::vector<rare_log> logs_;  // by occurrence
};

}  // namespace hedgerow::net
