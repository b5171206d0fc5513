#pragma once
// The verdict rule (C1) on a set of reports, without any time in it: who is condemned, who is
// doubtful. The share of those that say "down" is taken among the observers that could say
// otherwise: fresh ones that are not condemned themselves. Healthy observers vouch by it, and the
// silence of a dead one is no vouching.

#include <cstdint>
#include <vector>

#include "core/membership/options.h"

namespace hedgerow::core {

struct verdict_question {
  struct voice {
    std::uint32_t observer = 0;
    bool down = false;
  };
  struct subject {
    std::vector<voice> voices;    // of its observers, and of helpers (C3)
    bool own_link_stale = false;  // the leader itself has not heard of it (C1)
    bool judged = true;           // the leader and joiners are not
  };
  std::vector<subject> subjects;  // by index
  std::vector<bool> fresh;        // by index: as an observer
};

struct verdict {
  std::vector<std::uint32_t> condemned;  // ascending
  std::vector<std::uint32_t> doubtful;   // ascending; none of the condemned
};

verdict judge(const verdict_question& question, const membership_options& options);

}  // namespace hedgerow::core
