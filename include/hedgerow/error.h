#pragma once
// The error type of the whole API, and `result<T>`.
//
// Every code says what the caller should do. The one that matters most is `outcome_unknown`: the
// call may have been executed; look before you repeat it.

#include <string>
#include <system_error>

#include <tl/expected.hpp>

namespace hedgerow {

enum class errc {
  // The caller's fault: correct the argument named in the context; repeating is useless.
  invalid_argument = 1,
  too_large,       // a payload over the limit; certainly not executed
  name_in_use,     // another live process has this member name
  lease_too_long,  // the group was created with a shorter lease; use that one
  address_in_use,  // the listen address is taken; choose another

  // Certainly not executed; may be repeated.
  no_leader,     // no leader was known up to the deadline
  not_executed,  // a leader (or member) was known, but the deadline passed before it took the call
  overloaded,    // the receiver's queue is full; retry later
  stopped,       // this node, client or lock was stopped
  not_acquired,  // a lock was not had within the time that was given; it is not held

  // May have been executed: check before you repeat.
  outcome_unknown,

  // Executed, and answered with an error by the user's own handler.
  handler_failed,

  // Surroundings: retry later, or have a look at the store, clock or network.
  store_unavailable,
  clock_untrusted,
  unreachable,
  not_supported,
  internal,
  store_refused,  // the store answers, and won't serve us: mend what the context says

  // How a stream ended before both sides were through with it. What was acknowledged is consumed,
  // the rest may have been.
  leadership_lost,  // of the node that has taken it: go on with the next leader
  cancelled,        // by either side, for the reason in the context
  timed_out,        // its deadline has passed, or it was idle for too long
};

}  // namespace hedgerow

template <>
struct std::is_error_code_enum<hedgerow::errc> : std::true_type {};

namespace hedgerow {

const std::error_category& error_category() noexcept;
std::error_code make_error_code(errc code) noexcept;

// What is known about a call that failed.
enum class call_outcome { not_executed, unknown, replied };

struct error {
  std::error_code code;
  std::string context;  // what failed, with the values that matter; never a payload or a secret

  error() = default;
  error(std::error_code c, std::string text) : code(c), context(std::move(text)) {}
  error(errc c, std::string text) : code(make_error_code(c)), context(std::move(text)) {}

  // The context, or the code's own words where there is none.
  std::string message() const;
  // Whether the call that failed with this error may have been executed.
  call_outcome outcome() const;
};

// tl::expected whatever the user's language mode, so that library and program always agree.
template <class T>
using result = tl::expected<T, error>;

inline tl::unexpected<error> fail(errc code, std::string context) {
  return tl::unexpected<error>(error(code, std::move(context)));
}

}  // namespace hedgerow
