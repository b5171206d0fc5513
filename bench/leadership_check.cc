// What it costs to ask "do I lead?", on the thread of a user, while the node leads; and to ask a
// bounded clock for true time, which is most of it.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>
#include <hedgerow/node.h>

#include "clock/open_clock.h"
#include "clock/test_segment.h"

namespace {

using hedgerow::clock::test_segment;

std::unique_ptr<hedgerow::node> on_machine_clock;
std::unique_ptr<hedgerow::node> on_clockbound;
std::unique_ptr<hedgerow::ports::clock> bounded;
std::unique_ptr<test_segment> segment;

void check(benchmark::State& state, const hedgerow::node& leader) {
  for (auto _ : state) {
    const auto now = leader.leadership();
    if (!now.leading()) {
      state.SkipWithError("the leader lost its lease");
      break;
    }
    benchmark::DoNotOptimize(now.token);
  }
}

void leadership_check(benchmark::State& state) {
  check(state, *on_machine_clock);
}
BENCHMARK(leadership_check);

void leadership_check_clockbound(benchmark::State& state) {
  segment->write({});
  check(state, *on_clockbound);
}
BENCHMARK(leadership_check_clockbound);

void bounded_truth(benchmark::State& state) {
  segment->write({});
  for (auto _ : state)
    benchmark::DoNotOptimize(bounded->truth());
}
BENCHMARK(bounded_truth);

void bounded_now(benchmark::State& state) {
  segment->write({});
  for (auto _ : state)
    benchmark::DoNotOptimize(bounded->now());
}
BENCHMARK(bounded_now);

// The yardsticks: one look at the clock, which nothing can do without.
void clock_read(benchmark::State& state) {
  timespec t{};
  for (auto _ : state) {
    clock_gettime(CLOCK_BOOTTIME, &t);
    benchmark::DoNotOptimize(t);
  }
}
BENCHMARK(clock_read);

// And the two without which there is no bounded time.
void two_clock_reads(benchmark::State& state) {
  timespec t{};
  for (auto _ : state) {
    clock_gettime(CLOCK_REALTIME, &t);
    benchmark::DoNotOptimize(t);
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    benchmark::DoNotOptimize(t);
  }
}
BENCHMARK(two_clock_reads);

// Null, and a word on stderr, if it does not come to lead.
std::unique_ptr<hedgerow::node> lead(const std::string& store, const std::string& clock) {
  hedgerow::options o;
  o.name = "leader";
  o.store = store;
  o.clock = clock;
  o.lease = std::chrono::milliseconds{1000};
  o.on_message = hedgerow::handler::non_blocking(
      [](const hedgerow::message_view&) -> hedgerow::result<std::string> { return "ok"; });
  auto node = hedgerow::node::start(o);
  if (!node) {
    std::fprintf(stderr, "%s\n", node.error().message().c_str());
    return nullptr;
  }
  // A reply proves that it leads.
  if (auto ok = (*node)->send("", std::chrono::seconds{20}); !ok) {
    std::fprintf(stderr, "%s\n", ok.error().message().c_str());
    return nullptr;
  }
  return std::move(*node);
}

int run(const std::string& folder) {
  segment = std::make_unique<test_segment>(folder + "/shm0");
  segment->write({});
  const std::string spec = "clockbound:" + segment->path();
  auto opened = hedgerow::clock::open_clock(spec);
  if (!opened) return 1;
  bounded = std::move(*opened);
  on_machine_clock = lead(folder + "/machine.db", "machine");
  on_clockbound = lead(folder + "/clockbound.db", spec);
  if (!on_machine_clock || !on_clockbound) return 1;
  benchmark::RunSpecifiedBenchmarks();
  on_machine_clock.reset();
  on_clockbound.reset();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  char folder[] = "/tmp/hedgerow-bench-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  const int code = run(folder);
  std::filesystem::remove_all(folder);
  return code;
}
