#pragma once
// Where the loop's words go: a user's sink, or a ring in the simulator.

#include <string_view>

#include <hedgerow/log.h>

namespace hedgerow::ports {

class log {
 public:
  virtual ~log() = default;
  // Confined to the loop's thread. Never payloads, never secrets.
  virtual void write(severity level, std::string_view text) = 0;
  virtual bool wants(severity level) const = 0;
};

}  // namespace hedgerow::ports
