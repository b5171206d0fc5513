// Each statement that the product sends, cut before and after it is executed, or refused. lease.md
// 9, item 2.
//
// The statements are those that were seen in a run without any cut. By default each text is cut
// where it comes first; HEDGEROW_EVERY_STATEMENT=1 cuts each request of the run, and lets each wait
// in vain for its answer.

#include <atomic>
#include <cstdlib>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/patience.h"
#include "tests/databases/row.h"
#include "tests/databases/witness.h"
#include "tests/postgres/at_once.h"
#include "tests/postgres/proxy.h"
#include "tests/postgres/server.h"

namespace hedgerow::databases_test {
namespace {

using postgres_test::at_once;
using postgres_test::fate;
using postgres_test::postgres_proxy;
using postgres_test::postgres_server;
using postgres_test::proxy_request;
using postgres_test::ruling;
using postgres_test::wait_for;
using store::boot_now;

constexpr milliseconds lease_length{400};
constexpr milliseconds patience{15'000};
constexpr std::size_t threads = 8;

// The n-th request with this text.
struct cut {
  std::string sql;
  int n = 0;  // 0: none
  fate how = fate::cut_before;
};

// Whoever has sent it waits so long for an answer that does not come.
nanoseconds waited_for(const cut& where) {
  if (where.how != fate::drop_answer) return {};
  if (kind_of({0, 0, where.sql}) != statement::other) return lease_length / 5;
  const bool at_start = where.sql.find("$1") == std::string::npos;
  return at_start ? seconds(5) : seconds(2);
}

struct run_outcome {
  bool cut = false;
  std::string trouble;  // empty if all was as it should be
  std::vector<proxy_request> requests;
};

// The life of a group: one leads, another joins, the first goes, the other leads. In a schema of
// its own, so that the tables are made, too.
class life {
 public:
  life(postgres_server& on, const std::string& schema, cut where)
      : proxy_(on), where_(std::move(where)) {
    on.psql("CREATE SCHEMA " + schema + " AUTHORIZATION owner");
    url_ = proxy_.url() + "?options=-csearch_path%3D" + schema;
    proxy_.decide([this](const proxy_request& one) {
      if (one.sql != where_.sql || ++seen_ != where_.n) return ruling{};
      cut_at_ = boot_now().ns;
      return ruling{.what = where_.how, .sqlstate = "57014"};  // as a statement_timeout does
    });
  }

  run_outcome live() {
    run_outcome outcome;
    outcome.trouble = trouble();
    outcome.cut = cut_at_ != 0;
    if (outcome.trouble.empty()) outcome.trouble = judged();
    outcome.requests = proxy_.requests();
    return outcome;
  }

 private:
  std::unique_ptr<node> start(const char* name, int who) {
    // Where the store fails at the very start, whoever starts a node tries again.
    std::unique_ptr<node> made;
    wait_for(
        [&] {
          auto started = node::start(node_options(url_, "cut", name, lease_length));
          if (started) made = std::move(*started);
          return made != nullptr;
        },
        patience);
    if (made) all_.watch(*made, who);
    return made;
  }
  std::string trouble() {
    const auto a = start("a", 1);
    if (!a) return "a does not start";
    const bool first = wait_for([&] { return a->leadership().leading(); }, patience);
    const auto b = first ? start("b", 2) : nullptr;
    if (!b) {
      all_.forget(*a);  // before it is gone
      return first ? "b does not start" : "a does not lead";
    }
    const std::vector<std::string> both{"a", "b"};
    const auto together = [&] { return members_of(*a) == both && members_of(*b) == both; };
    const bool formed = wait_for(together, patience);
    a->stop();
    const boot_time stopped = boot_now();
    const bool followed = wait_for([&] { return b->leadership().leading(); }, patience);
    const nanoseconds took = boot_now() - stopped;
    const std::vector<std::string> alone{"b"};
    const bool left = wait_for([&] { return members_of(*b) == alone; }, patience);
    all_.forget(*a);
    all_.forget(*b);
    if (!formed) return "a and b do not come together";
    if (!followed) return "b does not follow";
    if (took > lease_length + seconds(1) + waited_for(where_) + busy())
      return fmt::format("b follows after {} ms", took / milliseconds(1));
    return left ? "" : "a is not left out";
  }
  // What a crowded machine may add: a recovery has some steps, and each may wait for its turn.
  nanoseconds busy() const { return 4 * all_.longest_pause(); }
  std::string judged() {
    if (record_.violations() != 0) return record_.told();
    if (record_.tokens() < 2) return "two tenures, one token";
    if (cut_at_ == 0) return {};
    // Before the first row nobody may act for a lease (R8).
    const boot_time at{cut_at_};
    const boot_time before = record_.last_before(at);
    const bool led = before != boot_time{};
    const nanoseconds allowed =
        (led ? 1 : 2) * lease_length + seconds(1) + waited_for(where_) + busy();
    const nanoseconds without = record_.first_after(at) - at;
    if (without > allowed) return fmt::format("nobody led for {} ms", without / milliseconds(1));
    return {};
  }

  postgres_proxy proxy_;
  const cut where_;
  std::string url_;
  int seen_ = 0;                         // on the proxy's thread
  std::atomic<std::int64_t> cut_at_{0};  // boot time
  acts record_;
  witness all_{record_};
};

std::vector<cut> cuts_of(const std::vector<proxy_request>& requests) {
  const bool every = std::getenv("HEDGEROW_EVERY_STATEMENT") != nullptr;
  std::map<std::string, int> seen;
  std::vector<cut> cuts;
  for (const proxy_request& one : requests) {
    const int n = ++seen[one.sql];
    if (n > 1 && !every) continue;
    cuts.push_back({one.sql, n, fate::cut_before});
    cuts.push_back({one.sql, n, fate::cut_after});
    cuts.push_back({one.sql, n, fate::refuse});
    if (every) cuts.push_back({one.sql, n, fate::drop_answer});
  }
  return cuts;
}

std::string in_short(const cut& where) {
  const char* how = where.how == fate::cut_before  ? "cut before"
                    : where.how == fate::cut_after ? "cut after"
                    : where.how == fate::refuse    ? "an error at"
                                                   : "no answer to";
  return fmt::format("{} number {} of \"{}\"", how, where.n, where.sql.substr(0, 60));
}

TEST(thirty, item_2_an_error_at_any_statement_is_survived_before_and_after_its_commit) {
  postgres_server server;
  server.set("log_min_messages", "fatal");
  const run_outcome whole = life(server, "whole", {}).live();
  ASSERT_EQ(whole.trouble, "");
  const std::vector<cut> cuts = cuts_of(whole.requests);
  EXPECT_GE(cuts.size(), 20U) << "settings, tables, lease and views";
  std::atomic<std::size_t> hit{0};
  std::mutex lock;
  at_once(threads, cuts.size(), [&](std::size_t k) {
    const run_outcome outcome = life(server, fmt::format("cut{}", k), cuts[k]).live();
    hit += outcome.cut ? 1 : 0;
    const std::lock_guard hold(lock);
    EXPECT_EQ(outcome.trouble, "") << in_short(cuts[k]);
    if (!outcome.cut) std::printf("not met: %s\n", in_short(cuts[k]).c_str());
  });
  std::printf("%zu requests in a run; %zu cuts, %zu met\n", whole.requests.size(), cuts.size(),
              hit.load());
  EXPECT_GE(hit, cuts.size() * 9 / 10) << "else too few were met to show anything";
}

}  // namespace
}  // namespace hedgerow::databases_test
