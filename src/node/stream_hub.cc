#include "node/stream_hub.h"

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "model/limits.h"
#include "node/host.h"
#include "node/thread_shares.h"

namespace hedgerow {
namespace {

using message::stream_code;

constexpr milliseconds farewell{500};

result<void> check(const stream_options& how) {
  std::size_t size = 0;
  for (const auto& [key, value] : how.metadata) {
    if (key.empty()) return fail(errc::invalid_argument, "an entry of the metadata has no key");
    size += key.size() + value.size();
  }
  if (how.metadata.size() > limits::metadata_max || size > limits::metadata_bytes_max) {
    return fail(errc::invalid_argument, "the metadata has " + std::to_string(how.metadata.size()) +
                                            " entries and " + std::to_string(size) +
                                            " bytes; at most " +
                                            std::to_string(limits::metadata_max) + " and " +
                                            std::to_string(limits::metadata_bytes_max) + " fit");
  }
  if (how.opening.count() <= 0)
    return fail(errc::invalid_argument, "the time for opening a stream must be positive");
  if (how.timeout.count() < 0 || how.idle_timeout.count() < 0)
    return fail(errc::invalid_argument, "a stream's timeouts must not be negative; 0 is none");
  return {};
}

core::stream_request request_of(const stream_options& how, const std::optional<core::target>& to) {
  core::stream_request what;
  what.kind = to ? message::request_kind::broadcast : message::request_kind::send;
  what.to = to;
  what.opening_deadline = deadline_after(how.opening);
  if (how.timeout.count() > 0) what.deadline = deadline_after(how.timeout);
  what.idle = countable(how.idle_timeout);
  what.metadata = how.metadata;
  return what;
}

// The user's handle: when its last copy goes, the end is abandoned.
stream handle_of(const std::shared_ptr<stream::cell>& of) {
  struct holder {
    explicit holder(std::shared_ptr<stream::cell> cell) : held(std::move(cell)) {}
    holder(const holder&) = delete;
    holder& operator=(const holder&) = delete;
    ~holder() { held->abandon(); }
    std::shared_ptr<stream::cell> held;
  };
  const auto guard = std::make_shared<holder>(of);
  of->handles = guard;
  return stream(std::shared_ptr<stream::cell>(guard, of.get()));
}

// For a callback: a copy of it counts as a handle, too, as long as there is one.
stream passing_handle_of(const std::shared_ptr<stream::cell>& of) {
  const auto guard = of->handles.lock();
  return stream(guard ? std::shared_ptr<stream::cell>(guard, of.get()) : of);
}

// What is told of an end by whoever ends the loop.
void end_without_loop(const std::shared_ptr<stream::cell>& of, const char* why) {
  const stream_end how{fail(errc::stopped, why), of->acknowledged()};
  const auto told = of->events().on_end;
  if (of->end(how) && told) {
    stream self(of);
    try {
      told(self, how);
    } catch (...) {
      // There is nothing left to cancel.
    }
  }
  of->call_back({});
}

// A post that is dropped ends what it was to open.
struct opening {
  opening(std::shared_ptr<stream::cell> cell, core::stream_request&& request)
      : of(std::move(cell)), what(std::move(request)) {}
  opening(const opening&) = delete;
  opening& operator=(const opening&) = delete;

  std::shared_ptr<stream::cell> of;
  core::stream_request what;
  bool begun = false;

  ~opening() {
    if (!begun) end_without_loop(of, "stopped before the stream was opened");
  }
};

}  // namespace

// Of handlers that block; shared with threads that outlive the hub.
struct stream_hub::threads {
  explicit threads(unsigned most) : shares(most) {}

