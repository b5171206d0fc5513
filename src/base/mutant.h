#pragma once
// Planted faults. Each removes one rule, to prove that the simulator's checkers can see its
// absence.
//
// In the product HEDGEROW_MUTANT is the constant false and costs nothing. Only the simulator, which
// compiles the cores once more with HEDGEROW_MUTANTS, can plant one.

#include <cstdint>
#include <string_view>

namespace hedgerow::base {

enum class mutant : std::uint8_t {
  none,
  // Lease
  act_until_earliest,       // R1: the holder compares `earliest` with E
  trust_any_clock,          // R1: the status of the clock is ignored
  optimistic_expiry,        // R2: a renewal without an answer counts
  take_by_latest,           // R3: the taker compares `latest` with E
  token_restarts,           // R5: the token of a take is a counter that forgets
  renew_lowers_expiry,      // R6: no GREATEST
  act_after_release,        // R7: acts until the release is acknowledged
  create_without_cool_off,  // R8: no safe_after
  create_takes,             // R8 as it was: creating the row takes it
  take_unpinned,            // R9: a take does not name the epoch that was seen
  take_foreign_at_once,     // F11: no wait over a row of another epoch
  wait_after_take,          // F11: R9 as it was, take first and cool off then
  repin_after_expiry,       // F12: a holder whose E has passed re-pins
  resume_dropped_token,     // F10: a read that shows one's own dropped token revives it
  keep_unwanted,            // R7: a take that shows when it is not wanted any more is kept
  take_unasked,             // DESIGN 4: a lock that was lost is taken again without being asked for
  longer_than_limit,        // R4: a lease that is longer than LMAX is not refused
  loss_not_timed,           // R10: nobody wakes when the lease runs out
  // Views
  publish_uncommitted,   // S3: a view is published before it is committed
  commit_without_claim,  // S3: commits whatever (token, sequence) the row has
  forget_members,        // S3: a new leader starts from itself alone
  base_unasked,          // S3: a list that the store may have lost is the base, and nobody is asked
  strangers_unasked,     // S3: nor is who is reached only while the answers are waited for
  lead_though_removed,   // S5: a leader that the view has removed adds itself again
  accept_older_view,     // S2: any view is accepted
  ignore_incarnation,    // S1: whoever answers at an address is the member
  stale_observers_count,  // C1: reports of observers that are not fresh count
  one_observer_condemns,  // C1: one report of silence is enough
  keep_own_pause,         // D3: evidence gathered through one's own pause is kept
  no_stand_down,          // C5: a leader that hears nobody evicts everybody
  silence_is_refusal,     // DESIGN 5: a time-out counts as certain evidence
  unknown_commit_counts,  // S3: a commit whose outcome is unknown has happened
  decide_without_lease,   // S4: views are decided while R1 does not hold
  evicted_goes_on,        // S5: whoever is removed keeps its incarnation
  join_over_living,       // J1: a name whose holder answers is given to another
  down_for_good,          // D2: an edge that was down once stays so
  views_not_compared,     // P1: nobody notices that another has a newer view
  // Messages
  handle_without_lease,     // DESIGN 6: a request is executed without asking R1
  unknown_is_not_executed,  // DESIGN 6: a broken connection is reported as "not executed"
  resend_unknown,           // DESIGN 6: a call whose outcome is unknown is sent again
  retried_is_not_executed,  // DESIGN 6: what was turned away once passes for not executed for good
  broadcast_misses_one,     // DESIGN 6: a member without a result
  // The loop
  early_alarm_is_lost,  // ports/timers.h: an alarm that rang a little early is not set again
  // Streams
  stream_without_lease,         // R1: taken, and handed on, without asking R1
  stream_window_ignored,        // DESIGN 6: a sender goes on beyond its window
  stream_acknowledges_arrival,  // DESIGN 6: what has arrived passes for consumed
  stream_goes_on_elsewhere,     // DESIGN 6: after a lost connection it goes on on another
  stream_reset_unheard,         // DESIGN 6: the other side's end is not this side's
  stream_of_any_token,          // DESIGN 6: taken under the token of the view, not of the lease
  stream_idles_for_ever,        // DESIGN 6: nobody looks how long nothing has passed
  count                         // how many there are; not one of them
};

std::string_view to_string(mutant value);

#ifdef HEDGEROW_MUTANTS
// The one planted now. Set between runs only.
extern mutant planted;
#define HEDGEROW_MUTANT(name) (::hedgerow::base::planted == ::hedgerow::base::mutant::name)
#else
#define HEDGEROW_MUTANT(name) false
#endif

}  // namespace hedgerow::base
