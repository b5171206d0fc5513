// In place of grpc_echo.cc where gRPC is not installed: the rest can still be measured.

#include "bench/lib/die.h"
#include "bench/lib/grpc_echo.h"

namespace hedgerow::bench {

const bool with_grpc = false;

namespace {

[[noreturn]] void absent() {
  die("built without gRPC: install libgrpc++-dev and protobuf-compiler-grpc, and build again");
}

}  // namespace

class grpc_caller::impl {};

void serve_grpc(const notice& /*port*/) {
  absent();
}
grpc_caller::grpc_caller(int /*port*/) {
  absent();
}
grpc_caller::~grpc_caller() = default;
void grpc_caller::run(int /*count*/, series& /*out*/) {
  absent();
}
void grpc_caller::run_blocking(int /*count*/, series& /*out*/) {
  absent();
}
clock::duration grpc_caller::in_flight(int /*count*/, int /*window*/) {
  absent();
}
clock::duration grpc_caller::pour(int /*count*/, std::size_t /*bytes*/) {
  absent();
}

}  // namespace hedgerow::bench
