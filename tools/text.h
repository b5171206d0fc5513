#pragma once
// Bytes of others made fit for terminals and JSON.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace hedgerow::tools {

// Well-formed UTF-8 as of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes);

std::string base64(std::string_view bytes);  // RFC 4648, padded

// One line that can't steer a terminal: control characters, and bytes that are not UTF-8, become
// \xNN; a tab or a newline becomes a space.
std::string printable(std::string_view bytes);

// RFC 3339 in UTC with milliseconds: 2024-05-01T12:00:00.123Z.
std::string utc_time(std::chrono::system_clock::time_point when);

// Columns aligned for people, two spaces between them, no trailing spaces; the first row is the
// heading. Empty cells are shown as "-".
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace hedgerow::tools
