#pragma once
// Views: what is seen was committed, one content per (token, sequence), nobody goes back, and a
// change of leader never shrinks the view (S2, S3).

#include <map>
#include <optional>
#include <set>
#include <vector>

#include <hedgerow/member.h>

#include "ports/store.h"
#include "sim/kernel.h"

namespace hedgerow::sim {

class views_checker {
 public:
  explicit views_checker(kernel& world) : world_(world) {}

  void on_executed(const ports::view_request& request, const std::optional<ports::view_row>& before,
                   const ports::view_reply& reply);
  // The row is gone, or of a history that was given up before: what has been committed so far may
  // be known to nobody, and is no measure for what comes.
  void on_history_lost() {
    if (!committed_.empty()) lost_ = committed_.rbegin()->first;
  }
  void on_seen(std::uint32_t process, const incarnation& who, const view& seen);
  // The greatest committed view below `id` that holds `who`.
  const view* base_of(const view_id& id, const incarnation& who) const;

 private:
  void on_claimed(fencing_token token, const std::optional<ports::view_row>& before);
  void on_committed(const ports::view_row& row, const std::optional<ports::view_row>& before);
  bool of_lost_history(const view& list) const;
  bool accounts_for(const member& m, const view& list, const view& first) const;
  bool goes_on_from_later(const view& list, const view& first) const;
  void check_first(const view& first);
  bool gone_between(const view_id& low, const view_id& high, const incarnation& who) const;

  struct seen_by {
    incarnation who;
    view_id newest;
  };

  kernel& world_;
  std::map<view_id, view> committed_;
  std::map<fencing_token, view> claimed_;  // what the row held when this token claimed it
  std::vector<seen_by> seen_;              // by process
  std::set<view_id> late_;                 // committed when a greater one had been
  view_id lost_;                           // the greatest committed before a history was lost
};

}  // namespace hedgerow::sim
