#pragma once
// What `agent` and `watch` tell while they run: one line for each thing that happened.

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include <hedgerow/leadership.h>
#include <hedgerow/member.h>

#include "tools/json.h"
#include "tools/line_writer.h"

namespace hedgerow::tools {

// Thread-safe; no call blocks. With `as_json`, one object a line with "event" and "time"; else
// words for people, after the local time of day if `with_time`.
class event_printer {
 public:
  event_printer(line_writer& out, bool as_json, bool with_time)
      : out_{out}, as_json_{as_json}, with_time_{with_time} {}

  void ready(const member& self);
  void view(const view_change& change);
  void leader(const leader_info& who);
  void expect_leader(const leader_info& who);  // for the flags of members; prints nothing
  void leadership(const hedgerow::leadership& mine);
  void evicted(removal_reason reason);
  void store(bool available, std::string_view text);
  void clock(std::string_view source, std::string_view status, std::string_view text);
  void waiting(std::chrono::milliseconds how_long, std::string_view why);

 private:
  void print(std::string_view event, const json& fields, const std::string& words);

  line_writer& out_;
  const bool as_json_;
  const bool with_time_;
  std::mutex mutex_;
  leader_info leader_;  // the latest told; flags the leader among a view's members
};

}  // namespace hedgerow::tools
