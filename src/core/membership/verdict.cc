#include "core/membership/verdict.h"

#include "base/mutant.h"
#include "base/probe.h"

namespace hedgerow::core {
namespace {

struct tally {
  int voices = 0;
  int down = 0;
};

tally count(const verdict_question& q, std::uint32_t subject, const std::vector<bool>& condemned) {
  tally t;
  for (const auto& v : q.subjects[subject].voices) {
    const bool heard = q.fresh[v.observer] || HEDGEROW_MUTANT(stale_observers_count);
    if (!heard || condemned[v.observer]) continue;
    ++t.voices;
    t.down += v.down ? 1 : 0;
  }
  return t;
}

bool condemns(const tally& t, bool own_link_stale, const membership_options& options) {
  if (HEDGEROW_MUTANT(one_observer_condemns) && t.down > 0) return true;
  if (t.voices == 0) return own_link_stale;
  if (t.voices < 3) return t.down == t.voices && own_link_stale;
  return t.down >= options.condemn_at * t.voices;
}

}  // namespace

verdict judge(const verdict_question& q, const membership_options& options) {
  const auto n = static_cast<std::uint32_t>(q.subjects.size());
  std::vector<bool> condemned(n, false);
  // To the fixpoint: who is condemned has no voice, which may condemn others.
  for (bool moved = true; moved;) {
    moved = false;
    for (std::uint32_t s = 0; s < n; ++s) {
      if (condemned[s] || !q.subjects[s].judged) continue;
      if (!condemns(count(q, s, condemned), q.subjects[s].own_link_stale, options)) continue;
      HEDGEROW_PROBE_IF(count(q, s, condemned).voices == 0, verdict_by_own_link_alone);
      HEDGEROW_PROBE_IF(count(q, s, condemned).voices >= 3, verdict_by_many_voices);
      HEDGEROW_PROBE_IF(!condemns(count(q, s, std::vector<bool>(n, false)),
                                  q.subjects[s].own_link_stale, options),
                        verdict_by_loss_of_a_voice);
      condemned[s] = true;
      moved = true;
    }
  }
  verdict result;
  for (std::uint32_t s = 0; s < n; ++s) {
    if (condemned[s]) {
      result.condemned.push_back(s);
    } else if (q.subjects[s].judged) {
      const tally t = count(q, s, condemned);
      if (t.voices > 0 && t.down >= options.doubt_at * t.voices) result.doubtful.push_back(s);
    }
  }
  return result;
}

}  // namespace hedgerow::core
