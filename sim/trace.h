#pragma once
// What a run leaves behind: a hash over every event, and words for people where they are wanted.
//
// The hash is the same for the same seed in every build. Words never change it.

#include <cstdint>
#include <deque>
#include <string>

#include "base/random.h"
#include "sim/event.h"

namespace hedgerow::sim {

// How much is put into words.
enum class detail : std::uint8_t { transitions, statements, messages };

class trace {
 public:
  enum class mode : std::uint8_t {
    quiet,  // the hash alone
    ring,   // the last words are kept, for a failure
    live,   // printed as they come
  };

  void words(mode how, detail up_to) {
    mode_ = how;
    up_to_ = up_to;
  }
  bool wants(detail level) const { return mode_ != mode::quiet && level <= up_to_; }
  // Requires: wants(level) was asked.
  void say(true_time at, const std::string& text);

  void mix(std::uint64_t value) { hash_ = base::mix(hash_ ^ value); }
  void step(const event& e) {
    mix(static_cast<std::uint64_t>(e.at));
    mix((static_cast<std::uint64_t>(e.kind) << 32U) ^ e.target ^ (e.a << 40U) ^ e.b);
    ++steps_;
  }
  std::uint64_t hash() const { return hash_; }
  std::uint64_t steps() const { return steps_; }
  const std::deque<std::string>& last_words() const { return ring_; }

 private:
  static constexpr std::size_t ring_max = 60;

  mode mode_ = mode::quiet;
  detail up_to_ = detail::transitions;
  std::uint64_t hash_ = 0;
  std::uint64_t steps_ = 0;
  std::deque<std::string> ring_;
};

}  // namespace hedgerow::sim
