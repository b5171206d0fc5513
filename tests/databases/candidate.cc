#include "tests/databases/candidate.h"

#include <stdexcept>
#include <utility>
#include <variant>

#include <poll.h>

#include "store/patience.h"
#include "store/postgres/postgres_connection.h"
#include "tests/postgres/wait.h"

namespace hedgerow::databases_test {
namespace {

using store::boot_now;

constexpr nanoseconds act_period = std::chrono::microseconds{500};

core::lease_options options_of(const candidate_setup& with) {
  core::lease_options options;
  options.lease = with.lease;
  options.max_error = 2 * with.bound + microseconds{1000};
  options.poll_period = with.lease / 4;
  return options;
}

std::shared_ptr<store::lanes> connect(const std::string& url) {
  const auto to = store::postgres::parse(url);
  if (!to) throw std::runtime_error(to.error().message());
  auto opened =
      store::lanes::open({.connect =
                              [to = *to] {
                                return std::make_unique<store::postgres::postgres_connection>(
                                    store::postgres::postgres_connection::options{to, "", {}});
                              },
                          .views = false,
                          .may_be_absent = true,
                          .open_patience = seconds(10),
                          .name = to->name});
  if (!opened) throw std::runtime_error(opened.error().message());
  return std::move(*opened);
}

}  // namespace

class candidate::replies final : public ports::store_listener {
 public:
  explicit replies(candidate& to) : to_(to) {}
  void on_lease_reply(ports::request_id id, const ports::lease_reply& reply) override {
    to_.unknown_ += reply.outcome == ports::store_outcome::unknown ? 1 : 0;
    to_.failed_ += reply.outcome == ports::store_outcome::failed ? 1 : 0;
    to_.lease_.on_reply(to_.clock(), id, reply, to_.effects_);
    to_.carry_out();
  }
  void on_view_reply(ports::request_id, const ports::view_reply&) override {}

 private:
  candidate& to_;
};

candidate::candidate(candidate_setup with, databases_test::acts& record)
    : with_(std::move(with)),
      record_(record),
      lanes_(connect(with_.url)),
      listener_(std::make_unique<replies>(*this)),
      store_(std::make_unique<store::row_store>(
          lanes_, with_.row, listener_.get(),
          [this](std::function<void()> call) { post(std::move(call)); })),
      lease_(options_of(with_),
             {"candidate " + std::to_string(with_.who),
              {with_.seed, static_cast<std::uint64_t>(with_.who)},
              {},
              "utc"},
             with_.seed * 1000 + static_cast<std::uint64_t>(with_.who)),
      chance_(with_.seed * 77 + static_cast<std::uint64_t>(with_.who)),
      thread_([this] { run(); }) {}

candidate::~candidate() {
  {
    const std::lock_guard hold(lock_);
    stopped_ = true;
    news_.notify_one();
  }
  thread_.join();
  store_.reset();
}

reading candidate::clock() const {
  const boot_time now = boot_now();
  const instant middle{scale_begin_us + now.ns / 1000 + with_.skew.count()};
  return {{middle - with_.bound, middle + with_.bound, clock_status::synchronized, middle.us}, now};
}

void candidate::post(std::function<void()> call) {
  const std::lock_guard hold(lock_);
  calls_.push_back(std::move(call));
  news_.notify_one();
}

void candidate::want(bool wanted) {
  post([this, wanted] {
    lease_.want(clock(), wanted, effects_);
    carry_out();
  });
}

bool candidate::wait_acts(milliseconds patience) const {
  return postgres_test::wait_for([this] { return acts(); }, patience);
}

bool candidate::wait_idle(milliseconds patience) const {
  return postgres_test::wait_for([this] { return !acts(); }, patience);
}

std::vector<told> candidate::history() const {
  const std::lock_guard hold(lock_);
  return history_;
}

void candidate::run() {
  for (;;) {
    std::deque<std::function<void()>> calls;
    {
      const std::lock_guard hold(lock_);
      if (stopped_) break;
      calls.swap(calls_);
    }
    for (const auto& call : calls)
      call();
    turn();
    const reading now = clock();
    boot_time until = std::max(lease_.next_wake(now), now.boot + microseconds{200});
    if (token_ != 0) until = std::min(until, now.boot + act_period);
    if (with_.releases || with_.pause_max.count() > 0) until = std::min(until, moody_at_);
    sleep_until(std::min(until, wanted_at_));
  }
  token_ = 0;
}

void candidate::sleep_until(boot_time at) {
  std::unique_lock hold(lock_);
  const nanoseconds most = seconds(1);
  const nanoseconds left = std::min(at == boot_time::never() ? most : at - boot_now(), most);
  news_.wait_for(hold, left, [this] { return stopped_ || !calls_.empty(); });
}

void candidate::turn() {
  lease_.tick(clock(), effects_);
  carry_out();
  act_if_allowed();
  be_moody();
}

void candidate::act_if_allowed() {
  const reading now = clock();
  if (!lease_.may_act(now.truth)) {
    token_ = 0;
    return;
  }
  token_ = lease_.held_token();
  record_.add(lease_.held_token(), with_.who, now.boot);
}

void candidate::be_moody() {
  const boot_time now = boot_now();
  if (now >= wanted_at_) {
    wanted_at_ = boot_time::never();
    lease_.want(clock(), true, effects_);
    carry_out();
  }
  if (now < moody_at_) return;
  const auto lease_ns = nanoseconds{with_.lease}.count();
  moody_at_ = now + nanoseconds{chance_.between(lease_ns / 8, 2 * lease_ns)};
  if (with_.releases && token_ != 0 && chance_.between(0, 2) == 0) {
    lease_.want(clock(), false, effects_);
    carry_out();
    wanted_at_ = now + nanoseconds{chance_.between(0, lease_ns)};
  } else if (with_.pause_max.count() > 0) {
    // As a collector of garbage or a busy host would.
    poll(nullptr, 0, static_cast<int>(chance_.between(0, with_.pause_max.count())));
    act_if_allowed();
  }
}

void candidate::carry_out() {
  while (!effects_.empty()) {
    const auto batch = std::exchange(effects_, {});
    for (const auto& one : batch) {
      const auto note = [&](enum told::kind what, fencing_token token) {
        const std::lock_guard hold(lock_);
        history_.push_back({boot_now(), what, token});
      };
      if (const auto* s = std::get_if<core::lease_effect::submit>(&one)) {
        store_->submit(s->id, s->request, s->patience * with_.patience_times);
      } else if (const auto* g = std::get_if<core::lease_effect::gained>(&one)) {
        note(told::kind::gained, g->token);
      } else if (const auto* u = std::get_if<core::lease_effect::suspended>(&one)) {
        note(told::kind::suspended, u->token);
      } else if (const auto* l = std::get_if<core::lease_effect::lost>(&one)) {
        note(told::kind::lost, l->token);
      } else if (const auto* r = std::get_if<core::lease_effect::released>(&one)) {
        note(told::kind::released, r->token);
      } else if (std::get_if<core::lease_effect::waiting>(&one) != nullptr) {
        note(told::kind::waiting, 0);
      }
    }
  }
}

}  // namespace hedgerow::databases_test
