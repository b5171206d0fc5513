#include "tests/databases/witness.h"

#include <algorithm>
#include <stdexcept>

#include <poll.h>

#include "store/patience.h"

namespace hedgerow::databases_test {

using store::boot_now;

options node_options(const std::string& url, const std::string& group, const std::string& name,
                     milliseconds lease) {
  options with;
  with.store = url;
  with.group = group;
  with.name = name;
  with.lease = lease;
  with.clock = "declared:5ms";
  with.handler_threads = 1;
  return with;
}

std::unique_ptr<node> start_node(options with) {
  auto started = node::start(std::move(with));
  if (!started) throw std::runtime_error(started.error().message());
  return std::move(*started);
}

std::vector<std::string> members_of(const node& one) {
  std::vector<std::string> names;
  const view_ptr seen = one.view();  // held: the node may go on to the next one
  for (const member& each : seen->members) {
    if (each.state == member_state::up) names.push_back(each.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

witness::~witness() {
  {
    const std::lock_guard hold(lock_);
    stopped_ = true;
  }
  thread_.join();
}

void witness::watch(const node& one, int who) {
  const std::lock_guard hold(lock_);
  watched_[&one] = who;
}

void witness::forget(const node& one) {
  const std::lock_guard hold(lock_);
  watched_.erase(&one);
}

void witness::run() {
  for (boot_time last = boot_now();; last = boot_now()) {
    {
      const std::lock_guard hold(lock_);
      if (stopped_) return;
      for (const auto& [one, who] : watched_) {
        const boot_time begin = boot_now();
        const leadership now = one->leadership();
        if (now.leading()) record_.add({now.token, who, begin, boot_now()});
      }
    }
    poll(nullptr, 0, 1);
    pause_ = std::max(pause_.load(), (boot_now() - last).count());
  }
}

}  // namespace hedgerow::databases_test
