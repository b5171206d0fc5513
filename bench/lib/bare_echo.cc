#include "bench/lib/bare_echo.h"

#include <algorithm>

#include <unistd.h>

#include "bench/lib/die.h"

namespace hedgerow::bench {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{64} * 1024;

void write_messages(int fd, const char* data, std::size_t size, echo_writes how) {
  const std::size_t step = how == echo_writes::one_per_read ? size : small_bytes;
  for (std::size_t done = 0; done < size; done += step)
    write_all(fd, data + done, std::min(step, size - done));
}

}  // namespace

void serve_echo(int listener, echo_writes how) {
  const int fd = accept_one(listener);
  const readable set;
  set.add(fd);
  std::string buffer(buffer_bytes, '\0');
  while (const std::size_t n = wait_and_read(set, fd, buffer.data(), buffer.size()))
    write_messages(fd, buffer.data(), n, how);
  close(fd);
}

echo_caller::echo_caller(const sockaddr_in& at) : fd_(connect_to(at)), payload_(small_bytes, 'x') {
  set_.add(fd_);
}

void echo_caller::run(int count, series& out) {
  char buffer[4096];
  for (int i = 0; i < count; ++i) {
    const auto start = clock::now();
    write_all(fd_, payload_.data(), payload_.size());
    std::size_t got = 0;
    while (got < payload_.size()) {
      const std::size_t n = wait_and_read(set_, fd_, buffer, sizeof buffer);
      if (n == 0) die("the echo server is gone");
      got += n;
    }
    out.add(clock::now() - start);
  }
}

clock::duration echo_caller::in_flight(int count, int window, echo_writes how) {
  const std::string many(buffer_bytes, 'x');
  std::string buffer(buffer_bytes, '\0');
  const std::size_t total = static_cast<std::size_t>(count) * small_bytes;
  const auto start = clock::now();
  std::size_t sent = std::min(total, static_cast<std::size_t>(window) * small_bytes);
  write_messages(fd_, many.data(), sent, how);
  for (std::size_t got = 0, answered = 0; got < total;) {
    const std::size_t n = wait_and_read(set_, fd_, buffer.data(), buffer.size());
    if (n == 0) die("the echo server is gone");
    got += n;
    const std::size_t whole = got - got % small_bytes;
    const std::size_t next = std::min(whole - answered, total - sent);
    answered = whole;
    write_messages(fd_, many.data(), next, how);
    sent += next;
  }
  return clock::now() - start;
}

echo_fan::echo_fan(const std::vector<listener>& servers) {
  for (const auto& one : servers) {
    fds_.push_back(connect_to(one.at));
    set_.add(fds_.back());
  }
}

void echo_fan::run(int count, series& out) {
  const std::string payload(small_bytes, 'x');
  char buffer[4096];
  int ready[64];
  for (int i = 0; i < count; ++i) {
    const auto start = clock::now();
    for (const int fd : fds_)
      write_all(fd, payload.data(), payload.size());
    for (std::size_t left = fds_.size() * small_bytes; left > 0;) {
      const std::size_t n = set_.wait(ready, std::size(ready));
      for (std::size_t k = 0; k < n; ++k) {
        const ssize_t got = read(ready[k], buffer, sizeof buffer);
        if (got <= 0) die("an echo server is gone");
        left -= static_cast<std::size_t>(got);
      }
    }
    out.add(clock::now() - start);
  }
}

}  // namespace hedgerow::bench
