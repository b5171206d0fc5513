#pragma once
// gRPC C++ as a yardstick, as its users would write it for speed: the callback API at both ends,
// one channel, no TLS, lite messages. One server process, one calling process, as with Hedgerow.

#include <chrono>
#include <cstddef>
#include <memory>

#include "bench/lib/process.h"
#include "bench/lib/series.h"

namespace hedgerow::bench {

// False in a build that did not find gRPC's Debian packages; then all below ends the program.
extern const bool with_grpc;

// Serves forever; tells the port once it can be called. Not to be forked after.
[[noreturn]] void serve_grpc(const notice& port);

class grpc_caller {
 public:
  explicit grpc_caller(int port);
  ~grpc_caller();
  grpc_caller(const grpc_caller&) = delete;
  grpc_caller& operator=(const grpc_caller&) = delete;

  // One unary call after the other, each started from the completion of the one before.
  void run(int count, series& out);
  // The same with the blocking call.
  void run_blocking(int count, series& out);
  // `count` unary calls with `window` of them outstanding; a completion starts the next call.
  clock::duration in_flight(int count, int window);
  // `count` messages of `bytes` on one client stream, each written when the one before was taken,
  // with gRPC's hint that it may gather them. Until the server has said that it has read them all.
  clock::duration pour(int count, std::size_t bytes);

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace hedgerow::bench
