#pragma once
// chronyd as a source: asked every 500 ms by a thread of its own, over UDP or its Unix socket.
//
// Needs no privilege over UDP. Only a chronyd on this machine counts: what another one tracks says
// nothing of this clock. A socket of its own for each question, so that no late answer is taken for
// the next one's.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <hedgerow/error.h>
#include <sys/socket.h>

#include "clock/bound_source.h"
#include "clock/chrony_tracking.h"
#include "clock/snapshot_cell.h"

namespace hedgerow::clock {

struct chrony_address {
  sockaddr_storage to{};
  socklen_t size = 0;
  std::string text;         // for messages
  std::string socket_path;  // empty: UDP
};

// "": 127.0.0.1:323. "PORT", "HOST:PORT" or "HOST" with a loopback address or localhost for HOST;
// "/path" is chronyd's Unix socket. Others: invalid_argument, in words.
result<chrony_address> parse_chrony_address(std::string_view text);

class chrony_source final : public bound_source {
 public:
  // Fails only for want of a file descriptor: a chronyd that is away may come.
  static result<std::unique_ptr<chrony_source>> open(chrony_address where);
  // Ends the thread, within some milliseconds, whatever it waits for.
  ~chrony_source() override;
  chrony_source(const chrony_source&) = delete;
  chrony_source& operator=(const chrony_source&) = delete;

  // Asks no more, and keeps what it knows. Does not wait. Thread-safe.
  void retire() noexcept;

  clock_bound read() noexcept override { return newest_.load(); }
  std::string_view name() const noexcept override { return "chrony"; }
  std::string explain(bound_fault why, std::int32_t detail) const override;

 private:
  chrony_source(chrony_address where, int stop);

  // What became of one question.
  struct answer {
    clock_bound bound;
    bool stopped = false;
  };

  void run();
  answer ask(std::uint32_t sequence);
  answer await(int fd, std::uint32_t sequence, const clock_reads& asked,
               std::chrono::steady_clock::time_point deadline);
  bool pause_until(std::chrono::steady_clock::time_point when) const;
  bool stopped_within(std::chrono::milliseconds time) const;
  void publish(const clock_bound& news);

  const chrony_address where_;
  const int stop_;  // an eventfd
  snapshot_cell<clock_bound> newest_;
  std::atomic<int> last_error_{0};    // errno of the newest question without an answer; 0: answered
  bool synchronized_before_ = false;  // the thread's
  measurement_watch measurements_;    // the thread's
  std::thread thread_;
};

}  // namespace hedgerow::clock
