#pragma once
// ClockBound's segment as a source.
//
// The file is opened, copied and closed at each read(), not kept mapped: a daemon that finds its
// old file unusable truncates it, and whoever has it mapped gets SIGBUS for that. So a file that is
// replaced, unlinked or made anew is followed by itself, which the official client never does.
// Torn copies: the whole segment is read twice, and counts if both copies are the same and the
// generation is even. That is stronger than the generation alone, whose order the official writer
// does not ensure on every processor (clockbound 1.6).

#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "clock/bound_source.h"
#include "clock/clockbound_vmclock.h"

namespace hedgerow::clock {

struct clockbound_paths {
  // The first that exists is used, and from then on no other.
  std::vector<std::string> segments{"/var/run/clockbound/shm0", "/var/run/clockbound/shm"};
  std::string vmclock = "/dev/vmclock0";
};

// Whether a read failed for want of what every file needs. It may not even be there then.
bool nothing_known(const clock_bound& found) noexcept;

class clockbound_source final : public bound_source {
 public:
  explicit clockbound_source(clockbound_paths paths);

  clock_bound read() noexcept override;
  bound_fault check_machine(const clock_bound& bound) noexcept override {
    return vmclock_.check(bound.disruption_marker);
  }
  std::string_view name() const noexcept override { return "clockbound"; }
  std::string explain(bound_fault why, std::int32_t detail) const override;

 private:
  const std::string& path() const;  // for messages
  std::string explain_vmclock(bound_fault why) const;

  const std::vector<std::string> segments_;
  std::atomic<int> chosen_{-1};
  std::atomic<std::int64_t> measured_ns_{never_measured};  // the newest that is known
  vmclock vmclock_;
};

}  // namespace hedgerow::clock
