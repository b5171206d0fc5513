#pragma once
// For tests: something that answers like chronyd, over UDP on loopback or on a Unix socket.

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace hedgerow::clock {

// The fields of an answer, as a chronyd that is synchronized by a server tells them.
struct tracking_answer {
  std::uint32_t reference_id = 0x7F000001;
  std::uint16_t leap = 0;
  std::int64_t reference_age_ns = 500'000'000;  // before now
  double current_correction = 1e-5;
  double root_delay = 1e-4;
  double root_dispersion = 2e-4;
  double last_update_interval = 1;
};

// chrony's float; as exact as 25 bits are.
std::uint32_t to_chrony_float(double value);
// The whole answer to the request; empty if that is none.
std::string encode_answer(const tracking_answer& what, const std::string& request);

class test_chronyd {
 public:
  // On a port that the system chooses; with a path, on that Unix socket.
  explicit test_chronyd(const std::string& path = "");
  ~test_chronyd();
  test_chronyd(const test_chronyd&) = delete;
  test_chronyd& operator=(const test_chronyd&) = delete;

  int port() const { return port_; }
  void answer(const tracking_answer& what);
  // Turns an answer into what is sent instead; empty: nothing is.
  void spoil(std::function<std::string(std::string)> how);
  int asked();

 private:
  void run();

  int fd_ = -1;
  int port_ = 0;
  std::string path_;
  std::mutex lock_;
  tracking_answer answer_;  // guarded by lock_, and all below
  std::function<std::string(std::string)> spoiled_;
  int asked_ = 0;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace hedgerow::clock
