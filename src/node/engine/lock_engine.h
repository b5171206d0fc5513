#pragma once
// One candidate for one lock: feeds the lease core and carries out what it asks through the ports.
//
// Deterministic, so the simulator runs this very class. Confined to the loop's thread. No call of a
// port or of the listener is made from the constructor. It does nothing until it is asked for the
// lock, and for one tenure at a time.

#include <optional>
#include <string>

#include <hedgerow/error.h>
#include <hedgerow/leadership.h>

#include "core/lease/lease.h"
#include "node/engine/alarm.h"
#include "node/engine/leadership_cell.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/store.h"
#include "ports/timers.h"

namespace hedgerow::engine {

struct lock_options {
  std::string name;    // for words only: the store knows which row it is
  std::string holder;  // shown to others
  core::lease_options lease;
  nanoseconds release_patience = milliseconds{1500};  // until on_released, whatever the store does
  std::uint64_t seed = 0;  // of incarnation and jitter; must differ between candidates
};

// What a lock tells its owner. On the loop's thread, in order; may call the engine.
class lock_listener {
 public:
  virtual ~lock_listener() = default;
  // The answer to `acquire` or `attempt`: one of these two, once.
  virtual void on_acquired(fencing_token token) = 0;
  virtual void on_not_acquired(const error& why) = 0;
  // The answer to `release`, once: the store has acknowledged it, or patience is over and the row
  // runs out by itself.
  virtual void on_released() = 0;

  // Acquired, but not to be used now: the clock is not trusted. The same token may come back.
  virtual void on_suspended(fencing_token token) = 0;
  virtual void on_resumed(fencing_token token) = 0;
  // For good, before the lease can have passed on. Not after `release`.
  virtual void on_lost(fencing_token token, const std::string& why) = 0;
  // It may be used for longer than was told before.
  virtual void on_extended(fencing_token token) = 0;

  // It is acquired by nobody for so long: the row is new, or its store was replaced (R8, F11).
  virtual void on_waiting(milliseconds how_long, const std::string& why) = 0;
  // Once for each acquire that has to wait for another holder: hints (`look`) are welcome from now
  // on until its answer.
  virtual void on_queued() = 0;
  // The store has acknowledged that the row is free: other candidates may want to look.
  virtual void on_freed() = 0;
  virtual void on_store(bool available, const std::string& text) = 0;
};

// References outlive the engine.
struct lock_ports {
  ports::clock& clock;
  ports::store& store;
  ports::timers& timers;
  ports::log& log;
};

class lock_engine final : public ports::store_listener {
 public:
  lock_engine(lock_options with, lock_ports ports, lock_listener& owner);

  // Competes for the lock until it has it or `deadline` (absolute) is over. Answers then with
  // not_acquired, at any time with lease_too_long, which is final. Fails at once with
  // invalid_argument, and without an answer, if it is held, wanted or being released already.
  result<void> acquire(boot_time deadline);
  // As acquire, but answers as soon as the store has said that it can't be had now.
  result<void> attempt();
  // Gives it up: nothing acts under its token from the return of this call on (R7). Answers an open
  // acquire with errc::stopped. At any time; while a release is open it adds nothing.
  void release();
  // The row may have changed.
  void look();
  // The wake-up that was asked of the timer port. May come early, late, or unasked.
  void on_wake();

  // R1 on a fresh reading, from any thread: leadership_cell::judge.
  const leadership_cell& cell() const { return cell_; }
  hedgerow::incarnation incarnation() const { return incarnation_; }

  void on_lease_reply(ports::request_id id, const ports::lease_reply& reply) override;
  void on_view_reply(ports::request_id, const ports::view_reply&) override {}

 private:
  enum class stage : std::uint8_t { free, acquiring, held, releasing };

  template <class Event>
  void turn(Event event);
  result<void> begin(boot_time deadline, bool attempt);
  void end_turn();
  void drain();
  void follow_stage();
  boot_time next_wake() const;
  void update_cell();
  void answer_no(const error& why);
  std::string why_not() const;
  std::string after_waits(const std::string& why, instant over) const;
  void say(severity level, const std::string& text) const;

  void carry_out(core::lease_effect::submit&& e);
  void carry_out(core::lease_effect::gained&& e);
  void carry_out(core::lease_effect::suspended&& e);
  void carry_out(core::lease_effect::lost&& e);
  void carry_out(core::lease_effect::released&& e);
  void carry_out(core::lease_effect::waiting&& e);
  void carry_out(core::lease_effect::refused&& e);
  void carry_out(core::lease_effect::store_status&& e);

  lock_options options_;
  lock_ports ports_;
  lock_listener& owner_;
  hedgerow::incarnation incarnation_;
  core::lease lease_;
  core::lease_effects effects_;
  leadership_cell cell_;

  reading now_;
  bool in_turn_ = false;
  alarm alarm_;

  stage stage_ = stage::free;
  boot_time began_;                          // of the acquire
  boot_time deadline_ = boot_time::never();  // of the acquire or the release
  bool attempt_ = false;
  bool queued_ = false;
  fencing_token token_ = 0;
  instant told_until_;
  std::string store_trouble_;     // empty while it answers
  std::optional<error> refused_;  // for good
};

}  // namespace hedgerow::engine
