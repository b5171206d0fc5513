#include "clock/chrony_source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace hedgerow::clock {
namespace {

using std::chrono::ceil;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds period{500};
constexpr milliseconds patience{400};
constexpr std::string_view default_host = "127.0.0.1";
constexpr std::uint16_t default_port = 323;
// More answers to other questions than any chronyd sends.
constexpr int strangers_max = 16;

tl::unexpected<error> refuse(std::string_view text, std::string_view why) {
  return fail(errc::invalid_argument,
              fmt::format("chrony at \"{}\": {}; write chrony, chrony:127.0.0.1:323 or "
                          "chrony:/run/chrony/chronyd.sock",
                          text, why));
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  std::uint16_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size() || number == 0) return false;
  port = number;
  return true;
}

bool set_host(std::string host, std::uint16_t port, chrony_address& into) {
  if (host == "localhost") host = default_host;
  auto& four = reinterpret_cast<sockaddr_in&>(into.to);
  auto& six = reinterpret_cast<sockaddr_in6&>(into.to);
  if (inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    into.size = sizeof four;
    return (ntohl(four.sin_addr.s_addr) >> 24) == 127;
  }
  if (inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) != 1) return false;
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  into.size = sizeof six;
  return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}

bool set_path(const std::string& path, chrony_address& into) {
  auto& local = reinterpret_cast<sockaddr_un&>(into.to);
  if (path.size() >= sizeof local.sun_path || path.find('\0') != path.npos) return false;
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.c_str(), path.size() + 1);
  into.size = sizeof local;
  into.socket_path = path;
  return true;
}

// Need not be unpredictable: only this machine's chronyd can answer.
std::uint32_t random_number() {
  std::uint32_t number = 0;
  if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) number = 1;
  return number;
}

// A socket that is closed at the end, with the file to which a Unix socket was bound.
class question {
 public:
  explicit question(const chrony_address& where)
      : fd_(socket(where.to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (fd_ < 0) return;
    const bool bound = where.socket_path.empty() || bind_beside(where.socket_path);
    // Connected: the kernel takes datagrams from nobody else.
    if (bound && connect(fd_, reinterpret_cast<const sockaddr*>(&where.to), where.size) == 0)
      return;
    const int why = errno;
    close_both();
    errno = why;
  }
  ~question() { close_both(); }
  question(const question&) = delete;
  question& operator=(const question&) = delete;

  int fd() const { return fd_; }  // -1 and errno if it could not be opened

 private:
  // chronyd answers to the path of the asking socket: it must be able to reach it, and to write.
  bool bind_beside(const std::string& server) {
    const std::string folder = server.substr(0, server.rfind('/') + 1);
    const std::uint32_t salt = random_number();
    for (const std::string& in : {folder, std::string("/tmp/")}) {
      const std::string path = fmt::format("{}hedgerow.{}.{:08x}.sock", in, getpid(), salt);
      chrony_address mine;
      if (!set_path(path, mine)) continue;
      if (bind(fd_, reinterpret_cast<const sockaddr*>(&mine.to), mine.size) != 0) continue;
      bound_ = path;
      return chmod(path.c_str(), 0666) == 0;
    }
    return false;
  }
  void close_both() {
    if (fd_ >= 0) close(fd_);
    if (!bound_.empty()) unlink(bound_.c_str());
    fd_ = -1;
    bound_.clear();
  }

  int fd_;
  std::string bound_;
};

int milliseconds_until(steady_clock::time_point when) {
  const auto left = ceil<milliseconds>(when - steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, patience.count() + period.count()));
}

}  // namespace

result<chrony_address> parse_chrony_address(std::string_view text) {
  chrony_address a;
  if (text.starts_with('/')) {
    if (!set_path(std::string(text), a)) return refuse(text, "the path is too long for a socket");
    a.text = text;
    return a;
  }
  std::string_view host = default_host;
  std::uint16_t port = default_port;
  const auto colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  if (text.empty() || parse_port(text, port)) {
    // The default host.
  } else if (colon == text.npos || (bracketed && text.ends_with(']'))) {
    host = text;
  } else {
    host = text.substr(0, colon);
    if (!parse_port(text.substr(colon + 1), port)) return refuse(text, "the port is not a number");
  }
  if (bracketed && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!set_host(std::string(host), port, a))
    return refuse(text,
                  "only a chronyd of this machine knows this machine's clock, so the host "
                  "must be a loopback address");
  a.text = host.find(':') == host.npos ? fmt::format("{}:{}", host, port)
                                       : fmt::format("[{}]:{}", host, port);
  return a;
}

