#pragma once
// For what strangers can cause as often as they like.

#include <cstdint>
#include <string>

#include "model/time.h"
#include "ports/log.h"

namespace hedgerow::net {

// Says the same thing at most once a second.
class rare_log {
 public:
  rare_log(ports::log& to, severity level) : to_(to), level_(level) {}
  void write(const std::string& text);

 private:
  ports::log& to_;
  severity level_;
  boot_time next_{};
  std::uint64_t skipped_ = 0;
};

}  // namespace hedgerow::net
