// Messages of 64 bytes and of 64 KiB on one stream, counted where they arrive: beside gRPC's client
// stream, and beside blocking writes and reads of 64 KiB. The long ones with a secret, too, beside
// such writes and reads over TLS. And what each costs in processor time, at both ends.

#include <atomic>
#include <string>
#include <thread>

#include "bench/lib/bare_echo.h"
#include "bench/lib/bare_stream.h"
#include "bench/lib/group.h"
#include "bench/lib/group_stream.h"
#include "bench/lib/grpc_echo.h"
#include "bench/lib/process.h"
#include "bench/lib/rates.h"

namespace {

using namespace hedgerow::bench;

constexpr int rounds = 8;             // the first does not count
constexpr int bulk_messages = 8'000;  // half a GiB
constexpr int grpc_bulk_messages = 4'000;
constexpr int grpc_messages = 200'000;
constexpr int own_messages = 4'000'000;
constexpr int sends_under_load = 2'000;

struct servers {
  pid_t bare = 0;
  pid_t tls = 0;
  pid_t grpc = 0;
  pid_t group = 0;
  pid_t tls_group = 0;
};

// Where they are found.
struct addresses {
  sockaddr_in bare{};
  sockaddr_in tls{};
  place group;
  place tls_group;
};

// One-shot messages on a connection that a stream fills: how long they wait behind it.
void measure_sends_beside_a_stream(hedgerow::node& node) {
  series sends;
  std::atomic<bool> enough{false};
  std::thread load([&] {
    while (!enough)
      pour(node, bulk_messages / 8, bulk_bytes);
  });
  send_one_by_one(node, sends_under_load, sends);
  enough = true;
  load.join();
  sends.print("send beside a stream");
}

void measure(const addresses& at, const notice& grpc_port, const servers& ends) {
  bulk_caller bare(at.bare, protection::none), tls(at.tls, protection::tls);
  const auto grpc = with_grpc ? std::make_unique<grpc_caller>(grpc_port.await()) : nullptr;
  const auto node = join_group(at.group), tls_node = join_group(at.tls_group);
  rates own_small("stream, small", ends.group);
  rates own_bulk("stream, bulk", ends.group);
  rates own_tls_bulk("stream tls, bulk", ends.tls_group);
  rates bare_bulk("bare, bulk", ends.bare);
  rates tls_bulk("bare tls, bulk", ends.tls);
  rates grpc_small("grpc, small", ends.grpc);
  rates grpc_bulk("grpc, bulk", ends.grpc);
  for (int i = 0; i < rounds; ++i) {
    bare_bulk.add(bulk_messages, [&](int count) { return bare.pour(count); });
    tls_bulk.add(bulk_messages, [&](int count) { return tls.pour(count); });
    own_bulk.add(bulk_messages, [&](int count) { return pour(*node, count, bulk_bytes); });
    own_tls_bulk.add(bulk_messages, [&](int count) { return pour(*tls_node, count, bulk_bytes); });
    own_small.add(own_messages, [&](int count) { return pour(*node, count, small_bytes); });
    if (!grpc) continue;
    grpc_small.add(grpc_messages, [&](int count) { return grpc->pour(count, small_bytes); });
    grpc_bulk.add(grpc_bulk_messages, [&](int count) { return grpc->pour(count, bulk_bytes); });
  }
  for (auto* each :
       {&bare_bulk, &tls_bulk, &own_bulk, &own_tls_bulk, &own_small, &grpc_small, &grpc_bulk})
    each->print();
  measure_sends_beside_a_stream(*node);
}

}  // namespace

// [SERVERS' CORE, CALLER'S CORE]
int main(int argc, char** argv) {
  const auto on = placement::from(argc, argv);
  const auto bare = listen_on_loopback(), tls = listen_on_loopback();
  const temporary_folder folder;
  const addresses at{bare.at, tls.at, place_in(folder, "plain"),
                     place_in(folder, "secret", protection::tls)};
  const notice grpc_port;
  children all;
  servers ends;
  ends.bare = all.start(on.servers, [&] { serve_bulk(bare.fd, protection::none); });
  ends.tls = all.start(on.servers, [&] { serve_bulk(tls.fd, protection::tls); });
  ends.group = all.start(on.servers, [&] { serve_group(at.group, handler_place::loop); });
  ends.tls_group = all.start(on.servers, [&] { serve_group(at.tls_group, handler_place::loop); });
  if (with_grpc) ends.grpc = all.start(on.servers, [&] { serve_grpc(grpc_port); });
  return all.wait(all.start(on.caller, [&] { measure(at, grpc_port, ends); }));
}
