// Messages of 64 bytes to the leader with 64 of them on their way, a second: beside gRPC's unary
// calls and pipelined bare echoes. And what a message costs in processor time, at both ends.

#include <array>
#include <string>

#include "bench/lib/bare_echo.h"
#include "bench/lib/group.h"
#include "bench/lib/grpc_echo.h"
#include "bench/lib/process.h"
#include "bench/lib/rates.h"

namespace {

using namespace hedgerow::bench;

constexpr int rounds = 8;  // the first does not count
constexpr int window = 64;

struct servers {
  pid_t gathered_echo = 0;
  pid_t echo = 0;
  pid_t grpc = 0;
  pid_t group = 0;
};

void measure(const place& group, const sockaddr_in& gathered_at, const sockaddr_in& echo_at,
             const notice& grpc_port, const servers& ends) {
  echo_caller gathered(gathered_at), echo(echo_at);
  const auto grpc = with_grpc ? std::make_unique<grpc_caller>(grpc_port.await()) : nullptr;
  const auto node = join_group(group);
  rates gathered_echoes("echo, a write for each read", ends.gathered_echo);
  rates echoes("echo, a write for each message", ends.echo);
  rates unary("grpc", ends.grpc);
  rates own("send", ends.group);
  for (int i = 0; i < rounds; ++i) {
    gathered_echoes.add(400'000, [&](int count) {
      return gathered.in_flight(count, window, echo_writes::one_per_read);
    });
    echoes.add(100'000, [&](int count) {
      return echo.in_flight(count, window, echo_writes::one_per_message);
    });
    if (grpc) unary.add(10'000, [&](int count) { return grpc->in_flight(count, window); });
    own.add(100'000, [&](int count) { return send_in_flight(*node, count, window); });
  }
  for (auto* each : {&gathered_echoes, &echoes, &unary, &own})
    each->print();
}

}  // namespace

// [SERVERS' CORE, CALLER'S CORE]
int main(int argc, char** argv) {
  const auto on = placement::from(argc, argv);
  const temporary_folder folder;
  const place group = place_in(folder, "group");
  const auto gathered = listen_on_loopback(), echo = listen_on_loopback();
  const notice grpc_port;
  children all;
  servers ends;
  ends.gathered_echo = all.start(on.servers, [&] { serve_echo(gathered.fd); });
  ends.echo = all.start(on.servers, [&] { serve_echo(echo.fd, echo_writes::one_per_message); });
  ends.group = all.start(on.servers, [&] { serve_group(group, handler_place::loop); });
  if (with_grpc) ends.grpc = all.start(on.servers, [&] { serve_grpc(grpc_port); });
  const pid_t caller =
      all.start(on.caller, [&] { measure(group, gathered.at, echo.at, grpc_port, ends); });
  return all.wait(caller);
}
