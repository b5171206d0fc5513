#include "sim/lock_client.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "sim/delay.h"

namespace hedgerow::sim {
namespace {

engine::lock_options options_of(const swarm& with, std::uint32_t number, std::uint32_t lock) {
  engine::lock_options o;
  o.name = fmt::format("{}", lock);
  o.holder = fmt::format("client {}", number);
  o.lease = with.node.lease;
  o.lease.on_demand = true;
  o.lease.poll_period = o.lease.lease / 4;
  o.release_patience = with.node.stop_patience;
  o.seed = base::mix(with.seed ^ (0x10c0000ULL + number));
  return o;
}

}  // namespace

lock_client::lock_client(lock_world& in, endpoint& of, std::uint32_t index, std::uint32_t lock)
    : in_(in),
      of_(of),
      index_(index),
      random_(base::mix(in.with.seed ^ (0x10c1e470000ULL + in.numbers))) {
  const std::uint32_t number = in_.numbers++;
  engine::lock_ports ports{*this, *this, *this, *this};
  engine_.reset(new engine::lock_engine(options_of(in_.with, number, lock), ports, *this));
  me_ = {number, of_.id, lock, engine_->incarnation()};
  in_.clients.push_back(this);
  plan_work(in_.with.lock_gap);
}

lock_client::~lock_client() {
  in_.checker.on_gone(me_);
  std::erase(in_.clients, this);
}

void lock_client::write(severity, std::string_view text) {
  in_.world.trace.say(in_.world.now, fmt::format("p{} client {}: {}", of_.id, me_.number, text));
}

std::string lock_client::state() const {
  return fmt::format("lock {} client {} of p{}: {}{}", me_.lock, me_.number, of_.id,
                     held_ != 0 ? "has it" : "has it not", busy_ ? ", waits" : "");
}

void lock_client::plan_work(true_time most) {
  in_.world.plan(in_.world.now + random_.between(microsecond, std::max(most, 2 * microsecond)),
                 event_kind::lock_work, of_.id, index_);
}

void lock_client::take(const event& e) {
  if (e.kind == event_kind::lock_wake) {
    on_timer(e);
  } else if (e.kind == event_kind::lock_look) {
    engine_->look();
  } else {
    work();
  }
  settle();
}

void lock_client::work() {
  plan_work(in_.peace != 0 ? in_.with.lease() / 4 : 2 * in_.with.lock_gap);
  if (stopping_) return;
  if (held_ != 0) {
    if (in_.peace != 0 || random_.chance(0.6)) give_back();
  } else if (!busy_) {
    if (in_.peace == 0 ? random_.chance(0.8) : served_ != in_.peace) want();
  } else if (in_.peace == 0 && random_.chance(0.1)) {
    give_back();
  }
}

void lock_client::want() {
  const true_time lease = in_.with.lease();
  const true_time patiences[] = {20 * millisecond, lease / 3, 2 * lease, 10 * lease};
  busy_ = true;
  asked_ = true;
  if (in_.peace == 0 && random_.chance(0.3)) {
    static_cast<void>(engine_->attempt());
    return;
  }
  boot_time deadline = boot_time::never();
  if (in_.peace == 0)
    deadline = in_.clocks.boot_at(of_.slot, in_.world.now) +
               nanoseconds{patiences[random_.below(std::size(patiences))]};
  static_cast<void>(engine_->acquire(deadline));
}

void lock_client::give_back() {
  busy_ = true;
  const fencing_token token = std::exchange(held_, 0);
  // What was due before may be told from within this call.
  engine_->release();
  in_.checker.on_over(me_, token);
}

void lock_client::stop() {
  stopping_ = true;
  give_back();
  settle();
}

void lock_client::act_if_held() {
  const auto known = engine_->cell().judge(in_.clocks.read(of_.slot).truth);
  if (known.leading()) in_.checker.on_act(me_, known.token);
}

void lock_client::on_timer(const event& e) {
  if (e.b != wake_generation_) return;
  wake_planned_ = forever;
  if (wake_wanted_ > in_.world.now) {
    if (wake_wanted_ == forever) return;
    wake_planned_ = wake_wanted_;
    in_.world.plan(wake_planned_, event_kind::lock_wake, of_.id, index_, ++wake_generation_);
    return;
  }
  wake_wanted_ = forever;
  engine_->on_wake();
}

void lock_client::wake_at(boot_time at) {
  if (at == boot_time::never()) {
    wake_wanted_ = forever;
    return;
  }
  const auto late = draw_timer(random_, in_.with.timer, in_.with.timer_early);
  // What the margin is for is half of it; the rest is for clocks that drift.
  if (late.length > in_.with.node.lease.margin().count() * microsecond / 2)
    in_.checker.on_late(me_);
  wake_wanted_ =
      std::max(in_.clocks.when_boot(of_.slot, at) + late.length, in_.world.now + microsecond);
  if (wake_planned_ <= wake_wanted_) return;
  wake_planned_ = wake_wanted_;
  in_.world.plan(wake_planned_, event_kind::lock_wake, of_.id, index_, ++wake_generation_);
}

void lock_client::submit(ports::request_id id, ports::lease_request request, nanoseconds patience) {
  in_.store.submit(of_, {me_.lock, index_}, id, std::move(request), patience);
}

void lock_client::on_acquired(fencing_token token) {
  in_.checker.on_acquired(me_, token, asked_);
  asked_ = false;
  busy_ = false;
  held_ = token;
  served_ = in_.peace;
  in_.world.trace.mix(static_cast<std::uint64_t>(token));
}

void lock_client::on_not_acquired(const error& why) {
  asked_ = false;
  // After give_back the release is still to be answered.
  if (why.code != errc::stopped) busy_ = false;
}

void lock_client::on_suspended(fencing_token) {
  in_.checker.on_suspended(me_);
}

void lock_client::on_resumed(fencing_token token) {
  in_.checker.on_resumed(me_, token);
}

void lock_client::on_lost(fencing_token token, const std::string&) {
  in_.checker.on_over(me_, token);
  held_ = 0;
}

// Others hear of it soon, late, or not at all.
void lock_client::on_freed() {
  for (auto* other : in_.clients) {
    if (other == this || other->me_.lock != me_.lock || random_.chance(0.3)) continue;
    const true_time after = random_.chance(0.7) ? millisecond : in_.with.lease() / 2;
    in_.world.plan(in_.world.now + random_.between(0, after), event_kind::lock_look, other->of_.id,
                   other->index_);
  }
}

}  // namespace hedgerow::sim
