#include "base/mutant.h"

#include <array>

namespace hedgerow::base {

#ifdef HEDGEROW_MUTANTS
mutant planted = mutant::none;
#endif

std::string_view to_string(mutant value) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(mutant::count)> names{
      "none",
      "act_until_earliest",
      "trust_any_clock",
      "optimistic_expiry",
      "take_by_latest",
      "token_restarts",
      "renew_lowers_expiry",
      "act_after_release",
      "create_without_cool_off",
      "create_takes",
      "take_unpinned",
      "take_foreign_at_once",
      "wait_after_take",
      "repin_after_expiry",
      "resume_dropped_token",
      "keep_unwanted",
      "take_unasked",
      "longer_than_limit",
      "loss_not_timed",
      "publish_uncommitted",
      "commit_without_claim",
      "forget_members",
      "base_unasked",
      "strangers_unasked",
      "lead_though_removed",
      "accept_older_view",
      "ignore_incarnation",
      "stale_observers_count",
      "one_observer_condemns",
      "keep_own_pause",
      "no_stand_down",
      "silence_is_refusal",
      "unknown_commit_counts",
      "decide_without_lease",
      "evicted_goes_on",
      "join_over_living",
      "down_for_good",
      "views_not_compared",
      "handle_without_lease",
      "unknown_is_not_executed",
      "resend_unknown",
      "retried_is_not_executed",
      "broadcast_misses_one",
      "early_alarm_is_lost",
      "stream_without_lease",
      "stream_window_ignored",
      "stream_acknowledges_arrival",
      "stream_goes_on_elsewhere",
      "stream_reset_unheard",
      "stream_of_any_token",
      "stream_idles_for_ever"};
  return names.at(static_cast<std::size_t>(value));
}

}  // namespace hedgerow::base
