#pragma once
// Fixed-width integers in bytes, least significant first, on any machine.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace hedgerow::base {

template <class Unsigned>
constexpr void store(char* out, Unsigned value) {
  // gcc 12 makes eight steps of the loop.
  if (std::endian::native == std::endian::little && !std::is_constant_evaluated()) {
    std::memcpy(out, &value, sizeof value);
    return;
  }
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    out[i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
}

template <class Unsigned>
constexpr Unsigned load(const char* in) {
  Unsigned value = 0;
  if (std::endian::native == std::endian::little && !std::is_constant_evaluated()) {
    std::memcpy(&value, in, sizeof value);
    return value;
  }
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    value |= static_cast<Unsigned>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  return value;
}

constexpr void store_u32(char* out, std::uint32_t value) {
  store(out, value);
}
constexpr void store_u64(char* out, std::uint64_t value) {
  store(out, value);
}
constexpr std::uint32_t load_u32(const char* in) {
  return load<std::uint32_t>(in);
}
constexpr std::uint64_t load_u64(const char* in) {
  return load<std::uint64_t>(in);
}

}  // namespace hedgerow::base
