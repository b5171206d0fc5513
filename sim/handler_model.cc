#include "sim/handler_model.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/mutant.h"
#include "sim/delay.h"

namespace hedgerow::sim {

using message::reply_status;

std::string handler_answer(std::uint32_t at, std::string_view payload) {
  return fmt::format("{}@{}", payload, at);
}

handler_model::handler_model(kernel& world, const swarm& with, clock_model& clocks,
                             handler_watcher& watcher)
    : world_(world),
      with_(with),
      clocks_(clocks),
      watcher_(watcher),
      random_(base::mix(with.seed ^ 0x4a4dULL)) {}

std::uint64_t handler_model::take_place() {
  for (std::uint64_t i = 0; i < jobs_.size(); ++i) {
    if (jobs_[i].now == stage::free) return i;
  }
  jobs_.emplace_back();
  return jobs_.size() - 1;
}

ports::job_result handler_model::result_of(const endpoint& at, const ports::job& work,
                                           reply_status status) const {
  if (status == reply_status::ok)
    return {status, make_bytes(handler_answer(at.id, as_view(work.payload)))};
  return {status, make_bytes("simulated")};
}

ports::job_result handler_model::execute(endpoint& at, const ports::job& work) {
  watcher_.on_executed(at, work);
  const bool fails = !healed_ && chance_ppm(random_, with_.handler_fails);
  if (fails) world_.tally.hit(fault::handler_failed);
  return result_of(at, work, fails ? reply_status::handler_failed : reply_status::ok);
}

std::optional<ports::job_result> handler_model::run(endpoint& at, ports::job_id id,
                                                    const ports::job& work) {
  if (chance_ppm(random_, with_.handler_inline)) {
    world_.tally.hit(fault::handler_inline);
    return execute(at, work);
  }
  if (at.jobs_queued >= with_.handler_queue) {
    world_.tally.hit(fault::handler_overloaded);
    return result_of(at, work, reply_status::overloaded);
  }
  const auto index = take_place();
  jobs_[index] = {stage::queued, at.id, index, ++lives_, id, work, reply_status::ok};
  ++at.jobs_queued;
  const true_time hop = random_.between(10 * microsecond, 200 * microsecond);
  world_.plan(world_.now + hop, event_kind::job_start, at.id, index, jobs_[index].life);
  return std::nullopt;
}

void handler_model::start(endpoint& at, std::uint64_t index) {
  auto& j = jobs_[index];
  if (at.jobs_running >= with_.handler_workers) return;  // started when a worker is free
  --at.jobs_queued;
  ++at.jobs_running;
  j.now = stage::running;
  true_time running = with_.handler.least;
  bool allowed = true;
  if (j.work.kind == message::request_kind::send && !HEDGEROW_MUTANT(handle_without_lease)) {
    const auto known = at.cell->judge(clocks_.read(at.slot).truth);
    allowed = known.leading() && known.token == j.work.token;
  }
  if (!allowed) {
    j.outcome = reply_status::expired;
  } else {
    j.outcome = execute(at, j.work).status;
    const auto d =
        healed_ ? drawn_delay{with_.handler.least, false} : draw_delay(random_, with_.handler);
    running = d.length;
    if (running > with_.lease() / 2) world_.tally.hit(fault::handler_slow);
  }
  world_.plan(world_.now + running, event_kind::job_end, at.id, index, j.life);
}

void handler_model::finish(endpoint& at, std::uint64_t index) {
  auto& j = jobs_[index];
  const auto id = j.id;
  auto result = result_of(at, j.work, j.outcome);
  if (j.now == stage::running) --at.jobs_running;
  if (j.now == stage::queued) --at.jobs_queued;
  j.now = stage::free;
  j.life = 0;
  start_next(at);
  at.handler_news->on_job_done(id, std::move(result));
}

// The oldest that waits.
void handler_model::start_next(const endpoint& at) {
  const job* next = nullptr;
  for (const auto& j : jobs_) {
    if (j.now != stage::queued || j.process != at.id || j.outcome != reply_status::ok) continue;
    if (next == nullptr || j.life < next->life) next = &j;
  }
  if (next == nullptr) return;
  const auto index = static_cast<std::uint64_t>(next->place);
  world_.plan(world_.now + 10 * microsecond, event_kind::job_start, at.id, index, next->life);
}

// A queued job will never start; a running one is cut off, or does not listen.
void handler_model::leadership_ended(endpoint& at, fencing_token token) {
  for (std::uint64_t i = 0; i < jobs_.size(); ++i) {
    auto& j = jobs_[i];
    if (j.now == stage::free || j.process != at.id) continue;
    if (j.work.kind != message::request_kind::send || j.work.token >= token) continue;
    if (j.now == stage::running && (j.outcome == reply_status::expired || random_.chance(0.5)))
      continue;
    j.outcome = j.now == stage::queued ? reply_status::expired : reply_status::unknown;
    j.life = ++lives_;
    world_.plan(world_.now + with_.handler.least, event_kind::job_end, at.id, i, j.life);
  }
}

void handler_model::deliver(endpoint& to, const event& e) {
  auto& j = jobs_[e.a];
  if (j.now == stage::free || j.life != e.b || j.process != to.id) return;
  if (e.kind == event_kind::job_start) {
    // Planned twice where a worker became free before the job had arrived.
    if (j.now == stage::queued && j.outcome == reply_status::ok) start(to, e.a);
  } else {
    finish(to, e.a);
  }
}

void handler_model::discard(const event& e) {
  auto& j = jobs_[e.a];
  if (j.life == e.b) j.now = stage::free;
}

}  // namespace hedgerow::sim
