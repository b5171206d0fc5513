#pragma once
// From the public options of encryption to those of the transport.

#include <hedgerow/security.h>

#include "net/tls_settings.h"

namespace hedgerow {

net::tls_settings settings_of(const security_options& from);

// What is wrong with the choice, in words that say what to do.
result<void> check_security(const security_options& chosen, bool insecure);

}  // namespace hedgerow
