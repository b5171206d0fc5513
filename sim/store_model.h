#pragma once
// The store: statements on their way, answers that get lost, outages, and promotions that forget
// acknowledged commits.
//
// A statement waits in its driver, begins (never after its patience), is executed, and is answered;
// each step may be slow, and any of the last two may be lost. One that has begun is executed or
// lost whatever its client does meanwhile. A promotion ends all that have begun; those that have
// not run on the new primary, which is why statements name their epoch (R9).

#include <deque>
#include <optional>
#include <variant>
#include <vector>

#include "base/random.h"
#include "sim/endpoint.h"
#include "sim/kernel.h"
#include "sim/store_rows.h"
#include "sim/swarm.h"

namespace hedgerow::sim {

// Whose row a lease statement is for.
struct lock_row {
  std::uint32_t lock = 0;
  std::uint32_t client = 0;  // of the process
};

// Sees everything that the store does, in its order.
class store_watcher {
 public:
  virtual ~store_watcher() = default;
  virtual void on_lease_executed(std::uint32_t process, const ports::lease_request& request,
                                 const ports::lease_reply& reply) = 0;
  // `number` grows with each view statement of the run.
  virtual void on_view_submitted(std::uint32_t process, std::uint64_t number,
                                 const ports::view_request& request) = 0;
  virtual void on_view_executed(std::uint64_t number, const ports::view_request& request,
                                const std::optional<ports::view_row>& before,
                                const ports::view_reply& reply) = 0;
  // The view row is gone, or is one of a history that an earlier restore or promotion gave up.
  virtual void on_view_history_lost() = 0;
  // Answered, or given up: the process' view lane is free again.
  virtual void on_view_settled(std::uint32_t process) = 0;
};

class store_model {
 public:
  store_model(kernel& world, const swarm& with, router& processes, store_watcher& watcher);

  void submit(const endpoint& who, ports::request_id id, ports::lease_request request,
              nanoseconds patience);
  void submit(const endpoint& who, ports::request_id id, ports::view_request request,
              nanoseconds patience);
  void submit(const endpoint& who, lock_row at, ports::request_id id, ports::lease_request request,
              nanoseconds patience);

  // The machine started anew: what was under way is lost, and the epoch is another.
  void set_epoch(const std::string& clock_epoch);
  // A replica of an earlier state takes over: each row as it was at its time.
  void promote(true_time lease_as_of, true_time view_as_of);
  // Whether there was no row then of a lease that has one now.
  bool lacked_a_row(true_time lease_as_of) const { return lacks_a_row(copy_at(lease_as_of, 0)); }
  // Another replica of this primary has come so far, and will follow none that is promoted later.
  void leave_sibling(true_time as_of);
  // Whether one was left, and has not taken over yet; and whether it lacks a row that there is now.
  bool has_sibling() const { return sibling_.has_value(); }
  bool sibling_lacks_a_row() const { return lacks_a_row(*sibling_); }
  // It takes over: whatever the primaries since then have acknowledged is gone. Requires
  // has_sibling().
  void promote_sibling();
  // All rows are replaced by those of a dump, in another table; nobody is disconnected, and what
  // has begun runs on the new rows.
  void restore(true_time as_of);
  // Before then no write succeeds, and each says so.
  void fill(true_time until);
  // Before then this slot reads what the former primary has, under its epoch; writes fail there.
  // Nothing before the first promotion. One that takes writes is out of what can be safe: the
  // holder could go on there.
  void show_old_copy(std::uint32_t slot, true_time until);
  void delete_lease_row();
  // Both rows of the group.
  void truncate();
  void delete_lock_row(std::uint32_t lock);
  // Nothing begins for this slot (or for all) before then; what was begun is answered then.
  void freeze(std::uint32_t slot, true_time until);
  void freeze_lease(std::uint32_t slot, true_time until);
  void thaw(std::uint32_t slot);
  // What this slot asks to create before then is executed then, and answered to nobody.
  void delay_creation(std::uint32_t slot, true_time until) { creation_[slot] = until; }
  void freeze_all(true_time until, bool refuses);
  // The end of all trouble, extremes included; and its return.
  void heal();
  void unheal() { healed_ = false; }
  const store_rows& rows() const { return rows_; }
  const std::optional<ports::lease_row>& lock(std::uint32_t i) const {
    return locks_[i].rows.lease;
  }
  std::uint64_t executed() const { return executed_; }

