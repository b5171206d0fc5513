#pragma once
// The encryption that a transport uses now, and its renewal when the files change.

#include <memory>
#include <string>

#include <hedgerow/error.h>

#include "net/rare_log.h"
#include "net/tls_context.h"
#include "net/tls_settings.h"

namespace hedgerow::net {

// Confined to the loop's thread. Without settings it keeps nothing: plain text.
class tls_keeper {
 public:
  // Fails as tls_context::load. The log must outlive it.
  static result<std::unique_ptr<tls_keeper>> open(tls_settings settings, ports::log& log);

  // Null: plain text.
  const std::shared_ptr<const tls_context>& current() const { return current_; }

  // Reads the files again if they were written or replaced since the last look. A file that is bad
  // is named in the log, and what was read before stays in use. Returns whether current() is new.
  bool look();
  // The same without looking whether they have changed, and with the error for the caller.
  result<void> reload();

 private:
  tls_keeper(tls_settings settings, ports::log& log);
  result<void> read();

  const tls_settings settings_;
  ports::log& log_;
  rare_log troubles_;
  std::string stamp_;
  bool failed_ = false;  // the last reading
  std::shared_ptr<const tls_context> current_;
};

}  // namespace hedgerow::net
