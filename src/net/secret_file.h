#pragma once
// The file of a group's secrets: one a line, as `hedgerow secret new` prints it.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <hedgerow/error.h>

namespace hedgerow::net {

inline constexpr std::size_t secret_bytes_min = 32;
inline constexpr std::size_t secrets_max = 16;
inline constexpr std::size_t secret_file_bytes_max = 64 * 1024;

// What is derived from a secret; the secret itself is not kept. The copy in memory is wiped at its
// end.
class group_secret {
 public:
  using key_bytes = std::array<unsigned char, 32>;

  // Requires: secret_bytes_min at least.
  explicit group_secret(std::string_view raw);
  group_secret(const group_secret&) = default;
  group_secret(group_secret&&) = default;
  group_secret& operator=(const group_secret&) = default;
  group_secret& operator=(group_secret&&) = default;
  ~group_secret();

  // Names the secret in the clear, and reveals nothing else of it.
  const std::string& identity() const { return identity_; }
  const key_bytes& key() const { return key_; }

 private:
  std::string identity_;
  key_bytes key_{};
};

// Empty lines and lines that begin with # don't count. Fails with invalid_argument; the text names
// `file` and the line, and nothing that is in it. At least one secret, no secret twice.
result<std::vector<group_secret>> parse_secrets(std::string_view text, const std::string& file);

// A line for the file, without its end: 32 bytes of the system's randomness.
std::string new_secret();

}  // namespace hedgerow::net
