#pragma once
// The calls that this node or client has open: sends to the leader and broadcasts.
//
// Pure. Every call ends in exactly one of three ways (DESIGN 6): replied; not executed, certainly;
// or unknown. Only what was certainly not executed is tried again, within the deadline, on the new
// leader if need be.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <hedgerow/message.h>

#include "base/id_table.h"
#include "model/message.h"

namespace hedgerow::core {

using call_id = std::uint64_t;

// Where a request goes.
struct target {
  std::string name;
  std::string address;
  hedgerow::incarnation incarnation;
};

namespace call_effect {

// Carry this request there; tell on_sent when it leaves this process, and on_unsent, on_reply or
// on_cut, once.
struct transmit {
  std::shared_ptr<const target> to;
  message::request request;
};
// The caller does not wait any more: what has not left must never leave.
struct forget {
  hedgerow::incarnation to;
  std::uint64_t request = 0;
};
struct send_done {
  call_id id = 0;
  result<reply> outcome;
};
struct broadcast_reply {
  call_id id = 0;
  member_reply answer;
};
struct broadcast_done {
  call_id id = 0;
};
using any = std::variant<transmit, forget, send_done, broadcast_reply, broadcast_done>;

}  // namespace call_effect

using call_effects = std::vector<call_effect::any>;

class calls {
 public:
  calls(std::string from, std::size_t payload_bytes_max)
      : from_(std::move(from)), payload_bytes_max_(payload_bytes_max) {}

  void send(boot_time now, call_id id, bytes payload, boot_time deadline, call_effects& out);
  void broadcast(boot_time now, call_id id, const bytes& payload, boot_time deadline,
                 std::vector<target> to, call_effects& out);

  // Whoever leads now, as far as is known. Waiting sends go there.
  void on_leader(boot_time now, const std::optional<target>& leader, call_effects& out);
  void on_reply(boot_time now, message::reply&& answer, call_effects& out);
  void on_sent(std::uint64_t request);
  // It never left this process. `gone`: nobody listens there, so a broadcast need not try again.
  void on_unsent(boot_time now, std::uint64_t request, const std::string& why, bool gone,
                 call_effects& out);
  // Its connection ended after it had been sent.
  void on_cut(boot_time now, std::uint64_t request, const std::string& why, call_effects& out);
  void tick(boot_time now, call_effects& out);
  // Ends all: what was sent is unknown, the rest was not executed. New calls fail.
  void stop(call_effects& out);

  std::size_t open() const { return parts_.size(); }
  boot_time next_wake() const { return due_.empty() ? boot_time::never() : due_.front().at; }

 private:
  // A send, or a broadcast's share for one member.
  struct part {
    call_id call = 0;
    message::request_kind kind = message::request_kind::send;
    bytes payload;
    boot_time deadline;
    std::shared_ptr<const target> to;    // send: whom it was sent to last; broadcast: its member
    bool in_flight = false;              // handed over, answer awaited
    bool sent = false;                   // and it has left: its outcome may be unknown
    bool leader_seen = false;            // send: some leader was known at some time
    boot_time due = boot_time::never();  // deadline, or the next attempt
    std::string last_problem;
    nanoseconds pause{};  // before the last attempt; zero: there was none, or elsewhere
    int redirects = 0;
  };
  struct due_entry {
    boot_time at;
    std::uint64_t request = 0;
  };

  void transmit(boot_time now, std::uint64_t request, part& p, call_effects& out);
  void attempt(boot_time now, std::uint64_t request, part& p, call_effects& out);
  void retry(boot_time now, std::uint64_t request, part& p, const std::string& why,
             call_effects& out);
  void schedule(std::uint64_t request, part& p, boot_time at);
  static bool is_later(const due_entry& a, const due_entry& b);
  bool is_stale(const due_entry& each) const;
  void clean_due();
  void turned_away(boot_time now, std::uint64_t request, part& p, const message::reply& answer,
                   call_effects& out);
  void abandon(std::uint64_t request, const part& p, const std::string& why, call_effects& out);
  void finish(std::uint64_t request, result<reply>&& outcome, call_effects& out);
  error not_executed(const part& p) const;
  static error unknown(const std::string& why);

  std::string from_;
  std::size_t payload_bytes_max_;
  std::uint64_t last_request_ = 0;
  bool stopped_ = false;
  std::shared_ptr<const target> leader_;  // shared with what was sent to it
  base::id_table<part> parts_;            // by request id
  // A heap, the next one in front. What is not due any more stays in it, but never in front.
  std::vector<due_entry> due_;
  std::map<call_id, std::size_t> broadcasts_;  // members still to answer
};

}  // namespace hedgerow::core