  void on_event(const event& e);                   // store_begin, store_execute
  void deliver(endpoint& to, const event& reply);  // lease_reply, view_reply
  void discard(const event& reply);

 private:
  struct statement {
    std::uint32_t process = 0;
    std::uint32_t slot = 0;
    int planned = 0;  // events that still name it
    ports::request_id id = 0;
    std::optional<lock_row> lock;  // nothing: the group's row
    std::uint64_t number = 0;
    std::uint64_t primary = 0;  // on which it began
    true_time begin_until = 0;
    bool executes = true;
    bool told_unknown = false;
    bool told_nothing = false;
    bool conflicts = false;
    std::variant<ports::lease_request, ports::view_request> request;
    ports::lease_reply lease_reply;
    ports::view_reply view_reply;
  };
  template <class Row>
  struct past {
    true_time since = 0;
    std::optional<Row> row;
  };

  struct lock_table {
    store_rows rows;  // no view
    std::deque<past<ports::lease_row>> states;
  };
  // All rows, as some copy has them.
  struct copy {
    std::optional<ports::lease_row> lease;
    std::optional<ports::view_row> view;
    std::vector<std::optional<ports::lease_row>> locks;
    true_time view_as_of = 0;
  };

  std::uint64_t take_slot();
  void let_go(std::uint64_t index);
  void submit_any(const endpoint& who, std::uint64_t index, nanoseconds patience);
  void begin(std::uint64_t index);
  bool held_back(std::uint64_t index);
  true_time frozen_until(const statement& s) const;
  void execute(std::uint64_t index);
  void answer(std::uint64_t index, true_time after);
  void fail(std::uint64_t index, ports::store_outcome how, true_time after);
  void change_epoch();
  void execute_lease(statement& s);
  bool writes(const statement& s) const;
  bool fails_instead(const statement& s);
  bool at_old_copy(const statement& s) const;
  void read_old_copy(statement& s);
  bool lacks_a_row(const copy& c) const;
  copy copy_at(true_time lease_as_of, true_time view_as_of) const;
  void leave_primary();
  void replace_rows(const copy& by, std::string_view what);
  void remember_lease();
  void remember_lock(lock_table& one);
  void remember_view();
  std::string epoch_now() const;

  kernel& world_;
  const swarm& with_;
  router& processes_;
  store_watcher& watcher_;
  base::random random_;
  store_rows rows_;
  std::string clock_epoch_;
  std::uint64_t promotions_ = 0;
  std::uint64_t primary_ = 0;
  std::uint64_t numbers_ = 0;
  std::uint64_t executed_ = 0;
  bool healed_ = false;
  bool refuses_ = false;
  true_time frozen_all_until_ = 0;
  true_time full_until_ = 0;
  std::vector<true_time> old_copy_until_;  // by slot
  // The former primary's, once there was another.
  true_time rewound_at_ = 0;
  std::optional<store_rows> old_;
  std::vector<store_rows> old_locks_;
  std::optional<copy> sibling_;
  std::vector<true_time> frozen_until_;
  std::vector<true_time> lease_frozen_until_;
  std::map<std::uint32_t, true_time> creation_;  // see delay_creation
  std::deque<past<ports::lease_row>> lease_past_;
  std::deque<past<ports::view_row>> view_past_;
  std::vector<lock_table> locks_;
  std::deque<statement> statements_;
  std::vector<std::uint64_t> free_;
};

}  // namespace hedgerow::sim
