#pragma once
// Which kinds of fault a run has hit, and how often. A kind that no run of a sweep has hit means
// that the simulator has gone blind somewhere.

#include <array>
#include <cstdint>
#include <string_view>

#include "base/probe.h"

namespace hedgerow::sim {

enum class fault : std::uint8_t {
  kill,                   // a process is gone, its host stays: refusals
  power_loss,             // a host is gone: silence
  reboot,                 // the one machine restarts: all processes, boot id, boot time
  graceful_stop,          //
  kill_all,               // every process at one instant
  restart,                // under the same name
  new_name,               // at an old address under a new name
  address_reuse,          // another life at an address that others still know
  twin_name,              // two live processes with one name
  pause,                  // SIGSTOP
  cut_pair,               // bytes are swallowed both ways
  cut_one_way,            //
  cut_group,              // the group falls apart
  break_both_ends,        // a connection ends, its ends hear of it at different times
  break_one_end,          // one end hears of it when it sends
  own_host_error,         // a dial fails for reasons of one's own host
  queue_full,             //
  latency_spike,          //
  dial_refused,           // nobody listens there
  dial_other,             // another incarnation answers
  dial_silent,            //
  store_failed,           // an error before execution
  store_unknown,          // executed, and the answer says "unknown"
  store_unknown_lost,     // not executed, and the answer says "unknown"
  store_silent,           // no answer at all
  store_late,             // executed long after the client gave up
  store_conflict,         // an error instead of the execution: it certainly did nothing
  store_outage,           // for everybody
  store_frozen_for_one,   //
  store_full,             // no write for a while; reads go on
  store_old_copy,         // some read a former primary, which takes no writes
  store_truncated,        // both rows of the group are gone at once
  store_restored,         // all rows from a dump, and another epoch; nobody is disconnected
  store_promoted,         // a new epoch
  store_sibling,          // promoted later than another of one primary, whom it never followed
  lease_row_rolled_back,  //
  view_row_rolled_back,   //
  lease_row_deleted,      //
  clock_unknown,          // any time at all, status unknown
  clock_disrupted,        //
  clock_wide,             // honest, but wider than allowed
  clock_error_moved,      // the interval grew or shrank
  clock_at_its_edge,      // the true instant is at one end of a host's readings for a whole run
  lease_differs,          // a process has a shorter one than others
  timer_late,             // by more than half a probe period
  timer_early,            //
  handler_slow,           // longer than half a lease
  handler_inline,         //
  handler_overloaded,     //
  handler_failed,         //
  client_came,            // a process that is no member
  // What happens to streams, and to connections with streams.
  stream_ended_well,          //
  stream_not_taken,           // in time
  stream_refused,             // by the user to whom it was offered
  stream_crowded_out,         // all windows of the connection belonged to others
  stream_lost_leader,         // leadership was lost, with messages that were not acknowledged
  stream_lost_connection,     // likewise
  stream_timed_out,           //
  stream_idle,                // for too long
  stream_stalled,             // its writer waits for its reader
  stream_lane_stuck,          // nothing leaves a connection for seconds
  stream_connection_retired,  //
  stream_long_message,        // longer than a first window
  stream_starved,             // a long message found no room in time
  count
};

inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(fault::count);
// Those that a swarm has or has not.
inline constexpr std::size_t drawn_kinds = static_cast<std::size_t>(fault::client_came);

std::string_view to_string(fault kind);

// How often each probe of the cores was passed.
using probe_tally = std::array<std::uint64_t, base::probes>;

class tally {
 public:
  void hit(fault kind) { ++counts_[static_cast<std::size_t>(kind)]; }
  std::uint64_t of(fault kind) const { return counts_[static_cast<std::size_t>(kind)]; }
  void add(fault kind, std::uint64_t hits) { counts_[static_cast<std::size_t>(kind)] += hits; }

 private:
  std::array<std::uint64_t, fault_kinds> counts_{};
};

}  // namespace hedgerow::sim
