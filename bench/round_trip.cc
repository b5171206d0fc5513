// A message of 64 bytes to the leader and back, between two processes on loopback, beside a bare
// epoll echo over TCP and beside gRPC's unary call, in the same run and on the same cores. They
// alternate, so that all meet the same machine.

#include <string>

#include "bench/lib/bare_echo.h"
#include "bench/lib/group.h"
#include "bench/lib/grpc_echo.h"
#include "bench/lib/process.h"
#include "bench/lib/series.h"

namespace {

using namespace hedgerow::bench;

constexpr int rounds = 10;
constexpr int messages_per_round = 2000;
constexpr int warm_up = 500;

// In each round everyone takes its turn; the first one warms up and does not count.
template <typename Turns>
void alternate(Turns turns) {
  turns(warm_up, false);
  for (int i = 0; i < rounds; ++i)
    turns(messages_per_round, true);
}

void measure_callbacks(const place& group, const sockaddr_in& echo_at, grpc_caller* grpc) {
  echo_caller echo(echo_at);
  const auto node = join_group(group);
  series ignored, bare, unary, own;
  alternate([&](int count, bool counts) {
    echo.run(count, counts ? bare : ignored);
    if (grpc) grpc->run(count, counts ? unary : ignored);
    send_one_by_one(*node, count, counts ? own : ignored);
  });
  bare.print("echo");
  if (grpc) unary.print("grpc");
  own.print("send");
}

void measure_blocking(const place& group, grpc_caller* grpc) {
  const auto node = join_group(group);
  series ignored, unary, own;
  alternate([&](int count, bool counts) {
    if (grpc) grpc->run_blocking(count, counts ? unary : ignored);
    send_blocking(*node, count, counts ? own : ignored);
  });
  if (grpc) unary.print("grpc, blocking");
  own.print("send, blocking");
}

}  // namespace

// [SERVERS' CORE, CALLER'S CORE]
int main(int argc, char** argv) {
  const auto on = placement::from(argc, argv);
  const temporary_folder folder;
  const place on_loop = place_in(folder, "loop"), on_pool = place_in(folder, "pool");
  const auto echo = listen_on_loopback();
  const notice grpc_port;
  children all;
  all.start(on.servers, [&] { serve_echo(echo.fd); });
  all.start(on.servers, [&] { serve_group(on_loop, handler_place::loop); });
  all.start(on.servers, [&] { serve_group(on_pool, handler_place::pool); });
  if (with_grpc) all.start(on.servers, [&] { serve_grpc(grpc_port); });
  const pid_t caller = all.start(on.caller, [&] {
    const auto grpc = with_grpc ? std::make_unique<grpc_caller>(grpc_port.await()) : nullptr;
    measure_callbacks(on_loop, echo.at, grpc.get());
    measure_blocking(on_pool, grpc.get());
  });
  return all.wait(caller);
}
