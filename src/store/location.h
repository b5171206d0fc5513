#pragma once
// Which store: from a URL, or by default.

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

#include <hedgerow/error.h>

namespace hedgerow::store {

struct sqlite_location {
  std::filesystem::path file;  // absolute
};

// Not looked into here: see postgres/url.h.
struct postgres_location {
  std::string url;
};

using location = std::variant<sqlite_location, postgres_location>;

// Where agents that were told nothing find each other: the first folder of $STATE_DIRECTORY (set by
// systemd), else $XDG_STATE_HOME/hedgerow, else ~/.local/state/hedgerow; the file is hedgerow.db.
// Fails if none of these variables holds an absolute path. Call before there are other threads.
result<std::filesystem::path> default_file();

// "postgres://…" or "postgresql://…"; "sqlite:///path", "sqlite:path" or a plain path; "" is
// default_file(). Relative paths are made absolute. Other schemes and in-memory databases are
// answered with errc::invalid_argument.
result<location> parse_url(std::string_view url);

}  // namespace hedgerow::store
