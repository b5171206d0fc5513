#pragma once
// No healthy member is evicted, every reason that is given is true, and no leader stands back (C5)
// that could be heard by more than half of its members: its own pause is no reason (D3). Nor does
// one that can't be heard by more than half remove the others as silent.
//
// The verdict is passed where the leader submits the view without the member; it counts if that
// view is committed. Healthy is what docs/testing.md says: for the whole window before the verdict
// the process ran, and more of those who may speak had a clean two-way path to it than a verdict
// can outvote.

#include <map>
#include <set>
#include <string>
#include <vector>

#include <hedgerow/member.h>

#include "core/membership/options.h"
#include "ports/store.h"
#include "sim/checkers/views_checker.h"
#include "sim/kernel.h"
#include "sim/lives.h"
#include "sim/paths.h"

namespace hedgerow::sim {

class evictions_checker {
 public:
  evictions_checker(kernel& world, const lives& all, const paths& ways, const views_checker& views,
                    const core::membership_options& options, nanoseconds store_patience)
      : world_(world),
        lives_(all),
        paths_(ways),
        views_(views),
        options_(options),
        store_patience_(store_patience.count()) {}

  void on_submitted(std::uint32_t leader, std::uint64_t number, const ports::view_request& request);
  void on_executed(std::uint64_t number, const ports::view_request& request,
                   const ports::view_reply& reply);
  void on_settled(std::uint32_t leader);
  void on_stood_back(std::uint32_t leader, const view& members);

 private:
  // A leader's view statements follow one another; what it wanted may have waited for its turn.
  struct view_lane {
    true_time busy_since = 0;
    true_time free_at = 0;
  };
  struct finding {
    incarnation who;
    std::string wrong;  // empty: the removal is right
  };

  true_time window() const;
  std::string judge(std::uint32_t leader, const ports::view_request& request, const removal& r,
                    true_time window_start) const;
  bool healthy(std::uint32_t leader, const view& v, std::uint32_t subject, true_time since) const;

  bool in_minority(std::uint32_t leader, const view& v, true_time since) const;

  kernel& world_;
  const lives& lives_;
  const paths& paths_;
  const views_checker& views_;
  const core::membership_options& options_;
  true_time store_patience_;
  std::vector<view_lane> lanes_;  // by process
  std::map<std::uint64_t, std::vector<finding>> open_;
  std::set<incarnation> removed_;
  std::set<std::uint32_t> stood_back_;  // processes that did, at some time
  true_time stood_back_at_ = -forever;  // when the last one did
  true_time crash_seen_ = -forever;     // when the last removal of one that crashed was executed
};

}  // namespace hedgerow::sim