  std::mutex lock;
  std::condition_variable left;
  thread_shares shares;  // guarded by lock
};

bool stream_gate::on_loop() {
  const std::lock_guard hold(lock);
  return hub != nullptr && hub->on_loop();
}

stream_hub::stream_hub(setup with)
    : with_(std::move(with)), threads_(std::make_shared<threads>(with_.threads)) {
  gate_->hub = this;
}

void stream_hub::refuse() {
  const std::lock_guard hold(gate_->lock);
  gate_->refusing = true;
}

void stream_hub::close() {
  {
    const std::lock_guard hold(gate_->lock);
    gate_->refusing = true;
    gate_->hub = nullptr;
  }
  for (const auto& [id, each] : std::exchange(cells_, {}))
    end_without_loop(each, "this was stopped");
  std::unique_lock hold(threads_->lock);
  threads_->left.wait_for(hold, farewell, [this] { return threads_->shares.taken() == 0; });
}

result<stream> stream_hub::open(const stream_options& how, const std::optional<core::target>& to) {
  if (auto ok = check(how); !ok) return tl::unexpected(std::move(ok).error());
  auto what = request_of(how, to);
  const auto made = std::make_shared<stream::cell>(stream::cell::setup{
      gate_, with_.message_bytes_max, true, how.metadata, what.deadline, nullptr});
  made->call_back(how.events);
  // Before the loop has it: its callbacks pass it on.
  stream handle = handle_of(made);
  if (!start(made, std::move(what))) return fail(errc::stopped, "this was stopped");
  return handle;
}

result<std::vector<member_stream>> stream_hub::open_to(const stream_options& how,
                                                       const std::vector<member>& members) {
  std::vector<member_stream> all;
  for (const auto& m : members) {
    auto one = open(how, core::target{m.name, m.address, m.incarnation});
    if (!one) return tl::unexpected(std::move(one).error());
    all.push_back({m.name, m.incarnation, std::move(*one)});
  }
  return all;
}

// Always by a post: a callback must not come before the caller has its handle.
bool stream_hub::start(const std::shared_ptr<stream::cell>& of, core::stream_request&& what) {
  const std::lock_guard hold(gate_->lock);
  if (gate_->refusing) return false;
  const auto task = std::make_shared<opening>(of, std::move(what));
  with_.loop.post([this, task] {
    task->begun = true;
    // Found before it is opened: it may end within the call.
    const auto id = engine_->new_stream_id();
    cells_.emplace(id, task->of);
    engine_->open_stream(id, std::move(task->what));
    // Not before: what a callback of another stream writes meanwhile would find no stream.
    task->of->id = id;
    take_news(task->of);
  });
  return true;
}

// The loop runs no more when this goes: what is posted finds it, or does not run.
void stream_hub::on_news(std::shared_ptr<stream::cell> of) {
  if (!on_loop()) {
    with_.loop.post([this, of = std::move(of)] { take_news(of); });
    return;
  }
  newsworthy_.push_back(std::move(of));
  if (taking_) return;
  taking_ = true;
  with_.loop.post([this] { take_news(); });
}

void stream_hub::take_news(const std::shared_ptr<stream::cell>& of) {
  newsworthy_.push_back(of);
  if (!taking_) take_news();
}

void stream_hub::take_news() {
  // What comes meanwhile comes into the same list: a callback within these calls of the engine that
  // writes to the stream in hand would overtake what is left of it here.
  taking_ = true;
  // With both ends here each piece of news may bring the next: the loop must get its turn.
  const std::size_t count = newsworthy_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto each = newsworthy_[i];
    take_news_of(*each);
  }
  newsworthy_.erase(newsworthy_.begin(), newsworthy_.begin() + static_cast<std::ptrdiff_t>(count));
  taking_ = !newsworthy_.empty();
  if (taking_) with_.loop.post([this] { take_news(); });
}

// Within the engine's turn, which does not end before all that follows from it here.
void stream_hub::take_news_in_turn() {
  constexpr unsigned turns_max = 64;
  if (++taken_in_turn_ % turns_max != 0) {
    take_news();
  } else {
    with_.loop.post([this] { take_news(); });
  }
}

void stream_hub::take_news_of(stream::cell& of) {
  if (of.id == 0) return;  // its opening is on its way, and looks
  auto news = of.take_news();
  auto& to = *engine_;
  for (auto& piece : news.pieces)
    to.stream_write(of.id, std::move(piece.data), piece.messages);
  if (news.consumed > 0) to.stream_consumed(of.id, news.consumed, news.consumed_bytes);
  if (news.cancel) {
    to.stream_cancel(of.id, news.cancel->first, news.cancel->second);
  } else if (news.finish) {
    to.stream_finish(of.id);
  }
}

std::shared_ptr<stream::cell> stream_hub::find(core::stream_id id) const {
  const auto it = cells_.find(id);
  return it == cells_.end() ? nullptr : it->second;
}

