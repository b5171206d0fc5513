#include "bench/lib/sockets.h"

#include <algorithm>

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/lib/die.h"

namespace hedgerow::bench {

namespace {

int without_delay(int fd) {
  const int one = 1;
  if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
    die("no connection on loopback");
  return fd;
}

}  // namespace

listener listen_on_loopback() {
  listener made;
  made.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  made.at.sin_family = AF_INET;
  made.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof made.at;
  auto* at = reinterpret_cast<sockaddr*>(&made.at);
  if (bind(made.fd, at, size) != 0 || listen(made.fd, 8) != 0 ||
      getsockname(made.fd, at, &size) != 0)
    die("no free port on loopback");
  return made;
}

int accept_one(int listener) {
  return without_delay(accept(listener, nullptr, nullptr));
}

int connect_to(const sockaddr_in& at) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
    die("nobody listens on loopback");
  return without_delay(fd);
}

void write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, data, size);
    if (n <= 0) die("the other end of a yardstick is gone");
    data += n;
    size -= static_cast<std::size_t>(n);
  }
}

readable::readable() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

readable::~readable() {
  close(epoll_);
}

void readable::add(int fd) const {
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.fd = fd;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) != 0) die("epoll_ctl failed");
}

std::size_t readable::wait(int* fds, std::size_t size) const {
  epoll_event events[64];
  const int room = static_cast<int>(std::min<std::size_t>(size, 64));
  int n = 0;
  while ((n = epoll_wait(epoll_, events, room, -1)) <= 0) {
  }
  for (int i = 0; i < n; ++i)
    fds[i] = events[i].data.fd;
  return static_cast<std::size_t>(n);
}

std::size_t wait_and_read(const readable& set, int fd, char* buffer, std::size_t size) {
  int ready = -1;
  while (set.wait(&ready, 1) != 1) {
  }
  const ssize_t n = read(fd, buffer, size);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

}  // namespace hedgerow::bench
