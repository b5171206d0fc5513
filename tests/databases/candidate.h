#pragma once
// A candidate for one row: the product's lease core over the product's store, with a clock that a
// test may set wrong, on a thread that it may pause. It acts whenever the core says that it may.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/lease/lease.h"
#include "store/lanes.h"
#include "store/row_store.h"
#include "tests/databases/acts.h"

namespace hedgerow::databases_test {

// What a right clock adds to boot time, so that instants and tokens look like those of UTC.
inline constexpr std::int64_t scale_begin_us = 1'700'000'000'000'000;

struct candidate_setup {
  std::string url;
  store::row_key row{store::row_kind::lock, "contended"};
  int who = 1;
  microseconds lease{1'000'000};
  microseconds skew{0};   // of its clock
  microseconds bound{0};  // that the clock claims, to both sides
  // The thread stands still for up to so long, now and then.
  milliseconds pause_max{0};
  // It gives up what it has, now and then.
  bool releases = false;
  // A statement may take so many times as long as the core waits for it: answers that nobody waits
  // for any more then come, instead of costing the connection.
  int patience_times = 1;
  std::uint64_t seed = 1;
};

// What was told, by the core.
struct told {
  boot_time at;
  enum class kind : std::uint8_t { gained, suspended, lost, released, waiting } what;
  fencing_token token = 0;
};

// Public functions are for any one thread.
class candidate {
 public:
  // Connects first, and throws std::runtime_error if it can't. What it does goes to `record`, which
  // must outlive it.
  candidate(candidate_setup with, acts& record);
  ~candidate();  // as a crash: releases nothing
  candidate(const candidate&) = delete;
  candidate& operator=(const candidate&) = delete;

  void want(bool wanted);
  fencing_token token() const { return token_; }  // under which it acted a moment ago; 0 for none
  bool acts() const { return token_ != 0; }
  bool wait_acts(milliseconds patience = milliseconds{10'000}) const;
  bool wait_idle(milliseconds patience = milliseconds{10'000}) const;  // acts no more
  std::vector<told> history() const;
  int unknown_outcomes() const { return unknown_; }
  int failed_outcomes() const { return failed_; }

 private:
  class replies;

  void run();
  void turn();
  void carry_out();
  void act_if_allowed();
  void be_moody();
  reading clock() const;
  void post(std::function<void()> call);
  void sleep_until(boot_time at);

  const candidate_setup with_;
  databases_test::acts& record_;
  std::shared_ptr<store::lanes> lanes_;
  std::unique_ptr<replies> listener_;
  std::unique_ptr<store::row_store> store_;
  core::lease lease_;
  core::lease_effects effects_;
  base::random chance_;
  boot_time moody_at_{};
  boot_time wanted_at_ = boot_time::never();

  std::atomic<fencing_token> token_{0};
  std::atomic<int> unknown_{0}, failed_{0};
  mutable std::mutex lock_;
  std::condition_variable news_;
  std::deque<std::function<void()>> calls_;  // guarded by lock_, as all below
  std::vector<told> history_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace hedgerow::databases_test
