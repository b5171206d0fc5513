#include <string>

#include <hedgerow/lock.h>
#include <hedgerow/options.h>

#include "model/limits.h"
#include "node/security.h"

namespace hedgerow {
namespace {

using std::chrono::milliseconds;

result<void> check_name(const std::string& what, const std::string& value) {
  if (value.empty()) return fail(errc::invalid_argument, "the " + what + " is empty; give it one");
  if (value.size() > limits::name_bytes_max)
    return fail(errc::invalid_argument, "the " + what + " has " + std::to_string(value.size()) +
                                            " bytes; at most " +
                                            std::to_string(limits::name_bytes_max) + " fit");
  if (value.find('\0') != std::string::npos)
    return fail(errc::invalid_argument, "the " + what + " has a zero byte in it; remove it");
  return {};
}

result<void> check_payload_limit(std::size_t limit) {
  if (limit < limits::payload_bytes_min || limit > limits::payload_bytes_max)
    return fail(errc::invalid_argument, "payload_bytes_max must be from " +
                                            std::to_string(limits::payload_bytes_min) + " to " +
                                            std::to_string(limits::payload_bytes_max));
  return {};
}

result<void> check_lease(milliseconds lease) {
  if (lease < milliseconds{100} || lease > std::chrono::hours{1})
    return fail(errc::invalid_argument, "the lease is " + std::to_string(lease.count()) +
                                            " ms; it must be from 100 ms to 1 h");
  return {};
}

}  // namespace

options options::fast() {
  options o;
  o.lease = milliseconds{600};
  return o;
}

options options::patient() {
  options o;
  o.lease = milliseconds{30'000};
  return o;
}

result<void> options::validate() const {
  if (auto ok = check_name("group", group); !ok) return ok;
  // An empty one is the host's.
  if (auto ok = name.empty() ? result<void>{} : check_name("name", name); !ok) return ok;
  if (auto ok = check_payload_limit(payload_bytes_max); !ok) return ok;
  if (auto ok = check_lease(lease); !ok) return ok;
  if (open_timeout < milliseconds{0} || open_timeout > std::chrono::hours{1})
    return fail(errc::invalid_argument, "open_timeout is " + std::to_string(open_timeout.count()) +
                                            " ms; it must be from 0 to 1 h");
  if (auto ok = check_security(security, insecure); !ok) return ok;
  if (handler_threads < 1 || handler_threads > 256)
    return fail(errc::invalid_argument, "handler_threads must be from 1 to 256");
  if (stream_threads < 1 || stream_threads > 4096)
    return fail(errc::invalid_argument, "stream_threads must be from 1 to 4096");
  if (zone.size() > limits::zone_bytes_max)
    return fail(errc::invalid_argument, "the zone is longer than 255 bytes");
  if (tags.size() > limits::tags_max)
    return fail(errc::invalid_argument, "there are " + std::to_string(tags.size()) +
                                            " tags; at most " + std::to_string(limits::tags_max) +
                                            " fit");
  std::size_t size = 0;
  for (const auto& [key, value] : tags) {
    if (key.empty()) return fail(errc::invalid_argument, "a tag has no key; write key=value");
    size += key.size() + value.size();
  }
  if (size > limits::tags_bytes_max)
    return fail(errc::invalid_argument, "the tags have " + std::to_string(size) +
                                            " bytes; at most " +
                                            std::to_string(limits::tags_bytes_max) + " fit");
  return {};
}

result<void> lock_options::validate() const {
  if (auto ok = check_name("lock", name); !ok) return ok;
  if (holder.size() > limits::name_bytes_max || holder.find('\0') != std::string::npos)
    return fail(errc::invalid_argument,
                "the holder must have at most 255 bytes, none of them zero");
  return check_lease(lease);
}

result<void> client_options::validate() const {
  if (auto ok = check_name("group", group); !ok) return ok;
  if (auto ok = check_security(security, insecure); !ok) return ok;
  return check_payload_limit(payload_bytes_max);
}

}  // namespace hedgerow
