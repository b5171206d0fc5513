#include "net/rare_log.h"

#include <utility>

#include <fmt/core.h>

#include "net/event_loop.h"

namespace hedgerow::net {

void rare_log::write(const std::string& text) {
  const boot_time now = boot_now();
  if (now < next_) {
    ++skipped_;
    return;
  }
  next_ = now + seconds(1);
  const auto skipped = std::exchange(skipped_, 0);
  to_.write(level_, skipped == 0 ? text : fmt::format("{} ({} more since)", text, skipped));
}

}  // namespace hedgerow::net
