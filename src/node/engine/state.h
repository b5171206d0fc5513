#pragma once
// The engine's inside: the cores, the ports, and the turn in which they meet.
//
// A turn is: read the clock once, hand the event to a core, carry out the effects until there are
// none, ask the cores when to wake. Effects of the lease come first: nobody hears of anything
// before a loss of leadership (R10). The parts are in lease_part.cc, members_part.cc and
// messages_part.cc.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "core/lease/lease.h"
#include "core/membership/observer.h"
#include "core/membership/session.h"
#include "core/membership/view_leader.h"
#include "core/messaging/calls.h"
#include "core/messaging/inbox.h"
#include "node/engine/alarm.h"
#include "node/engine/engine.h"
#include "node/engine/links.h"

namespace hedgerow::engine {

class engine::state {
 public:
  state(options with, ports_in_use ports, listener& owner, stream_listener& streams);

  // Runs `event` as a turn, or as a part of the turn that is running.
  template <class Event>
  void turn(Event event) {
    if (in_turn_) {
      event();
      return;
    }
    begin_turn();
    event();
    end_turn();
  }

  void start();
  void stop();
  void on_wake() { alarm_.rang(); }
  void send(call_id id, bytes payload, boot_time deadline);
  void broadcast(call_id id, const bytes& payload, boot_time deadline, bool skip_self);
  void on_lease_reply(ports::request_id id, const ports::lease_reply& reply);
  void on_view_reply(ports::request_id id, const ports::view_reply& reply);
  void on_open(ports::connection_id id, const ports::peer& who);
  void on_dial_failed(ports::connection_id id, ports::dial_failure why, const std::string& text);
  void on_message(ports::connection_id id, message::any&& what);
  void on_closed(ports::connection_id id, const std::string& why);
  void on_retired(ports::connection_id id);
  void on_job_done(ports::job_id id, ports::job_result&& outcome);
  stream_desk& desk() { return streams_; }
  bool takes_send_now() const { return !in_turn_ || sent_in_turn_ < sends_per_turn; }
  // Of the turn that is running.
  boot_time now() const { return now_.boot; }

  view_ptr view() const { return session_.current(); }
  bool knows_leader(const reading& now) const;
  leader_info leader(const reading& now) const;
  hedgerow::incarnation incarnation() const { return session_.self().incarnation; }
  const leadership_cell& cell() const { return cell_; }
  const ports_in_use& ports() const { return ports_; }

 private:
  // Where somebody leads, as this node has heard it.
  struct known_leader {
    core::target at;
    fencing_token token = 0;
    instant expires;
    bool gone = false;  // refused, or released
  };

  void begin_turn();
  void end_turn();
  void drain();
  void tick();
  bool drain_once();
  boot_time next_wake() const;
  ports::peer self_as_peer() const;
  hedgerow::incarnation fresh_incarnation();
  void say(severity level, const std::string& text) const;
  // Whether there was something to tell the owner.
  bool tell_clock();

  // lease_part.cc
  void carry_out(core::lease_effect::submit&& e);
  void carry_out(core::lease_effect::gained&& e);
  void carry_out(core::lease_effect::suspended&& e);
  void carry_out(core::lease_effect::lost&& e);
  void carry_out(core::lease_effect::released&& e);
  void carry_out(core::lease_effect::waiting&& e);
  void carry_out(core::lease_effect::refused&& e);
  void carry_out(core::lease_effect::store_status&& e);
  bool may_lead(const reading& now) const;
  // The token under which this node may act now; 0: none.
  fencing_token acting_token() const { return may_lead(now_) ? lease_.held_token() : 0; }
  void update_leadership();
  void announce(leadership_state next, fencing_token token);
  bool cut_off_from(const ports::lease_row& holder) const;
  void learn_from_row();
  void greet_waiting_leader();
  void tell_of_other_scale();
  void learn_leader(known_leader news);
  void extend_leader(instant expires);
  void forget_leader(const hedgerow::incarnation& who);
  // The token of a leader other than this node that may be asked for something; 0 is none.
  fencing_token leader_to_ask() const {
    return leader_.gone || leader_.at.incarnation == incarnation() ? 0 : leader_.token;
  }
  void update_rank();
  void tell_leader();

