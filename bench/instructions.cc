// Messages of 64 bytes with 64 of them on their way, for a tool that counts the instructions of
// both processes: it runs this twice, and what the longer run has more is what its messages cost.

#include <string>

#include "bench/lib/bare_echo.h"
#include "bench/lib/die.h"
#include "bench/lib/group.h"
#include "bench/lib/grpc_echo.h"
#include "bench/lib/process.h"

namespace {

using namespace hedgerow::bench;

constexpr int window = 64;

void run_echo(children& all, int count) {
  const auto echo = listen_on_loopback();
  all.start(-1, [&] { serve_echo(echo.fd, echo_writes::one_per_message); });
  echo_caller(echo.at).in_flight(count, window, echo_writes::one_per_message);
}

// The caller is a process of its own: nothing may be forked once there are threads.
int run_grpc(children& all, int count) {
  const notice port;
  all.start(-1, [&] { serve_grpc(port); });
  return all.wait(all.start(-1, [&] { grpc_caller(port.await()).in_flight(count, window); }));
}

int run_send(children& all, int count) {
  const temporary_folder folder;
  const place group = place_in(folder, "group");
  all.start(-1, [&] { serve_group(group, handler_place::loop); });
  const int status =
      all.wait(all.start(-1, [&] { send_in_flight(*join_group(group), count, window); }));
  all.terminate();
  return status;
}

}  // namespace

// send | grpc | echo, MESSAGES
int main(int argc, char** argv) {
  const std::string what = argc == 3 ? argv[1] : "";
  const int count = argc == 3 ? std::atoi(argv[2]) : 0;
  if (count < window) die("usage: instructions send|grpc|echo MESSAGES");
  children all;
  int status = 0;
  if (what == "send") {
    status = run_send(all, count);
  } else if (what == "grpc") {
    status = run_grpc(all, count);
  } else {
    run_echo(all, count);
  }
  all.terminate();
  return status;
}
