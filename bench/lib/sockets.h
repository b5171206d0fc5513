#pragma once
// What the bare yardsticks need of TCP, blocking, ending the program if it fails.

#include <cstddef>

#include <netinet/in.h>

namespace hedgerow::bench {

struct listener {
  int fd = -1;
  sockaddr_in at{};
};

// On a free port of loopback. To be made before the fork: both processes then know the port.
listener listen_on_loopback();

// Both without Nagle's delay, as all that is measured here.
int accept_one(int listener);
int connect_to(const sockaddr_in& at);

void write_all(int fd, const char* data, std::size_t size);

// An epoll set of descriptors to read from.
class readable {
 public:
  readable();
  ~readable();
  readable(const readable&) = delete;
  readable& operator=(const readable&) = delete;

  void add(int fd) const;
  // The one step of a loop: blocks until some are readable, up to `size`; how many.
  std::size_t wait(int* fds, std::size_t size) const;

 private:
  int epoll_;
};

// What can be read of one descriptor once it is readable; 0 at its end.
std::size_t wait_and_read(const readable& set, int fd, char* buffer, std::size_t size);

}  // namespace hedgerow::bench
