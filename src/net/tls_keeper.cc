#include "net/tls_keeper.h"

#include <utility>

#include <fmt/core.h>

#include "net/tls_files.h"

namespace hedgerow::net {

tls_keeper::tls_keeper(tls_settings settings, ports::log& log)
    : settings_(std::move(settings)), log_(log), troubles_(log, severity::error) {}

result<std::unique_ptr<tls_keeper>> tls_keeper::open(tls_settings settings, ports::log& log) {
  std::unique_ptr<tls_keeper> made(new tls_keeper(std::move(settings), log));
  if (!made->settings_.wanted()) return made;
  if (auto done = made->read(); !done) return tl::unexpected<error>(std::move(done.error()));
  return made;
}

bool tls_keeper::look() {
  // A reading that failed may go well without a change: for want of descriptors, or of its day.
  if (!settings_.wanted() || (!failed_ && stamp_of(settings_) == stamp_)) return false;
  const auto done = reload();
  if (!done)
    troubles_.write(fmt::format("{}; going on with what was read before", done.error().message()));
  return done.has_value();
}

result<void> tls_keeper::reload() {
  if (!settings_.wanted()) return {};
  auto done = read();
  if (done) log_.write(severity::info, "secrets or certificates were read again and are in use");
  return done;
}

result<void> tls_keeper::read() {
  // Before reading: what is written meanwhile is found by the next look.
  stamp_ = stamp_of(settings_);
  auto read = tls_context::load(settings_);
  failed_ = !read;
  if (!read) return tl::unexpected<error>(std::move(read.error()));
  for (const auto& each : read->warnings)
    log_.write(severity::warning, each);
  current_ = std::move(read->context);
  return {};
}

}  // namespace hedgerow::net