  // members_part.cc
  void carry_out(core::view_effect::submit&& e);
  void carry_out(core::view_effect::publish&& e);
  void carry_out(core::view_effect::verify&& e);
  void carry_out(core::view_effect::answer_join&& e);
  void carry_out(core::view_effect::show_view&& e);
  void carry_out(core::view_effect::name_taken&& e);
  void carry_out(core::view_effect::cut_off&& e);
  void carry_out(core::view_effect::beat&& e);
  void carry_out(core::view_effect::pull_views&& e);
  void carry_out(core::view_effect::stand_back&& e);
  void carry_out(core::view_effect::deposed&& e);
  void carry_out(core::view_effect::expelled&& e);
  void carry_out(core::view_effect::alarm&& e);
  void carry_out(core::session_effect::join&& e);
  void carry_out(core::session_effect::pull&& e);
  void carry_out(core::session_effect::changed&& e);
  void carry_out(core::session_effect::entered&& e);
  void carry_out(core::session_effect::evicted&& e);
  void carry_out(core::session_effect::failed&& e);
  void carry_out(core::session_effect::conflict&& e);
  void probe();
  void report();
  void follow_view();
  void compare_views(ports::connection_id from, const view_id& theirs);
  void handle(ports::connection_id from, message::probe&& m);
  void handle(ports::connection_id from, message::probe_ack&& m);
  void handle(ports::connection_id from, message::beat&& m);
  void handle(ports::connection_id from, message::report&& m);
  void handle(ports::connection_id from, message::view_push&& m);
  void handle(ports::connection_id from, message::view_pull&& m);
  void handle(ports::connection_id from, message::join&& m);
  void handle(ports::connection_id from, message::join_reply&& m);
  void handle(ports::connection_id from, message::leave&& m);
  void handle(ports::connection_id from, message::released&& m);
  void subject_refused(const core::target& who);

  // messages_part.cc
  void carry_out(core::call_effect::transmit&& e);
  void carry_out(core::call_effect::forget&& e);
  void carry_out(core::call_effect::send_done&& e);
  void carry_out(core::call_effect::broadcast_reply&& e);
  void carry_out(core::call_effect::broadcast_done&& e);
  void carry_out(core::inbox_effect::run&& e);
  void carry_out(core::inbox_effect::answer&& e);
  void handle(ports::connection_id from, message::request&& m);
  void handle(ports::connection_id from, message::reply&& m);
  void handle(ports::connection_id from, message::subscribe&& m);
  void handle(ports::connection_id from, message::leader_news&& m);
  // Never: on_message gives them to the desk.
  template <class StreamMessage>
  void handle(ports::connection_id /*from*/, StreamMessage&& /*m*/) {}
  // Ends an open connection as if the other side had.
  void give_up(ports::connection_id id);
  void settle(const links::outcome& o, const std::string& why, bool gone);
  core::authority authority() const;
  core::streams::authority stream_authority() const;
  void tell_subscribers_view();
  void tell_subscribers_leader();
  message::leader_news leader_news() const;
  void fail_for_good(const error& why);
  void fail_cut_off(const std::string& other, const std::string& address);
  void finish_stop();

  options options_;
  ports_in_use ports_;
  listener& owner_;
  base::random random_;

  reading now_;
  bool in_turn_ = false;
  static constexpr int sends_per_turn = 16;
  int sent_in_turn_ = 0;
  alarm alarm_;

  core::lease lease_;
  core::observer observer_;
  core::session session_;
  core::view_leader view_leader_;
  core::calls calls_;
  core::inbox inbox_;
  links links_;
  stream_desk streams_;

  core::lease_effects lease_effects_;
  core::view_effects view_effects_;
  core::session_effects session_effects_;
  core::call_effects call_effects_;
  core::inbox_effects inbox_effects_;
  // Empty but for their memory.
  core::lease_effects spare_lease_effects_;
  core::view_effects spare_view_effects_;
  core::session_effects spare_session_effects_;
  core::call_effects spare_call_effects_;
  core::inbox_effects spare_inbox_effects_;

  leadership_cell cell_;
  leadership_state announced_ = leadership_state::following;
  fencing_token announced_token_ = 0;
  known_leader leader_;
  leader_info told_leader_;
  // Who holds the lease, and may not lead yet.
  struct held_back {
    known_leader who;
    instant leads_after;
  };
  std::optional<held_back> waiting_leader_;
  bool told_of_scale_ = false;
  // Of the clock, as told last. An owner who was told nothing takes it for synchronized.
  struct {
    clock_status status = clock_status::synchronized;
    bool wide = false;
    std::string why;
    boot_time asked;  // for `why`, while it is not trusted
  } told_clock_;
  // Since this node stood back (C5): what each tenure after it came to, as far as is known.
  struct {
    fencing_token token = 0;   // its own; 0: it did not, or led again
    std::int64_t version = 0;  // of the row under that token
    std::int64_t others = 0;   // later tenures that stood back too
    fencing_token newest_other = 0;
    boot_time last;  // when one of them stood back, or this node did
  } stood_back_;
  // From one that stands back to the next, at most: whoever led for longer has heard most members,
  // and what was before him says nothing any more.
  nanoseconds stand_back_cycle() const {
    const auto& m = options_.membership;
    return options_.lease.lease + options_.lease.stand_back + 2 * m.silence() + m.hold_max +
           seconds{2};
  }

  bool join_asked_ = false;             // of the leader, and not answered
  ports::connection_id beat_from_ = 0;  // where the leader's newest beat came from
  std::uint64_t beat_nonce_ = 0;
  std::vector<hedgerow::incarnation> extra_subjects_;
  std::map<hedgerow::incarnation, ports::connection_id> joiners_;
  std::set<ports::connection_id> subscribers_;

  enum class stopping : std::uint8_t { no, leaving, stopped };
  stopping stopping_ = stopping::no;
  boot_time stop_deadline_ = boot_time::never();
  bool farewell_said_ = false;
};

}  // namespace hedgerow::engine
