#pragma once
// Decides when to take, renew and give up a lease, a group's or a lock's, and whether it may be
// used now.
//
// Pure: the same inputs in the same order give the same effects. Confined to one thread. Reads no
// clock: each event comes with a reading that was taken after the event had happened; R9's pins
// rely on that. The rules R1 to R10 are section 5.2 of the lease reference, F10 to F12 section 3 of
// the fast tier's: the wait over a row of another store epoch comes before the take, and a holder
// that may still act writes the new epoch into its own row.
//
// Followers never poll: they look at the store when the expiry they know of has passed, when the
// holder says that it released, or once when it is gone. Candidates for a lock, who hear of nobody,
// look each options.poll_period, and when they are told to.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <hedgerow/leadership.h>

#include "base/random.h"
#include "core/lease/options.h"
#include "model/time.h"
#include "ports/store.h"

namespace hedgerow::core {

namespace lease_effect {

struct submit {
  ports::request_id id = 0;
  ports::lease_request request;
  nanoseconds patience{};
};
// The lease may be used from now on, as may_act says at each use. Also after `suspended`.
struct gained {
  fencing_token token = 0;
};
// Held, but not to be used now; the same token may come back (`gained`) or be `lost`.
struct suspended {
  fencing_token token = 0;
};
// Precedes every other effect of its step (R10).
struct lost {
  fencing_token token = 0;
  std::string why;
};
// The store has acknowledged the release: others should be told.
struct released {
  fencing_token token = 0;
};
// The row was just created, or its store was replaced: nobody acts for so long (R8, F11).
struct waiting {
  milliseconds how_long{};
  std::string why;
};
// This node can't compete: the row's LMAX is shorter than its lease (R4).
struct refused {
  std::string why;
};
struct store_status {
  bool available = true;
  std::string text;
};
using any = std::variant<submit, gained, suspended, lost, released, waiting, refused, store_status>;

}  // namespace lease_effect

using lease_effects = std::vector<lease_effect::any>;

struct lease_self {
  std::string name;
  hedgerow::incarnation incarnation;
  std::string address;
  std::string scale;  // of the clock
  std::string machine{};
};

class lease {
 public:
  lease(lease_options options, lease_self self, std::uint64_t seed);

  // Looks at the time and does what is due. Also starts the core.
  void tick(const reading& now, lease_effects& out);
  // Replies to requests that are not waited for (any more) are ignored (R2).
  void on_reply(const reading& now, ports::request_id id, const ports::lease_reply& reply,
                lease_effects& out);
  // What the mesh says of the holder. Hints: only the store decides.
  void on_news(const reading& now, fencing_token token, instant expires, lease_effects& out);
  void on_released(const reading& now, fencing_token token, lease_effects& out);
  void on_holder_gone(const reading& now, lease_effects& out);
  // Gives the lease up, and does not compete for options.stand_back (C5).
  void stand_back(const reading& now, const std::string& why, lease_effects& out);
  // Whether to compete; from the start it does, unless options.on_demand. Unwanted, it gives up
  // what it holds (R7), and what a take that is under way may bring; it keeps what it knows of the
  // row, so that the next take needs one statement.
  void want(const reading& now, bool wanted, lease_effects& out);
  // Somebody says that the row may have changed: reads it at once, but seldom more than a hundred
  // times a second.
  void look(const reading& now, lease_effects& out);
  // Gives the lease up for good.
  void resign(const reading& now, lease_effects& out);
  // A token that was granted at some time: later ones must be greater (R5).
  void see_token(fencing_token token);
  // The place in the queue of candidates; 0 takes first.
  void set_rank(unsigned rank) { rank_ = rank; }
  // A new life after an eviction: what is held is dropped, what is known is kept.
  void reincarnate(const reading& now, const incarnation& fresh, lease_effects& out);

