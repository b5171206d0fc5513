#include "net/secret_file.h"

#include <algorithm>

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/assert.h"

namespace hedgerow::net {
namespace {

constexpr std::string_view prefix = "hedgerow-secret-1:";
constexpr std::string_view identity_label = "hedgerow secret: identity";
constexpr std::string_view key_label = "hedgerow secret: key";
constexpr std::size_t secret_bytes_max = 1024;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Two labels, so that what is told of the secret is unrelated to what is done with it.
group_secret::key_bytes derive(std::string_view raw, std::string_view label) {
  group_secret::key_bytes out{};
  unsigned size = 0;
  const auto* done = HMAC(EVP_sha256(), raw.data(), static_cast<int>(raw.size()), bytes_of(label),
                          label.size(), out.data(), &size);
  HEDGEROW_ASSERT(done != nullptr && size == out.size());
  return out;
}

// Canonical base64 alone, so that a secret has one form. False: it is none.
bool decode(std::string_view text, std::string& out) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > 2 * secret_bytes_max) return false;
  const auto padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
  if (padding > 2 || text.substr(0, text.size() - padding).find('=') != text.npos) return false;
  out.resize(text.size() / 4 * 3);
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text),
                                   static_cast<int>(text.size()));
  // It skips blanks at both ends.
  if (size < 0 || static_cast<std::size_t>(size) != out.size()) return false;
  out.resize(out.size() - padding);
  return true;
}

std::string encode(const unsigned char* raw, std::size_t size) {
  std::string out((size + 2) / 3 * 4 + 1, '\0');
  out.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), raw, static_cast<int>(size))));
  return out;
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  const auto from = line.find_first_not_of(blanks);
  if (from == line.npos) return {};
  return line.substr(from, line.find_last_not_of(blanks) - from + 1);
}

// Why a line is no secret; empty: it is one, and decoded into `raw`.
std::string problem_of(std::string_view line, std::string& raw) {
  if (!line.starts_with(prefix))
    return fmt::format("does not begin with {}; make a secret with `hedgerow secret new`", prefix);
  if (!decode(line.substr(prefix.size()), raw))
    return "is damaged: what follows the colon is not base64; copy the whole line";
  if (raw.size() < secret_bytes_min)
    return fmt::format("holds {} bytes; a secret has at least {}: `hedgerow secret new` makes one",
                       raw.size(), secret_bytes_min);
  if (raw.size() > secret_bytes_max)
    return fmt::format("holds {} bytes; at most {}", raw.size(), secret_bytes_max);
  return {};
}

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace

group_secret::group_secret(std::string_view raw) : key_(derive(raw, key_label)) {
  HEDGEROW_ASSERT(raw.size() >= secret_bytes_min);
  identity_ = "hedgerow-";
  for (const unsigned char byte : derive(raw, identity_label))
    identity_ += fmt::format("{:02x}", byte);
}

group_secret::~group_secret() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

result<std::vector<group_secret>> parse_secrets(std::string_view text, const std::string& file) {
  const auto refuse = [&](std::size_t line, const std::string& why) {
    return fail(errc::invalid_argument, fmt::format("{}: line {} {}", file, line, why));
  };
  if (text.size() > secret_file_bytes_max)
    return fail(errc::invalid_argument, fmt::format("{} is longer than {} bytes; it is no file of "
                                                    "secrets",
                                                    file, secret_file_bytes_max));
  std::vector<group_secret> found;
  std::string raw;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    if (const auto why = problem_of(line, raw); !why.empty()) {
      wipe(raw);
      return refuse(number, why);
    }
    group_secret next(raw);
    wipe(raw);
    const bool twice = std::any_of(found.begin(), found.end(), [&](const auto& each) {
      return each.identity() == next.identity();
    });
    if (twice) return refuse(number, "repeats a secret; remove it");
    if (found.size() == secrets_max)
      return refuse(number, fmt::format("is one secret too many; at most {}", secrets_max));
    found.push_back(std::move(next));
  }
  if (found.empty())
    return fail(
        errc::invalid_argument,
        fmt::format("{} holds no secret; fill it with `hedgerow secret new > {}`", file, file));
  return found;
}

std::string new_secret() {
  std::array<unsigned char, secret_bytes_min> raw{};
  HEDGEROW_ASSERT(RAND_priv_bytes(raw.data(), static_cast<int>(raw.size())) == 1);
  auto out = std::string(prefix) + encode(raw.data(), raw.size());
  OPENSSL_cleanse(raw.data(), raw.size());
  return out;
}

}  // namespace hedgerow::net
