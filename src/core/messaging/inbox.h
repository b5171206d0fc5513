#pragma once
// Requests from others: admitted, handed to the user's handlers, answered once.
//
// Pure. A send is admitted only while this node leads (DESIGN 6); the worker asks R1 once more when
// it starts. Bounded: what does not fit is answered `overloaded` at once.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/id_table.h"
#include "model/message.h"
#include "ports/handlers.h"

namespace hedgerow::core {

// What admits requests now.
struct authority {
  bool leading = false;  // R1, on this turn's reading
  bool member = false;   // in the view
  bool stopping = false;
  fencing_token token = 0;          // of the lease that is held, if leading
  fencing_token view_token = 0;     // of the view, for broadcasts
  hedgerow::incarnation leader;     // where to go instead
  std::string_view leader_address;  // valid for the call
};

namespace inbox_effect {

struct run {
  ports::job_id id = 0;
  ports::job work;
};
struct answer {
  std::uint64_t connection = 0;
  message::reply reply;
};
using any = std::variant<run, answer>;

}  // namespace inbox_effect

using inbox_effects = std::vector<inbox_effect::any>;

class inbox {
 public:
  explicit inbox(std::string name) : name_(std::move(name)) {}

  // `connection` is handed back with the answer; 0 is this node itself.
  void on_request(boot_time now, std::uint64_t connection, message::request&& what,
                  const authority& may, inbox_effects& out);
  void on_job_done(ports::job_id id, ports::job_result&& outcome, inbox_effects& out);
  std::size_t running() const { return jobs_.size(); }

 private:
  struct job {
    std::uint64_t connection = 0;
    std::uint64_t request = 0;
    fencing_token token = 0;
    std::size_t size = 0;
  };

  std::string name_;
  base::id_table<job> jobs_;
  ports::job_id last_job_ = 0;
  std::size_t queued_bytes_ = 0;
};

}  // namespace hedgerow::core
