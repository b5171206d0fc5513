#pragma once
// The handler port: where a request goes to be executed by the user's code.

#include <optional>
#include <string>

#include "model/message.h"

namespace hedgerow::ports {

using job_id = std::uint64_t;

struct job {
  message::request_kind kind = message::request_kind::send;
  std::string from;
  fencing_token token = 0;  // send: of the lease under which it is to run; broadcast: of the view
  boot_time deadline;       // of the caller
  bytes payload;
};

struct job_result {
  message::reply_status status = message::reply_status::ok;
  bytes payload;
};

class handler_listener {
 public:
  virtual ~handler_listener() = default;
  virtual void on_job_done(job_id id, job_result outcome) = 0;
};

class handlers {
 public:
  virtual ~handlers() = default;

  // Runs the job. A result means that it ran inside the call (a handler declared non-blocking);
  // else on_job_done comes later, once, on the loop's thread. A worker that is about to start a
  // send job checks R1 again first, and answers `expired` if the lease is over by then.
  // Bounded: a full queue answers `overloaded` at once.
  virtual std::optional<job_result> run(job_id id, const job& work) = 0;

  // Jobs that run for a send under a token lower than `token` should be cut off: leadership ended.
  virtual void leadership_ended(fencing_token token) = 0;
};

}  // namespace hedgerow::ports
