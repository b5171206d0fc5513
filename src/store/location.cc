#include "store/location.h"

#include <cstdlib>
#include <string>
#include <system_error>

#include <fmt/format.h>

namespace hedgerow::store {
namespace {

using std::filesystem::path;

// The variable as an absolute path; empty if it is unset or relative (as XDG wants it).
path folder_in(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): see the header
  if (value == nullptr) return {};
  const std::string_view all(value);
  path first(all.substr(0, all.find(':')));
  return first.is_absolute() ? first : path();
}

bool starts_with_any(std::string_view text, std::string_view a, std::string_view b) {
  return text.starts_with(a) || text.starts_with(b);
}

result<location> absolute_file(std::string_view text, std::string_view url) {
  if (text.empty() || text.ends_with('/'))
    return fail(errc::invalid_argument, fmt::format("the store \"{}\" names no file", url));
  if (text == ":memory:" || text.find('\0') != std::string_view::npos)
    return fail(errc::invalid_argument,
                fmt::format("the store \"{}\" is no file that processes could share", url));
  std::error_code error;
  path file = std::filesystem::absolute(path(text), error);
  if (error)
    return fail(errc::invalid_argument, fmt::format("the store \"{}\": {}", url, error.message()));
  return sqlite_location{file.lexically_normal()};
}

}  // namespace

result<path> default_file() {
  constexpr std::string_view name = "hedgerow.db";
  if (const path folder = folder_in("STATE_DIRECTORY"); !folder.empty()) return folder / name;
  if (const path folder = folder_in("XDG_STATE_HOME"); !folder.empty())
    return folder / "hedgerow" / name;
  if (const path folder = folder_in("HOME"); !folder.empty())
    return folder / ".local/state/hedgerow" / name;
  return fail(errc::invalid_argument,
              "no place for the store: neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME holds an "
              "absolute path; name a file with --store");
}

result<location> parse_url(std::string_view url) {
  constexpr std::string_view sqlite = "sqlite:";
  if (url.empty()) {
    auto file = default_file();
    if (!file) return tl::unexpected(std::move(file).error());
    return sqlite_location{std::move(*file)};
  }
  if (starts_with_any(url, "postgres://", "postgresql://"))
    return postgres_location{std::string(url)};
  if (url.starts_with(sqlite)) {
    std::string_view rest = url.substr(sqlite.size());
    if (rest.starts_with("//")) {
      rest.remove_prefix(2);
      if (!rest.starts_with('/'))
        return fail(errc::invalid_argument,
                    fmt::format("the store \"{}\" names a host; write sqlite:///absolute/path or "
                                "sqlite:relative/path",
                                url));
    }
    return absolute_file(rest, url);
  }
  // Only the scheme is repeated in the error: such a URL may hold a password.
  if (url.find("://") != std::string_view::npos || starts_with_any(url, "postgres:", "postgresql:"))
    return fail(errc::invalid_argument,
                fmt::format("a store of the kind \"{}:\" is unknown; give a file, "
                            "sqlite:///path/to/file, or postgres://user@host/database",
                            url.substr(0, url.find(':'))));
  return absolute_file(url, url);
}

}  // namespace hedgerow::store