  // R1. Check at each use, never keep the answer.
  bool may_act(const bounded_time& now) const;
  // Held, whether it may be used or not; 0 is none.
  fencing_token held_token() const { return held_ ? held_->token : 0; }
  // `latest` must stay below this to act; the margin is taken off. Requires: held_token() != 0.
  instant act_until() const { return held_->expires - options_.margin(); }
  instant safe_after() const { return held_->safe_after; }
  instant expires() const { return held_->expires; }
  // The row as last heard of; may be stale.
  const std::optional<ports::lease_row>& known_row() const { return row_; }
  // When the statement was sent whose reply known_row is; nothing before the first.
  const std::optional<boot_time>& row_as_of() const { return row_as_of_; }
  // A statement is under way that may change what is known of the row.
  bool asking() const { return pending_.has_value() || releasing_.has_value(); }
  // The store's epoch as last seen; empty before the first answer.
  const std::string& epoch() const { return epoch_; }
  // Nothing is in flight that could make or keep this node a holder.
  bool idle() const { return !held_ && !pending_ && !releasing_ && !unsure_; }
  // As far as is known, somebody else holds it and nothing is under way.
  bool must_wait(const bounded_time& now) const {
    return idle() && row_known_ && row_ && !takeable(now);
  }
  boot_time next_wake(const reading& now) const;

 private:
  struct holding {
    fencing_token token = 0;
    instant expires{};     // R2: the largest that the store has acknowledged
    instant safe_after{};  // R8
    std::string epoch{};   // R9: of the row
    std::int64_t version = 0;
    bool announced = false;  // `gained` was told, and no `suspended` since
    bool known = false;      // `gained` was told at some time, so `lost` must be
    boot_time renew_at{};
  };
  struct pending {
    ports::request_id id = 0;
    ports::lease_action action = ports::lease_action::read;
    instant expires;  // that the request asks for
    boot_time sent;
    boot_time deadline;
  };
  struct releasing {
    fencing_token token = 0;
    ports::request_id id = 0;  // 0: to be sent again
    boot_time sent{};
    boot_time deadline{};  // of the attempt
    boot_time give_up{};
  };

  void see_epoch(const std::string& epoch);
  void see_row(const reading& now, const std::optional<ports::lease_row>& row, lease_effects& out);
  void see_store(bool available, const std::string& text, lease_effects& out);
  void guard(const reading& now, lease_effects& out);
  void drive(const reading& now, lease_effects& out);
  void compete(const reading& now, lease_effects& out);
  void drop(const std::string& why, lease_effects& out);
  void give_up(const reading& now, const std::string& why, lease_effects& out);
  void hold(const reading& now, const ports::lease_row& row, lease_effects& out);
  void attempt_failed(const reading& now, const std::string& text, bool unknown,
                      lease_effects& out);
  void on_held_reply(const reading& now, const ports::lease_reply& reply, lease_effects& out);
  void submit(const reading& now, ports::lease_request request, lease_effects& out);
  void submit_create(const reading& now, lease_effects& out);
  void submit_acquire(const reading& now, lease_effects& out);
  void submit_renew(const reading& now, lease_effects& out);
  void submit_release(const reading& now, lease_effects& out);
  ports::lease_row own_row(const reading& now) const;
  bool trusted(const bounded_time& now) const;
  bool foreign_wait_over(const bounded_time& now) const;
  bool takeable(const bounded_time& now) const;
  instant foreign_wait_end() const;
  microseconds lease_max() const;
  boot_time next_competing_wake(const reading& now) const;
  boot_time when_takeable(const reading& now) const;
  boot_time next_look() const;

  lease_options options_;
  lease_self self_;
  base::random random_;

  std::optional<holding> held_;
  fencing_token dropped_ = 0;   // F10: this token and all before it are never acted under again
  fencing_token seen_ = 0;      // R5: the greatest heard of; survives a row that is deleted
  fencing_token released_ = 0;  // a token that the mesh says was released
  std::optional<pending> pending_;
  std::optional<releasing> releasing_;
  ports::request_id last_id_ = 0;

  bool row_known_ = false;
  std::optional<ports::lease_row> row_;
  std::optional<boot_time> row_as_of_;
  boot_time looked_at_{};  // when the last read was sent
  boot_time look_at_ = boot_time::never();
  std::string epoch_;
  std::optional<instant> epoch_seen_;  // F11: T0, `latest` of a reading after epoch_ was first seen
  microseconds lease_max_seen_{};
  std::int64_t version_used_ = 0;

  bool wanted_;
  bool resigned_ = false;
  bool refused_ = false;
  bool unsure_ = false;  // a take has an unknown outcome: the row may be ours
  bool store_ok_ = true;
  int failures_ = 0;
  fencing_token gone_looked_ = 0;
  unsigned rank_ = 0;
  boot_time retry_at_;
  boot_time stand_back_until_;
  std::optional<boot_time> takeable_since_;
  std::string foreign_announced_;  // epoch for which `waiting` was told
};

}  // namespace hedgerow::core
