#pragma once
// Which file is the store: from a URL, or by default.

#include <filesystem>
#include <string_view>

#include <hedgerow/error.h>

namespace hedgerow::store {

// Where agents that were told nothing find each other: the first folder of $STATE_DIRECTORY (set by
// systemd), else $XDG_STATE_HOME/hedgerow, else ~/.local/state/hedgerow; the file is hedgerow.db.
// Fails if none of these variables holds an absolute path. Call before there are other threads.
result<std::filesystem::path> default_file();

// "sqlite:///path", "sqlite:path" or a plain path; "" is default_file(). Relative paths are made
// absolute. PostgreSQL's URLs are answered with errc::not_supported, other schemes and in-memory
// databases with errc::invalid_argument.
result<std::filesystem::path> parse_url(std::string_view url);

}  // namespace hedgerow::store
