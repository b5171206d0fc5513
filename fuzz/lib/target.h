#pragma once
// What every target has: its one function, and its input cut into pieces.

#include <cstddef>
#include <cstdint>
#include <string_view>

// Aborts, by an assertion or a sanitizer, if a property does not hold for this input. Returns 0.
// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer looks for
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace hedgerow::fuzz {

// Choices first, one byte each, then the bytes to be decoded.
class input {
 public:
  input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  // Below `count`; 0 when there is nothing left.
  std::size_t choice(std::size_t count) {
    if (rest_.empty()) return 0;
    const auto first = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return first % count;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace hedgerow::fuzz
