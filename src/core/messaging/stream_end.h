#pragma once
// What is known of one end of a stream. Used by streams.cc and its parts only.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/fifo.h"
#include "core/messaging/calls.h"
#include "model/message.h"

namespace hedgerow::core {

struct stream_end_state {
  enum class stage : std::uint8_t { looking, asked, open };

  std::uint64_t id = 0;
  bool opener = false;
  stage now = stage::looking;
  message::request_kind kind = message::request_kind::send;
  std::uint64_t connection = 0;  // since `asked`
  std::uint64_t wire = 0;        // its number there
  fencing_token token = 0;       // of who has taken it

  // An opener's.
  std::optional<target> to;
  boot_time opening_deadline;
  std::map<std::string, std::string> metadata;
  bool leader_seen = false;
  int redirects = 0;
  std::string last_problem;

  boot_time deadline = boot_time::never();
  nanoseconds idle{};
  boot_time active;  // when data came or went last
  boot_time retry_at = boot_time::never();
  boot_time due = boot_time::never();  // as in the table of what is due

  // What this side sends. Bytes are positions in the sequence.
  base::fifo<slice> queue;
  std::uint64_t sent = 0;
  std::uint64_t sent_max = 0;  // by the other side's credit
  std::uint64_t messages = 0;  // written
  std::uint64_t acknowledged = 0;
  bool finished = false;  // the user is
  bool finish_sent = false;
  bool ready = false;  // in its line's `ready`

  // What it receives.
  std::uint64_t received = 0;
  std::uint64_t granted = 0;   // credit given: the other side sends up to here
  std::uint64_t consumed = 0;  // bytes, lengths included
  std::uint64_t messages_in = 0;
  std::uint64_t messages_consumed = 0;
  std::size_t window = 0;
  std::size_t usual = 0;         // the window between long messages
  std::size_t promised = 0;      // of its connection's budget
  std::uint64_t widened_at = 0;  // `consumed` when `usual` was doubled last
  bool unacknowledged = false;
  std::size_t starved_for = 0;  // the window that its message needs and does not have
  boot_time starved_until = boot_time::never();
  bool peer_finished = false;

  // The message that has not fully arrived.
  char length[message::stream_length_bytes] = {};
  std::uint8_t length_bytes = 0;
  std::size_t size = 0;
  std::string part;
};

}  // namespace hedgerow::core