result<std::unique_ptr<chrony_source>> chrony_source::open(chrony_address where) {
  const int stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop < 0)
    return tl::unexpected(error(std::error_code(errno, std::generic_category()),
                                "no file descriptor is left to ask chronyd"));
  try {
    return std::unique_ptr<chrony_source>(new chrony_source(std::move(where), stop));
  } catch (const std::system_error& none) {
    close(stop);
    return tl::unexpected(error(none.code(), "no thread is left to ask chronyd"));
  }
}

chrony_source::chrony_source(chrony_address where, int stop)
    : where_(std::move(where)), stop_(stop) {
  newest_.store(no_bound(bound_fault::pending));
  thread_ = std::thread([this] { run(); });
}

chrony_source::~chrony_source() {
  retire();
  thread_.join();
  close(stop_);
}

void chrony_source::retire() noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(!write(stop_, &one, sizeof one));  // full: it was told before
}

bool chrony_source::pause_until(steady_clock::time_point when) const {
  pollfd stop{stop_, POLLIN, 0};
  while (poll(&stop, 1, milliseconds_until(when)) < 0 && errno == EINTR) {
  }
  return stop.revents == 0;
}

void chrony_source::run() {
  std::uint32_t sequence = random_number();
  for (;;) {
    const auto next = steady_clock::now() + period;
    const answer got = ask(++sequence);
    if (got.stopped) return;
    publish(got.bound);
    if (!pause_until(next)) return;
  }
}

void chrony_source::publish(const clock_bound& news) {
  const bool silent = news.fault == bound_fault::no_answer;
  last_error_.store(silent ? news.detail : 0, std::memory_order_relaxed);
  // The last answer holds until it is void. Other faults are answers.
  if (silent && newest_.load().usable()) return;
  if (!silent) synchronized_before_ = news.usable();
  newest_.store(news);
}

chrony_source::answer chrony_source::ask(std::uint32_t sequence) {
  const auto deadline = steady_clock::now() + patience;
  const question q(where_);
  if (q.fd() < 0) return {no_bound(bound_fault::no_answer, errno)};
  const auto bytes = tracking_request(sequence);
  // Before the question: what chronyd says holds from then on.
  const std::int64_t mono = read_ns(&::clock_gettime, CLOCK_MONOTONIC_COARSE);
  const clock_reads asked{read_ns(&::clock_gettime, CLOCK_REALTIME), mono};
  measurements_.on_asked(asked);
  if (send(q.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0)
    return {no_bound(bound_fault::no_answer, errno)};
  return await(q.fd(), sequence, asked, deadline);
}

chrony_source::answer chrony_source::await(int fd, std::uint32_t sequence, const clock_reads& asked,
                                           steady_clock::time_point deadline) {
  std::array<char, 1024> buffer;
  for (int strangers = 0; strangers < strangers_max;) {
    pollfd both[] = {{fd, POLLIN, 0}, {stop_, POLLIN, 0}};
    const int ready = poll(both, 2, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (both[1].revents != 0) return {{}, true};
    if (ready <= 0) return {no_bound(bound_fault::no_answer, ETIMEDOUT)};
    const ssize_t n = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return {no_bound(bound_fault::no_answer, errno)};
    const auto parsed = parse_tracking({buffer.data(), static_cast<std::size_t>(n)}, sequence);
    if (parsed) {
      const auto measured = measurements_.measured_ns(parsed->reference_ns);
      return {bound_of(*parsed, asked, measured, synchronized_before_)};
    }
    if (!parsed.error().other) return {no_bound(parsed.error().fault, parsed.error().detail)};
    ++strangers;
  }
  return {no_bound(bound_fault::answer_malformed)};
}

std::string chrony_source::explain(bound_fault why, std::int32_t detail) const {
  const std::string& at = where_.text;
  switch (why) {
    case bound_fault::pending:
      return fmt::format("chronyd at {} has not answered yet", at);
    case bound_fault::no_answer:
    case bound_fault::expired: {
      const int error = why == bound_fault::no_answer ? detail : last_error_.load();
      return fmt::format(
          "chronyd at {} does not answer: {}; is it running, and does it listen there? (cmdport in "
          "chrony.conf; in a container it takes the host's network)",
          at, std::generic_category().message(error == 0 ? ETIMEDOUT : error));
    }
    case bound_fault::answer_refused:
      return fmt::format("chronyd at {} refuses to tell its tracking (status {})", at, detail);
    case bound_fault::answer_malformed:
      return fmt::format("what answers at {} is not a chronyd that is understood", at);
    case bound_fault::local_reference:
      return fmt::format(
          "chronyd at {} follows its own clock (\"local\" in chrony.conf) and no "
          "server; give it one",
          at);
    case bound_fault::never_synchronized:
      return fmt::format("chronyd at {} has not reached its servers lately; see `chronyc sources`",
                         at);
    default:
      return fmt::format("chronyd at {} is not synchronized; see `chronyc tracking`", at);
  }
}

}  // namespace hedgerow::clock