template <class Callback, class... Arguments>
void stream_hub::call(const std::shared_ptr<stream::cell>& of, const Callback& callback,
                      Arguments&&... arguments) {
  if constexpr (std::is_constructible_v<bool, const Callback&>) {
    if (!callback) return;
  }
  const bool outer = !std::exchange(taking_, true);
  stream self = passing_handle_of(of);
  try {
    callback(self, std::forward<Arguments>(arguments)...);
  } catch (...) {
    of->cancel(stream_code::handler_failed, thrown_by("a callback"));
  }
  if (!outer) return;
  if (newsworthy_.empty()) {
    taking_ = false;
  } else {
    take_news_in_turn();
  }
}

void stream_hub::on_stream_offered(core::stream_id id, core::stream_offer&& what) {
  const bool to_leader = what.kind == message::request_kind::send;
  const auto made = std::make_shared<stream::cell>(
      stream::cell::setup{gate_, with_.message_bytes_max, false, std::move(what.metadata),
                          what.deadline, to_leader ? with_.may_act : nullptr});
  made->id = id;
  made->opened(what.from, what.token);
  cells_.emplace(id, made);
  run(made, to_leader ? with_.to_leader : with_.to_member, what.connection);
}

void stream_hub::run(const std::shared_ptr<stream::cell>& of, const stream_handler& with,
                     std::uint64_t connection) {
  if (with.accept) {
    stream self = handle_of(of);
    call(of, [&](stream&) { of->call_back(with.accept(self)); });
    return;
  }
  if (!with.call) {
    engine_->stream_cancel(of->id, stream_code::handler_failed,
                           with_.name + " has no handler for streams");
    return;
  }
  const auto place = [&] {
    const std::lock_guard hold(threads_->lock);
    return threads_->shares.take(connection);
  }();
  if (place != thread_shares::answer::taken) {
    const bool all = place == thread_shares::answer::none_free;
    engine_->stream_cancel(of->id, stream_code::overloaded,
                           with_.name + (all ? " runs as many stream handlers as it may"
                                             : " runs as many stream handlers for one connection "
                                               "as it may, and keeps the others free"));
    return;
  }
  try {
    std::thread(run_handler(of, with.call, connection)).detach();
  } catch (const std::system_error&) {
    {
      const std::lock_guard hold(threads_->lock);
      threads_->shares.give_back(connection);
    }
    engine_->stream_cancel(of->id, stream_code::overloaded,
                           with_.name + " can start no thread for a stream handler");
  }
}

std::function<void()> stream_hub::run_handler(const std::shared_ptr<stream::cell>& of,
                                              const std::function<result<void>(stream&)>& handler,
                                              std::uint64_t connection) const {
  return [of, handler, connection, counted = threads_] {
    stream self(of);
    result<void> outcome;
    try {
      outcome = handler(self);
    } catch (...) {
      outcome = fail(errc::handler_failed, thrown_by("the handler"));
    }
    if (outcome) {
      of->handler_returned();
    } else {
      of->cancel(stream_code::handler_failed, outcome.error().message());
    }
    const std::lock_guard hold(counted->lock);
    counted->shares.give_back(connection);
    counted->left.notify_all();
  };
}

void stream_hub::on_stream_open(core::stream_id id, const std::string& from, fencing_token token) {
  const auto of = find(id);
  if (!of) return;
  of->opened(from, token);
  call(of, of->events().on_open);
}

void stream_hub::on_stream_messages(core::stream_id id, slice&& block, bool framed) {
  const auto of = find(id);
  if (!of) return;
  std::pair<std::uint64_t, std::size_t> done{};
  call(of, [&](stream& self) { done = of->arrived(self, std::move(block), framed); });
  if (done.first > 0) engine_->stream_consumed(id, done.first, done.second);
}

void stream_hub::on_stream_finished(core::stream_id id) {
  const auto of = find(id);
  if (!of) return;
  of->peer_finished();
  call(of, of->events().on_finished);
}

void stream_hub::on_stream_taken(core::stream_id id, std::size_t count) {
  const auto of = find(id);
  if (of && of->taken(count)) call(of, of->events().on_writable);
}

void stream_hub::on_stream_acknowledged(core::stream_id id, std::uint64_t messages) {
  const auto of = find(id);
  if (!of) return;
  of->acknowledged_up_to(messages);
  call(of, of->events().on_acknowledged, messages);
}

void stream_hub::on_stream_end(core::stream_id id, stream_end&& how) {
  const auto it = cells_.find(id);
  if (it == cells_.end()) return;
  const auto of = std::move(it->second);
  cells_.erase(it);
  if (of->end(how)) call(of, of->events().on_end, how);
  of->call_back({});
}

}  // namespace hedgerow
