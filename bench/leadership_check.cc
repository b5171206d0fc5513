// What it costs to ask "do I lead?", on the thread of a user, while the node leads.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>

#include <benchmark/benchmark.h>
#include <hedgerow/node.h>

namespace {

hedgerow::node* leader = nullptr;

void leadership_check(benchmark::State& state) {
  for (auto _ : state) {
    const auto now = leader->leadership();
    if (!now.leading()) {
      state.SkipWithError("the leader lost its lease");
      break;
    }
    benchmark::DoNotOptimize(now.token);
  }
}
BENCHMARK(leadership_check);

// The yardstick: one look at the clock, which nothing can do without.
void clock_read(benchmark::State& state) {
  timespec t{};
  for (auto _ : state) {
    clock_gettime(CLOCK_BOOTTIME, &t);
    benchmark::DoNotOptimize(t);
  }
}
BENCHMARK(clock_read);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  char folder[] = "/tmp/hedgerow-bench-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  hedgerow::options o;
  o.name = "leader";
  o.store = std::string(folder) + "/group.db";
  o.lease = std::chrono::milliseconds{1000};
  o.on_message = hedgerow::handler::non_blocking(
      [](const hedgerow::message_view&) -> hedgerow::result<std::string> { return "ok"; });
  auto node = hedgerow::node::start(o);
  if (!node) {
    std::fprintf(stderr, "%s\n", node.error().message().c_str());
    return 1;
  }
  // A reply proves that it leads.
  if (auto ok = (*node)->send("", std::chrono::seconds{20}); !ok) {
    std::fprintf(stderr, "%s\n", ok.error().message().c_str());
    return 1;
  }
  leader = node->get();
  benchmark::RunSpecifiedBenchmarks();
  (*node)->stop();
  std::filesystem::remove_all(folder);
  return 0;
}
