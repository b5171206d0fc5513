#pragma once
// The clocks of all hosts.
//
// Scale "utc": each host has an interval of its own width that always contains the true instant,
// and puts the instant at its edges, where the rules are thinnest. In trouble a host tells anything
// (status unknown or disrupted), or the truth too vaguely (wider than max_error). Scale "boot": one
// machine, one exact clock; a reboot starts it anew. Boot time has an offset and a drift per host.

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "sim/kernel.h"
#include "sim/swarm.h"

namespace hedgerow::sim {

enum class clock_trouble : std::uint8_t { none, unknown, disrupted, wide };

class clock_model {
 public:
  clock_model(kernel& world, const swarm& with);

  // A reading of the host's clock now.
  reading read(std::uint32_t host);
  std::string_view scale() const { return with_.boot_scale ? "boot" : "utc"; }
  std::string epoch() const;
  bool trusted(std::uint32_t host) const { return hosts_[host].trouble == clock_trouble::none; }

  boot_time boot_at(std::uint32_t host, true_time t) const;
  // The first true instant at which the host's boot time has reached `b`.
  true_time when_boot(std::uint32_t host, boot_time b) const;
  // The true instant that an instant of the leases' scale means.
  true_time when(instant t) const;

  void start();  // the walk of the widths
  void trouble(std::uint32_t host, clock_trouble what, true_time for_long);
  void cure_all();
  void reboot();
  // Directed schedules: no drift, this width.
  void exact(std::int64_t width_us);
  // Directed schedules, scale boot: the wall clock, which only hints at tokens, is behind by this.
  void set_back(true_time by) { wall_back_us_ = by / microsecond; }
  void on_event(const event& e);  // clock_walk, clock_cured

 private:
  struct host_clock {
    std::int64_t drift_ppm = 0;
    true_time boot_offset = 0;
    std::int64_t width_us = 0;
    bool free_running = false;
    clock_trouble trouble = clock_trouble::none;
    std::uint64_t troubles = 0;  // generation
    std::int64_t lie_us = 0;
  };

  bounded_time read_utc(host_clock& h);
  bounded_time read_boot();
  void plan_walk(std::uint32_t host);

  kernel& world_;
  const swarm& with_;
  base::random random_;
  std::vector<host_clock> hosts_;
  true_time machine_started_ = 0;  // scale boot: true time at boot time 0
  std::uint64_t boots_ = 1;
  std::int64_t wall_back_us_ = 0;
};

}  // namespace hedgerow::sim
