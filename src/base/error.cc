#include <hedgerow/error.h>

namespace hedgerow {
namespace {

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "hedgerow"; }
  std::string message(int code) const override {
    switch (static_cast<errc>(code)) {
      case errc::invalid_argument:
        return "invalid argument";
      case errc::too_large:
        return "message too large";
      case errc::name_in_use:
        return "name in use";
      case errc::lease_too_long:
        return "lease longer than the group's";
      case errc::address_in_use:
        return "address in use";
      case errc::no_leader:
        return "no leader known";
      case errc::not_executed:
        return "not executed";
      case errc::overloaded:
        return "overloaded";
      case errc::stopped:
        return "stopped";
      case errc::not_acquired:
        return "lock not acquired";
      case errc::outcome_unknown:
        return "outcome unknown";
      case errc::handler_failed:
        return "handler failed";
      case errc::store_unavailable:
        return "store unavailable";
      case errc::clock_untrusted:
        return "clock not trusted";
      case errc::unreachable:
        return "unreachable";
      case errc::not_supported:
        return "not supported";
      case errc::internal:
        return "internal error";
      case errc::store_refused:
        return "store refuses to serve us";
      case errc::leadership_lost:
        return "leadership lost";
      case errc::cancelled:
        return "stream cancelled";
      case errc::timed_out:
        return "timed out";
    }
    return "unknown error";
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const category instance;
  return instance;
}

std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

std::string error::message() const {
  return context.empty() ? code.message() : context;
}

call_outcome error::outcome() const {
  if (code == errc::handler_failed) return call_outcome::replied;
  if (code == errc::outcome_unknown || code == errc::leadership_lost || code == errc::cancelled ||
      code == errc::timed_out)
    return call_outcome::unknown;
  return call_outcome::not_executed;
}

}  // namespace hedgerow
