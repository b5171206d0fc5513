#include "node/lock_space.h"

#include <vector>

#include "node/clock_choice.h"
#include "node/open_store.h"

namespace hedgerow {

result<void> lock_space::impl::open() {
  auto where = store::parse_url(with_.store);
  if (!where) return tl::unexpected(std::move(where).error());
  where_ = std::move(*where);
  auto clock = open_chosen_clock(with_.clock, with_.store);
  if (!clock) return tl::unexpected(std::move(clock).error());
  clock_ = std::move(*clock);
  auto opened =
      open_store(where_, {.clock_epoch = clock_->epoch(),
                          .views = false,
                          .open_patience = with_.open_timeout,
                          .warn = [this](const std::string& text) {
                            loop_.post([this, text] { log_.write(severity::warning, text); });
                          }});
  if (!opened) return tl::unexpected(std::move(opened).error());
  lanes_ = std::move(*opened);
  loop_.on_wake([this] { on_wake(); });
  // The thread owns all this too: the last lock may end on it.
  thread_ = std::thread([self = shared_from_this()] { self->loop_.run(); });
  return {};
}

void lock_space::impl::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  if (loop_.on_loop_thread()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

std::shared_ptr<lock_candidate> lock_space::impl::make(lock_options with) {
  // Not `self`: nothing is posted once the candidate is gone, and it goes first.
  return std::make_shared<lock_candidate>(
      lock_candidate::surroundings{
          *this, *clock_, log_, lanes_,
          [this](std::function<void()> task) { loop_.post(std::move(task)); }},
      std::move(with));
}

void lock_space::impl::add(const std::shared_ptr<lock_candidate>& who,
                           std::shared_ptr<lock_space> keep_alive) {
  residents_[who.get()] = {who, std::move(keep_alive)};
  by_name_[who->name()].insert(who.get());
}

void lock_space::impl::wake_at(lock_candidate& who, boot_time at) {
  const auto it = residents_.find(&who);
  if (it == residents_.end()) return;
  wakes_.erase({it->second.wakes_at, &who});
  it->second.wakes_at = at;
  if (at != boot_time::never()) wakes_.emplace(at, &who);
  if (!wakes_.empty()) loop_.wake_at(wakes_.begin()->first);
}

void lock_space::impl::on_wake() {
  const boot_time now = net::boot_now();
  std::vector<lock_candidate*> due;
  while (!wakes_.empty() && wakes_.begin()->first <= now) {
    due.push_back(wakes_.begin()->second);
    residents_[due.back()].wakes_at = boot_time::never();
    wakes_.erase(wakes_.begin());
  }
  // None of them goes meanwhile: that is a task of its own, see `closed`.
  for (auto* one : due)
    one->on_wake();
  if (!wakes_.empty()) loop_.wake_at(wakes_.begin()->first);
}

void lock_space::impl::freed(lock_candidate& who) {
  for (auto* other : by_name_[who.name()]) {
    if (other != &who) other->look();
  }
}

void lock_space::impl::queued(lock_candidate& who, bool waits) {
  if (!waits) {
    queue_.erase(&who);
  } else if (queue_.insert(&who).second && !watch_) {
    watch_ = watch_store(where_, [this] { loop_.post([this] { look_all(); }); });
  }
  if (queue_.empty()) watch_.reset();
}

void lock_space::impl::look_all() {
  // A look may bring an answer, and that takes it out of the queue.
  for (auto* one : std::vector<lock_candidate*>(queue_.begin(), queue_.end()))
    one->look();
}

void lock_space::impl::closed(lock_candidate& who, std::function<void()> done) {
  // A task of its own: this call comes from within the candidate.
  loop_.post([this, gone = &who, done = std::move(done)] {
    queued(*gone, false);
    gone->forget_store();
    const auto it = residents_.find(gone);
    wakes_.erase({it->second.wakes_at, gone});
    auto& namesakes = by_name_[gone->name()];
    namesakes.erase(gone);
    if (namesakes.empty()) by_name_.erase(gone->name());
    // Its end may be the space's, and then this loop ends after this task.
    auto last = std::move(it->second);
    residents_.erase(it);
    last = {};
    done();
  });
}

lock_space::lock_space(std::shared_ptr<impl> i) : impl_(std::move(i)) {}

lock_space::~lock_space() {
  impl_->stop();
}

result<std::shared_ptr<lock_space>> lock_space::open(lock_space_options with) {
  return or_refusal([&]() -> result<std::shared_ptr<lock_space>> {
    auto inside = std::make_shared<impl>(std::move(with));
    if (auto ok = inside->open(); !ok) return tl::unexpected(std::move(ok).error());
    return std::shared_ptr<lock_space>(new lock_space(std::move(inside)));
  });
}

}  // namespace hedgerow
