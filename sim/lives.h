#pragma once
// The true story of every process and incarnation, against which verdicts are checked.

#include <map>
#include <string>
#include <vector>

#include <hedgerow/member.h>

#include "sim/event.h"

namespace hedgerow::sim {

// One operating-system process.
struct process_story {
  std::uint32_t slot = 0;
  std::string name;
  true_time disturbed = 0;           // it started, ran on after a pause, or woke very late
  true_time disturbed_before = 0;    // the time before that
  true_time paused_since = forever;  // forever: it runs
  true_time ended = forever;
  bool stop_called = false;

  bool clean_since(true_time t) const {
    return ended == forever && paused_since == forever && disturbed < t;
  }
  // It has not run at all since then.
  bool still_since(true_time t) const { return ended <= t || paused_since <= t; }
};

// One incarnation of one process.
struct life {
  std::uint32_t process = 0;
  true_time ended = forever;
};

class lives {
 public:
  void born(std::uint32_t process, std::uint32_t slot, const std::string& name, true_time now) {
    if (process >= stories_.size()) stories_.resize(process + 1);
    stories_[process].slot = slot;
    stories_[process].name = name;
    stories_[process].disturbed = now;
  }
  void incarnated(std::uint32_t process, const incarnation& who, true_time now) {
    end_lives(process, now);
    lives_[who] = {process, forever};
    disturb(process, now);
  }
  void died(std::uint32_t process, true_time now) {
    end_lives(process, now);
    stories_[process].ended = now;
  }
  void stop_called(std::uint32_t process) { stories_[process].stop_called = true; }
  void paused(std::uint32_t process, true_time now) { stories_[process].paused_since = now; }
  void resumed(std::uint32_t process, true_time now) {
    stories_[process].paused_since = forever;
    disturb(process, now);
  }
  void disturb(std::uint32_t process, true_time now) {
    auto& story = stories_[process];
    if (now <= story.disturbed) return;
    story.disturbed_before = story.disturbed;
    story.disturbed = now;
  }

  const process_story& of(std::uint32_t process) const { return stories_[process]; }
  const life* find(const incarnation& who) const {
    const auto it = lives_.find(who);
    return it == lives_.end() ? nullptr : &it->second;
  }

 private:
  void end_lives(std::uint32_t process, true_time now) {
    for (auto& [who, l] : lives_) {
      if (l.process == process && l.ended == forever) l.ended = now;
    }
  }

  std::vector<process_story> stories_;
  std::map<incarnation, life> lives_;
};

}  // namespace hedgerow::sim
