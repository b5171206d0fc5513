// A holder that is stopped at its worst moments. lease.md 9, item 10.

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <mutex>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/patience.h"
#include "tests/databases/acts.h"
#include "tests/databases/row.h"
#include "tests/postgres/at_once.h"
#include "tests/postgres/proxy.h"
#include "tests/postgres/server.h"
#include "tests/system/harness/process.h"

namespace hedgerow::databases_test {
namespace {

using postgres_test::fate;
using postgres_test::postgres_proxy;
using postgres_test::postgres_server;
using postgres_test::proxy_request;
using postgres_test::ruling;
using postgres_test::wait_for;
using store::boot_now;

constexpr milliseconds lease_length{500};
constexpr milliseconds hold{700};  // long enough for renewals
constexpr milliseconds patience{30'000};

bool stopped(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string word;
  for (int i = 0; i < 3; ++i)
    file >> word;
  return word == "T";
}

// What two users of a lock did, in the order of its effects.
struct deeds {
  acts checked;  // at the time of the check
  acts unfenced;
  acts fenced;  // what a resource lets pass that compares tokens
  std::size_t refused = 0;
};

struct effect {
  fencing_token token;
  int who;
  std::int64_t before, after, at;
};

void read_effects(const system_test::process& from, int who, std::vector<effect>& into) {
  for (const system_test::line& one : from.lines(0)) {
    std::istringstream words{one.text};
    effect e{.token = 0, .who = who, .before = 0, .after = 0, .at = 0};
    if (words >> e.token >> e.before >> e.after >> e.at) into.push_back(e);
  }
}

// User 1 is behind a proxy, and stopped for `pause`: at the n-th statement of a kind, or where it
// says itself; user 2 is not.
class paused_life {
 public:
  struct when {
    statement what = statement::other;
    int n = 1;
    bool executed = false;
    long stop_at = 0;  // of itself, see lock_user
  };

  paused_life(const postgres_server& on, std::string name, when at, milliseconds pause)
      : proxy_(on),
        direct_(on.socket_url("owner")),
        name_(std::move(name)),
        at_(at),
        pause_(pause) {
    proxy_.decide([this](const proxy_request& one) { return judge(one); });
  }

  // What went wrong, empty if nothing.
  std::string live(deeds& done) {
    system_test::process first(setup(proxy_.url(), 1, at_.stop_at));
    pid_ = first.pid();
    if (!wait_for([&] { return stopped(first.pid()); }, patience)) return "it was not stopped";
    // Not before: who waits for a lock has no turn, and the first must have its second tenure.
    const boot_time begin = boot_now();
    system_test::process second(setup(direct_, 2, 0));
    wait_for([&] { return boot_now() - begin >= pause_; }, patience);
    const std::size_t told = second.lines(0).size();
    if (pause_ > 2 * lease_length && told == 0) return "nobody took over while it was stopped";
    first.signal(SIGCONT);
    // Both go on, in turns.
    const std::size_t told_first = first.lines(0).size();
    const bool goes_on = wait_for(
        [&] { return first.lines(told_first).size() > 20 && second.lines(told).size() > 20; },
        patience);
    std::vector<effect> all;
    read_effects(first, 1, all);
    read_effects(second, 2, all);
    judge_effects(all, done);
    return goes_on ? "" : "not both go on";
  }

 private:
  system_test::process_setup setup(const std::string& url, int who, long stop_at) const {
    system_test::process_setup with;
    with.arguments = {HEDGEROW_LOCK_USER,
                      url,
                      name_,
                      std::to_string(who),
                      std::to_string(lease_length.count()),
                      std::to_string(hold.count()),
                      std::to_string(stop_at)};
    return with;
  }
  ruling judge(const proxy_request& one) {
    if (at_.what == statement::other || kind_of(one) != at_.what || ++seen_ != at_.n) return {};
    if (!wait_for([this] { return pid_ != 0; }, milliseconds(5000))) return {};
    kill(pid_, SIGSTOP);
    // Executed while it stands still, or not before it goes on.
    return at_.executed ? ruling{} : ruling{.before = pause_};
  }
  static void judge_effects(std::vector<effect>& all, deeds& done) {
    std::sort(all.begin(), all.end(), [](const effect& a, const effect& b) { return a.at < b.at; });
    fence resource;
    for (const effect& e : all) {
      done.checked.add({e.token, e.who, {e.before}, {e.after}});
      done.unfenced.add(e.token, e.who, {e.at});
      if (resource.accept(e.token)) {
        done.fenced.add(e.token, e.who, {e.at});
      } else {
        ++done.refused;
      }
    }
  }

  postgres_proxy proxy_;
  const std::string direct_;
  const std::string name_;
  const when at_;
  const milliseconds pause_;
  int seen_ = 0;  // on the proxy's thread
  std::atomic<pid_t> pid_{0};
};

TEST(thirty, item_10_a_holder_that_is_stopped_at_any_statement_acts_beside_nobody) {
  postgres_server server;
  struct point {
    paused_life::when at;
    milliseconds pause;
  };
  std::vector<point> points;
  for (const statement what : {statement::acquire, statement::renew, statement::release}) {
    for (const bool executed : {false, true}) {
      for (const int halves : {1, 10})  // of a lease
        points.push_back({{.what = what, .n = 2, .executed = executed}, halves * lease_length / 2});
    }
  }
  std::mutex lock;
  postgres_test::at_once(12, points.size(), [&](std::size_t k) {
    deeds done;
    paused_life life(server, fmt::format("paused{}", k), points[k].at, points[k].pause);
    const std::string trouble = life.live(done);
    const std::lock_guard one_by_one(lock);
    SCOPED_TRACE(fmt::format("statement {}, executed: {}, for {} ms",
                             static_cast<int>(points[k].at.what), points[k].at.executed,
                             points[k].pause.count()));
    EXPECT_EQ(trouble, "");
    EXPECT_EQ(done.checked.violations(), 0U) << done.checked.told();
    EXPECT_EQ(done.fenced.violations(), 0U) << done.fenced.told();
    EXPECT_GE(done.checked.tokens(), 2U);
  });
}

// What is *not* promised: an effect whose check was in time may be late. Only the token helps.
TEST(thirty, item_10_what_was_checked_before_a_pause_is_refused_after_it_by_the_token_alone) {
  postgres_server server;
  const milliseconds pauses[] = {lease_length / 2, 2 * lease_length, 5 * lease_length};
  std::mutex lock;
  postgres_test::at_once(3, 3, [&](std::size_t k) {
    deeds done;
    paused_life life(server, fmt::format("between{}", k), {.stop_at = 20}, pauses[k]);
    const std::string trouble = life.live(done);
    const std::lock_guard one_by_one(lock);
    SCOPED_TRACE(fmt::format("{} ms", pauses[k].count()));
    EXPECT_EQ(trouble, "");
    EXPECT_EQ(done.checked.violations(), 0U) << done.checked.told();
    EXPECT_EQ(done.fenced.violations(), 0U) << done.fenced.told();
    if (pauses[k] < lease_length) return;
    EXPECT_EQ(done.unfenced.violations(), 1U) << "an effect beside another holder's";
    EXPECT_EQ(done.refused, 1U) << "and the token is lower";
  });
}

}  // namespace
}  // namespace hedgerow::databases_test
