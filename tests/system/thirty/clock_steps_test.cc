// Item 4 of the thirty (docs/guarantees.md): the wall clock of a real agent is stepped, as by
// `date` or a virtual machine that is resumed. Each agent has one of its own.

#include <condition_variable>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "clock/test_segment.h"
#include "tests/system/harness/clocks.h"
#include "tests/system/harness/store_connection.h"
#include "tests/system/harness/wall_clock.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr auto lease = 1s;
constexpr const char* no_clock = "a sanitizer must be loaded before any other library";

// An agent, its wall clock, and the daemon that vouches for that: of a step it knows nothing before
// chronyd has measured anew, which is minutes later.
class host {
 public:
  host(cluster& group, const std::string& name, nanoseconds ahead)
      : group_{group},
        name_{name},
        wall_{group.folder() / (name + ".clock")},
        bound_{group.folder() / (name + ".shm0")} {
    wall_.set(ahead);
    bound_.write({});
    daemon_ = std::jthread{[this](const std::stop_token& end) { vouch(end); }};
    start();
  }

  void step(nanoseconds ahead) { wall_.set(ahead); }
  // It is set right, and the agent begins anew, which takes the clock as it finds it.
  void mend() {
    group_.kill(name_);
    step({});
    start();
  }

  agent* one = nullptr;

 private:
  void start() {
    one = &group_.start_with(name_, wall_.give_to(group_.agent_setup(
                                        name_, {"--clock", "clockbound:" + bound_.path()})));
  }
  void vouch(const std::stop_token& end) {
    std::unique_lock hold(lock_);
    while (!changed_.wait_for(hold, end, 50ms, [&] { return end.stop_requested(); }))
      bound_.write({});
  }

  cluster& group_;
  const std::string name_;
  wall_clock wall_;
  clock::test_segment bound_;
  std::mutex lock_;
  std::condition_variable_any changed_;
  std::jthread daemon_;  // the last: it uses all the others
};

struct two_hosts {
  explicit two_hosts(nanoseconds ahead = {}) : a{group, "a", ahead}, b{group, "b", ahead} {}

  cluster group{"1s"};
  host a;
  host b;

  host& leader() { return a.one->leads() ? a : b; }
  host& follower() { return a.one->leads() ? b : a; }
};

std::int64_t token_of(host& who) {
  return (*who.one->latest("leadership"))["token"];
}

void expect_told_of_step(host& who, std::size_t from) {
  const event* why = who.one->await("clock", clock_is("unknown"), 5s, from);
  ASSERT_NE(why, nullptr);
  EXPECT_NE(why->body.value("text", "").find("was stepped"), std::string::npos) << why->body;
}

// Half a second back it would lead for as long beside the next; by 40 ms its error is
// still less than leases allow, and yet not what the daemon says.
TEST(thirty, item_04_a_leader_whose_wall_clock_is_stepped_leads_no_more) {
  if (!wall_clock::available) GTEST_SKIP() << no_clock;
  two_hosts both;
  for (const nanoseconds step :
       {nanoseconds{1h}, nanoseconds{-1h}, nanoseconds{-500ms}, nanoseconds{-40ms}}) {
    SCOPED_TRACE(step.count());
    ASSERT_TRUE(both.group.wait_formed());
    host& old = both.leader();
    host& next = both.follower();
    const std::int64_t token = token_of(old);
    const std::size_t from = old.one->count();
    const std::size_t next_from = next.one->count();
    const auto stepped = steady_clock::now();
    old.step(step);
    const event* told = old.one->await("leadership", state_is("suspended"), 5s, from);
    ASSERT_NE(told, nullptr);
    EXPECT_LT(told->at - stepped, lease) << "and not when its lease ends";
    expect_told_of_step(old, from);
    const event* leads = next.one->await("leadership", agent::leading, 10s, next_from);
    ASSERT_NE(leads, nullptr);
    EXPECT_GT(leads->body["token"], token);
    EXPECT_EQ(old.one->first("leadership", agent::leading, from), nullptr);
    EXPECT_EQ(old.one->first("clock", clock_is("synchronized"), from), nullptr)
        << "by the word of who has not measured";
    old.mend();
  }
  EXPECT_TRUE(both.group.wait_formed());
}

// By its clock the leader's lease is long over.
TEST(thirty, item_04_a_follower_whose_wall_clock_is_stepped_ahead_takes_no_lease) {
  if (!wall_clock::available) GTEST_SKIP() << no_clock;
  two_hosts both;
  ASSERT_TRUE(both.group.wait_formed());
  host& leader = both.leader();
  host& hasty = both.follower();
  store_connection own{both.group.store()};
  const char* expiry = "SELECT expires_us FROM hedgerow_lease";
  const std::int64_t token = token_of(leader);
  const std::size_t leader_from = leader.one->count();
  const std::size_t from = hasty.one->count();
  const std::int64_t before = own.number(expiry);
  hasty.step(1h);
  // Three leases long, as the leader's renewals tell.
  ASSERT_TRUE(wait_for([&] { return own.number(expiry) >= before + 3 * (lease / 1us); }, 20s));
  EXPECT_EQ(leader.one->first("leadership", agent::any, leader_from), nullptr);
  EXPECT_EQ(own.number("SELECT token FROM hedgerow_lease"), token);
  // Nor does it when the leader is gone, until it knows the time again.
  both.group.kill(leader.one->name());
  const std::int64_t over = own.number(expiry);
  ASSERT_TRUE(wait_for(
      [&] {
        return std::chrono::system_clock::now().time_since_epoch() / 1us > over + lease / 1us;
      },
      10s));
  EXPECT_EQ(hasty.one->first("leadership", agent::leading, from), nullptr);
  EXPECT_EQ(own.number("SELECT token FROM hedgerow_lease"), token);
  hasty.mend();
  EXPECT_NE(hasty.one->await("leadership", agent::leading, 10s), nullptr);
}

// In 1970, and in 2250: all hosts agree.
TEST(thirty, item_04_the_age_of_the_wall_clock_makes_no_difference) {
  if (!wall_clock::available) GTEST_SKIP() << no_clock;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::chrono::hours year{365 * 24};
  for (const std::chrono::hours age : {std::chrono::hours{1}, 280 * year}) {
    SCOPED_TRACE(age.count());
    two_hosts both{age - now};
    ASSERT_TRUE(both.group.wait_formed());
    host& old = both.leader();
    host& next = both.follower();
    const std::int64_t token = token_of(old);
    store_connection own{both.group.store()};
    const std::int64_t expires = own.number("SELECT expires_us FROM hedgerow_lease");
    EXPECT_NEAR(static_cast<double>(expires), static_cast<double>(age / 1us), 6e7)
        << "by its clock";
    const std::size_t from = next.one->count();
    both.group.kill(old.one->name());
    const event* leads = next.one->await("leadership", agent::leading, 10s, from);
    ASSERT_NE(leads, nullptr);
    EXPECT_GT(leads->body["token"], token);
  }
}

}  // namespace
}  // namespace hedgerow::system_test
