#pragma once
// Every call ends once, in time, and truthfully: "not executed" was not, "replied" was, exactly
// once, under a lease that was valid at that instant.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <hedgerow/error.h>
#include <hedgerow/message.h>

#include "ports/handlers.h"
#include "sim/checkers/acts_checker.h"
#include "sim/endpoint.h"
#include "sim/kernel.h"
#include "sim/lives.h"

namespace hedgerow::sim {

class calls_checker {
 public:
  calls_checker(kernel& world, const acts_checker& acts, const lives& all)
      : world_(world), acts_(acts), lives_(all) {}

  // A call begins; its number is also its payload and its call_id.
  std::uint64_t begin(std::uint32_t process, message::request_kind kind, true_time deadline,
                      std::vector<incarnation> members);
  static std::string payload_of(std::uint64_t call);

  void on_executed(const endpoint& at, const ports::job& work);
  void on_send_done(std::uint32_t process, std::uint64_t call, const result<reply>& outcome);
  void on_broadcast_reply(std::uint32_t process, std::uint64_t call, const member_reply& answer);
  void on_broadcast_done(std::uint32_t process, std::uint64_t call);
  // Its process is gone: nobody waits for it any more.
  void on_gone(std::uint32_t process);
  // The engine says that all its calls have ended.
  void on_stopped(std::uint32_t process);
  // The deadline is over by more than timers may be late.
  void on_check(std::uint64_t call);

  // Whether the call was replied; for the liveness phase.
  bool replied(std::uint64_t call) const { return calls_[call].replied; }
  bool ended(std::uint64_t call) const { return calls_[call].ended; }
  std::uint64_t replies() const { return replies_; }
  std::uint64_t unknowns() const { return unknowns_; }
  std::uint64_t count() const { return calls_.size(); }

 private:
  struct execution {
    std::uint32_t process = 0;
    fencing_token token = 0;
  };
  struct record {
    std::uint32_t process = 0;
    message::request_kind kind = message::request_kind::send;
    bool ended = false;
    bool replied = false;
    bool voided = false;
    std::optional<call_outcome> outcome;  // of a send
    std::vector<execution> executions;
    std::vector<incarnation> awaited;   // of a broadcast: members without an answer
    std::vector<std::uint32_t> spared;  // of a broadcast: processes that surely did not execute it
  };

  void wrong(std::uint64_t number, const std::string& text);
  record* open_call(std::uint32_t process, std::uint64_t number, std::string_view what);
  void check_reply(std::uint64_t number, const record& c, const reply& r);

  kernel& world_;
  const acts_checker& acts_;
  const lives& lives_;
  std::vector<record> calls_;
  std::uint64_t replies_ = 0;
  std::uint64_t unknowns_ = 0;
};

}  // namespace hedgerow::sim
