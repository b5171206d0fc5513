#include "node/lock_candidate.h"

#include <utility>

#include <unistd.h>

#include "node/clock_choice.h"

namespace hedgerow {
namespace {

engine::lock_options engine_options(const lock_options& with, const ports::clock& clock) {
  engine::lock_options o;
  o.name = with.name;
  o.holder = with.holder.empty() ? host_name() + ":" + std::to_string(getpid()) : with.holder;
  o.lease = lease_on(clock, with.lease);
  o.lease.on_demand = true;
  o.lease.poll_period = o.lease.lease / 4;
  o.lease.attempt_patience_max = seconds{2};
  o.seed = fresh_seed();
  return o;
}

}  // namespace

lock_candidate::lock_candidate(surroundings around, lock_options with)
    : home_(around.home),
      clock_(around.clock),
      name_(with.name),
      told_(std::move(with)),
      store_(std::move(around.over), {store::row_kind::lock, name_}, this, std::move(around.post)),
      engine_(engine_options(told_, clock_), {clock_, store_, *this, around.log}, *this) {}

void lock_candidate::acquire(std::optional<boot_time> deadline, acquire_callback&& done) {
  if (acquiring_) {
    done(fail(errc::invalid_argument, "the lock is being acquired already"));
    return;
  }
  acquiring_.emplace(std::move(done));
  const auto begun = deadline ? engine_.acquire(*deadline) : engine_.attempt();
  if (!begun) answer(tl::unexpected(begun.error()));
}

void lock_candidate::answer(result<fencing_token> outcome) {
  home_.queued(*this, false);
  if (!acquiring_) return;
  auto done = std::move(*acquiring_);
  acquiring_.reset();
  done(std::move(outcome));
}

void lock_candidate::release(std::function<void()> done) {
  if (done) releasing_.push_back(std::move(done));
  engine_.release();
}

void lock_candidate::close(std::function<void()> done) {
  closing_ = std::move(done);
  told_ = {};
  engine_.release();
}

void lock_candidate::on_acquired(fencing_token token) {
  answer(token);
}

void lock_candidate::on_not_acquired(const error& why) {
  answer(tl::unexpected(why));
}

void lock_candidate::on_released() {
  for (auto& done : std::exchange(releasing_, {}))
    done();
  if (closing_) home_.closed(*this, std::exchange(closing_, {}));
}

void lock_candidate::on_suspended(fencing_token token) {
  if (told_.on_suspended) told_.on_suspended(token);
}

void lock_candidate::on_resumed(fencing_token token) {
  if (told_.on_resumed) told_.on_resumed(token);
}

void lock_candidate::on_lost(fencing_token token, const std::string& why) {
  if (told_.on_lost) told_.on_lost(token, why);
}

void lock_candidate::on_extended(fencing_token token) {
  if (told_.on_extended) told_.on_extended(token);
}

void lock_candidate::on_waiting(milliseconds how_long, const std::string& why) {
  if (told_.on_waiting) told_.on_waiting(how_long, why);
}

void lock_candidate::on_store(bool available, const std::string& text) {
  if (told_.on_store) told_.on_store(available, text);
}

}  // namespace hedgerow
