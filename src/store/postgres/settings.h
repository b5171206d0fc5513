#pragma once
// The server's settings that a lease depends on (lease reference 5.6), looked at with each connect.

#include <string>
#include <vector>

#include <hedgerow/error.h>

#include "store/postgres/session.h"

namespace hedgerow::store::postgres {

// store_refused for settings under which an acknowledged commit may be lost without a change of the
// epoch, store_unavailable for a standby, which is then passed over; else warnings for the log,
// each with what to do.
result<std::vector<std::string>> check_settings(session& in, boot_time deadline);

}  // namespace hedgerow::store::postgres
