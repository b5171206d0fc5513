#include "sim/clock_model.h"

#include <algorithm>

#include <fmt/format.h>

namespace hedgerow::sim {
namespace {

// 2025-01-01, so that instants look as they do in the product.
constexpr std::int64_t utc_at_start_us = 1'735'689'600'000'000;
constexpr std::int64_t hour_us = 3'600'000'000;

}  // namespace

clock_model::clock_model(kernel& world, const swarm& with)
    : world_(world), with_(with), random_(base::mix(with.seed ^ 0xc10cULL)), hosts_(with.slots) {
  const std::int64_t machine_drift = random_.between(-with.drift_ppm_max, with.drift_ppm_max);
  machine_started_ = -random_.between(10, 100'000) * second;
  for (auto& h : hosts_) {
    h.drift_ppm =
        with.boot_scale ? machine_drift : random_.between(-with.drift_ppm_max, with.drift_ppm_max);
    h.boot_offset = random_.between(10, 10'000'000) * second;
    h.width_us = random_.between(with.width_max_us / 2, with.width_max_us);
  }
}

void clock_model::exact(std::int64_t width_us) {
  for (auto& h : hosts_) {
    h.drift_ppm = 0;
    h.width_us = width_us;
  }
}

std::string clock_model::epoch() const {
  return with_.boot_scale ? fmt::format("boot{}", boots_) : std::string();
}

boot_time clock_model::boot_at(std::uint32_t host, true_time t) const {
  const auto& h = hosts_[host];
  const true_time elapsed = with_.boot_scale ? t - machine_started_ : t;
  const true_time scaled = elapsed + elapsed / 1'000 * h.drift_ppm / 1'000;
  return {with_.boot_scale ? scaled : h.boot_offset + scaled};
}

true_time clock_model::when_boot(std::uint32_t host, boot_time b) const {
  if (b == boot_time::never()) return forever;
  __extension__ using wide = __int128;
  const auto& h = hosts_[host];
  const std::int64_t scaled = with_.boot_scale ? b.ns : b.ns - h.boot_offset;
  auto t =
      static_cast<true_time>(static_cast<wide>(scaled) * 1'000'000 / (1'000'000 + h.drift_ppm));
  if (with_.boot_scale) t += machine_started_;
  t -= 2 * microsecond;  // of rounding at most
  for (auto left = b - boot_at(host, t); left.count() > 0; left = b - boot_at(host, t))
    t += std::max<true_time>(1, left.count() / 2);
  return t;
}

true_time clock_model::when(instant t) const {
  if (!with_.boot_scale) return (t.us - utc_at_start_us) * microsecond;
  // A row of an earlier boot may hold any instant.
  const std::int64_t us = std::clamp<std::int64_t>(t.us, -hour_us * 1'000, hour_us * 1'000);
  return when_boot(0, {us * microsecond});
}

bounded_time clock_model::read_boot() {
  const std::int64_t us = boot_at(0, world_.now).ns / microsecond;
  std::int64_t wall = utc_at_start_us + world_.now / microsecond - wall_back_us_;
  if (with_.hint_lies && random_.chance(0.2)) wall -= random_.between(0, hour_us);
  return {{us}, {us}, clock_status::synchronized, wall};
}

bounded_time clock_model::read_utc(host_clock& h) {
  const true_time now = world_.now;
  std::int64_t width = h.width_us;
  if (h.trouble == clock_trouble::wide) width = with_.node.lease.max_error.count() + 1 + h.lie_us;
  std::int64_t after = 0;  // of the true instant, in the interval
  switch (with_.readings) {
    case placement::edges:
      after = random_.chance(0.5) ? width : 0;
      break;
    case placement::uniform:
      after = random_.between(0, width);
      break;
    case placement::early:
      after = width;
      break;
    case placement::late:
      break;
    case placement::split:
      after = (&h - hosts_.data()) % 2 == 0 ? width : 0;
      break;
  }
  bounded_time t;
  const std::int64_t down = utc_at_start_us + now / microsecond;
  const std::int64_t up = utc_at_start_us + (now + microsecond - 1) / microsecond;
  t.earliest = {down - (width - after)};
  t.latest = {up + after};
  t.status = h.free_running ? clock_status::free_running : clock_status::synchronized;
  if (h.trouble == clock_trouble::unknown || h.trouble == clock_trouble::disrupted) {
    t.earliest.us += h.lie_us;
    t.latest.us += h.lie_us;
    t.status =
        h.trouble == clock_trouble::unknown ? clock_status::unknown : clock_status::disrupted;
  }
  t.token_hint = t.latest.us;
  return t;
}

reading clock_model::read(std::uint32_t host) {
  return {with_.boot_scale ? read_boot() : read_utc(hosts_[host]), boot_at(host, world_.now)};
}

void clock_model::start() {
  const bool edge = with_.readings == placement::early || with_.readings == placement::late ||
                    with_.readings == placement::split;
  if (edge && with_.width_max_us > 0) world_.tally.hit(fault::clock_at_its_edge);
  if (with_.has(fault::clock_error_moved))
    for (std::uint32_t h = 0; h < hosts_.size(); ++h)
      plan_walk(h);
}

void clock_model::plan_walk(std::uint32_t host) {
  world_.plan(world_.now + random_.between(second / 5, 20 * second), event_kind::clock_walk, host);
}

void clock_model::trouble(std::uint32_t host, clock_trouble what, true_time for_long) {
  auto& h = hosts_[host];
  h.trouble = what;
  ++h.troubles;
  const std::int64_t lease_us = with_.node.lease.lease.count();
  if (what == clock_trouble::wide) {
    h.lie_us = random_.between(0, lease_us);
    world_.tally.hit(fault::clock_wide);
  } else {
    const std::int64_t most = random_.chance(0.5) ? 2 * lease_us : 10 * hour_us;
    h.lie_us = random_.between(-most, most);
    world_.tally.hit(what == clock_trouble::unknown ? fault::clock_unknown
                                                    : fault::clock_disrupted);
  }
  world_.plan(world_.now + for_long, event_kind::clock_cured, host, h.troubles);
}

void clock_model::cure_all() {
  for (auto& h : hosts_)
    h.trouble = clock_trouble::none;
}

void clock_model::reboot() {
  machine_started_ = world_.now - random_.between(1, 60) * second;
  ++boots_;
}

void clock_model::on_event(const event& e) {
  auto& h = hosts_[e.target];
  if (e.kind == event_kind::clock_cured) {
    if (e.a == h.troubles) h.trouble = clock_trouble::none;
    return;
  }
  h.width_us =
      random_.between(random_.chance(0.5) ? with_.width_max_us / 2 : 0, with_.width_max_us);
  h.free_running = random_.chance(0.3);
  world_.tally.hit(fault::clock_error_moved);
  plan_walk(e.target);
}

}  // namespace hedgerow::sim
