#pragma once
// The yardstick of a message and its answer: an epoll loop at each end of a TCP connection, without
// headers, copies or timers. Nothing that is built on TCP and epoll can be faster with as many
// messages in a packet.

#include <chrono>
#include <string>
#include <vector>

#include "bench/lib/series.h"
#include "bench/lib/sockets.h"

namespace hedgerow::bench {

// Of every message that is measured, unless its line says otherwise.
inline constexpr std::size_t small_bytes = 64;

enum class echo_writes {
  one_per_read,     // all messages that a read brought are answered with one write
  one_per_message,  // as a server does that does not gather what it sends
};

// Accepts one connection and echoes it until it ends.
void serve_echo(int listener, echo_writes how = echo_writes::one_per_read);

class echo_caller {
 public:
  explicit echo_caller(const sockaddr_in& at);

  // One message after the other.
  void run(int count, series& out);
  // `count` messages with `window` of them on their way; each answer is followed by a message.
  clock::duration in_flight(int count, int window, echo_writes how);

 private:
  int fd_;
  readable set_;
  std::string payload_;
};

// One loop that writes a message to each of many echo servers, and reads until all have answered.
class echo_fan {
 public:
  explicit echo_fan(const std::vector<listener>& servers);

  void run(int count, series& out);

 private:
  std::vector<int> fds_;
  readable set_;
};

}  // namespace hedgerow::bench
