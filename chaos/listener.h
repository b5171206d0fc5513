#pragma once
// The side of a worker that others call: what it is told, and what it executes for others.

#include <string>

#include <hedgerow/options.h>

#include "chaos/history.h"
#include "chaos/identity.h"

namespace hedgerow::chaos {

// All of its methods run on the node's threads. Must outlive the node.
class listener {
 public:
  listener(history& into, identity& self) : into_(into), self_(self) {}

  // Sets the handlers and notifications.
  void attach(options& with);

 private:
  result<std::string> execute(const message_view& what);
  stream_events accept(const stream& what, bool to_all);
  void on_leadership(const leadership& now);
  void on_view(const view_change& change);

  history& into_;
  identity& self_;
  std::string name_;
  fencing_token held_ = 0;  // the loop's
};

}  // namespace hedgerow::chaos
