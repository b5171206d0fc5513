#pragma once
// From a command's options to a client of the group.

#include <chrono>
#include <memory>

#include <hedgerow/client.h>

#include "tools/options.h"

namespace hedgerow::tools {

// What is left of --timeout, which counts from when this was made. Never negative.
class time_budget {
 public:
  explicit time_budget(std::chrono::milliseconds whole)
      : end_{std::chrono::steady_clock::now() + whole} {}
  std::chrono::milliseconds left() const;

 private:
  std::chrono::steady_clock::time_point end_;
};

client_options client_options_of(const shared_options& shared);

// Where agents are looked up in the store, its own trouble explains more than that none was found.
error why_unreachable(const shared_options& shared, const error& why);

// Started, and connected within the budget.
result<std::unique_ptr<client>> connect(const shared_options& shared, const time_budget& budget);

}  // namespace hedgerow::tools
