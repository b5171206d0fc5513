#include "clock/test_chronyd.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace hedgerow::clock {
namespace {

template <class Unsigned>
void put(std::string& to, std::size_t where, Unsigned value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    to[where + i] = static_cast<char>(value >> (8 * (sizeof value - 1 - i)));
}

}  // namespace

std::uint32_t to_chrony_float(double value) {
  int exponent = 0;
  const double part = std::frexp(value, &exponent);  // 0.5 <= |part| < 1
  const auto coefficient = static_cast<std::int32_t>(std::lround(std::ldexp(part, 24)));
  if (coefficient == 1 << 24) return to_chrony_float(std::nextafter(value, 0));
  return static_cast<std::uint32_t>(exponent + 1) << 25 |
         (static_cast<std::uint32_t>(coefficient) & 0x1FFFFFF);
}

std::string encode_answer(const tracking_answer& what, const std::string& request) {
  if (request.size() < 104 || request[0] != 6 || request[1] != 1 || request[5] != 33) return {};
  std::string reply(104, '\0');
  reply[0] = 6;
  reply[1] = 2;
  put(reply, 4, std::uint16_t{33});
  put(reply, 6, std::uint16_t{5});
  reply.replace(16, 4, request, 8, 4);
  put(reply, 28, what.reference_id);
  put(reply, 52, std::uint16_t{2});
  put(reply, 54, what.leap);
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t at = now.tv_sec * 1'000'000'000 + now.tv_nsec - what.reference_age_ns;
  put(reply, 56, static_cast<std::uint32_t>((at / 1'000'000'000) >> 32));
  put(reply, 60, static_cast<std::uint32_t>(at / 1'000'000'000));
  put(reply, 64, static_cast<std::uint32_t>(at % 1'000'000'000));
  put(reply, 68, to_chrony_float(what.current_correction));
  put(reply, 92, to_chrony_float(what.root_delay));
  put(reply, 96, to_chrony_float(what.root_dispersion));
  put(reply, 100, to_chrony_float(what.last_update_interval));
  return reply;
}

test_chronyd::test_chronyd(const std::string& path) : path_(path) {
  fd_ = socket(path.empty() ? AF_INET : AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  path.copy(local.sun_path, sizeof local.sun_path - 1);
  socklen_t size = path.empty() ? sizeof any : sizeof local;
  auto* at = path.empty() ? reinterpret_cast<sockaddr*>(&any) : reinterpret_cast<sockaddr*>(&local);
  if (bind(fd_, at, size) != 0) std::abort();
  if (path.empty() && getsockname(fd_, at, &size) != 0) std::abort();
  port_ = ntohs(any.sin_port);
  thread_ = std::thread([this] { run(); });
}

test_chronyd::~test_chronyd() {
  {
    const std::lock_guard hold(lock_);
    stopped_ = true;
  }
  thread_.join();
  close(fd_);
  if (!path_.empty()) unlink(path_.c_str());
}

void test_chronyd::answer(const tracking_answer& what) {
  const std::lock_guard hold(lock_);
  answer_ = what;
}

void test_chronyd::spoil(std::function<std::string(std::string)> how) {
  const std::lock_guard hold(lock_);
  spoiled_ = std::move(how);
}

int test_chronyd::asked() {
  const std::lock_guard hold(lock_);
  return asked_;
}

void test_chronyd::run() {
  std::array<char, 1024> buffer;
  for (;;) {
    pollfd in{fd_, POLLIN, 0};
    const int ready = poll(&in, 1, 10);
    const std::lock_guard hold(lock_);
    if (stopped_) return;
    if (ready <= 0) continue;
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t n =
        recvfrom(fd_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 0) continue;
    ++asked_;
    std::string reply = encode_answer(answer_, {buffer.data(), static_cast<std::size_t>(n)});
    if (spoiled_) reply = spoiled_(std::move(reply));
    if (!reply.empty())
      sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
}

}  // namespace hedgerow::clock
