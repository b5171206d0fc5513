#include "tests/postgres/proxy.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/postgres/proxy_link.h"

namespace hedgerow::postgres_test {
namespace {

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::string socket_of(const postgres_server& server) {
  return (server.folder() / (".s.PGSQL." + std::to_string(server.port()))).native();
}

// -1 if nobody serves there, or too many wait.
int connect_to(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) throw std::runtime_error{"too long a path: " + path};
  std::memcpy(to.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw_errno("socket");
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

class postgres_proxy::loop {
 public:
  explicit loop(std::string socket) : to_{std::move(socket)} {
    listening_ = socket_for_clients();
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ < 0) throw_errno("eventfd");
  }
  ~loop() {
    links_.clear();
    close(listening_);
    close(wake_);
  }
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;

  std::uint16_t port() const {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    if (getsockname(listening_, reinterpret_cast<sockaddr*>(&at), &size) != 0)
      throw_errno("getsockname");
    return ntohs(at.sin_port);
  }

  // From any thread; `what` has run when it returns.
  void call(const std::function<void(loop&)>& what) {
    std::packaged_task<void()> task([&] { what(*this); });
    auto done = task.get_future();
    {
      const std::lock_guard hold(mutex_);
      calls_.push_back(std::move(task));
    }
    eventfd_write(wake_, 1);
    done.get();
  }

  void run() {
    while (!stopped) {
      wait();
      std::vector<std::packaged_task<void()>> calls;
      {
        const std::lock_guard hold(mutex_);
        calls.swap(calls_);
      }
      for (auto& one : calls)
        one();
      accept_all();
      for (const auto& one : links_)
        one->advance([&](int connection, const std::string& sql) { return ask(connection, sql); });
      std::erase_if(links_, [](const auto& one) { return one->ended(); });
    }
  }

  // On the loop's thread.
  judge by;
  std::vector<proxy_request> requests;
  bool refused = false;
  bool stopped = false;
  void lead_to(std::string socket) { to_ = std::move(socket); }
  void cut() { links_.clear(); }
  void release() {
    for (const auto& one : links_)
      one->release();
  }
  std::size_t kept() const {
    return static_cast<std::size_t>(
        std::count_if(links_.begin(), links_.end(), [](const auto& one) { return one->kept(); }));
  }
  bool settled() const {
    return std::none_of(links_.begin(), links_.end(), [](const auto& one) { return one->busy(); });
  }

 private:
  static int socket_for_clients() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) throw_errno("socket");
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || listen(fd, 128) != 0)
      throw_errno("listen");
    return fd;
  }

  void accept_all() {
    for (;;) {
      const int client = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (client < 0) return;
      const int server = refused ? -1 : connect_to(to_);
      links_.push_back(std::make_unique<proxy_link>(++connections_, client, server));
    }
  }

  ruling ask(int connection, const std::string& sql) {
    requests.push_back({static_cast<int>(requests.size()) + 1, connection, sql});
    return by ? by(requests.back()) : ruling{};
  }

  void wait() {
    std::vector<pollfd> fds{{listening_, POLLIN, 0}, {wake_, POLLIN, 0}};
    auto until = steady_clock::time_point::max();
    for (const auto& one : links_) {
      fds.push_back({one->client(), one->client_events(), 0});  // below zero is passed over
      fds.push_back({one->server(), one->server_events(), 0});
      until = std::min(until, one->wakes_at());
    }
    int timeout = -1;
    if (until != steady_clock::time_point::max()) {
      const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
      timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
    }
    poll(fds.data(), fds.size(), timeout);
    eventfd_t ignored = 0;
    eventfd_read(wake_, &ignored);
  }

  std::string to_;
  int listening_ = -1;
  int wake_ = -1;
  int connections_ = 0;
  std::vector<std::unique_ptr<proxy_link>> links_;
  std::mutex mutex_;
  std::vector<std::packaged_task<void()>> calls_;  // guarded by mutex_
};

postgres_proxy::postgres_proxy(const postgres_server& behind)
    : loop_{std::make_unique<loop>(socket_of(behind))} {
  port_ = loop_->port();
  thread_ = std::thread([this] { loop_->run(); });
}

postgres_proxy::~postgres_proxy() {
  on_loop([](loop& in) { in.stopped = true; });
  thread_.join();
}

void postgres_proxy::on_loop(const std::function<void(loop&)>& what) const {
  loop_->call(what);
}

std::string postgres_proxy::url(const std::string& user, const std::string& database) const {
  return "postgres://" + user + "@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

void postgres_proxy::decide(judge by) {
  on_loop([&](loop& in) { in.by = std::move(by); });
}

void postgres_proxy::release() {
  on_loop([](loop& in) { in.release(); });
}

void postgres_proxy::cut() {
  on_loop([](loop& in) { in.cut(); });
}

void postgres_proxy::refuse_connections(bool refused) {
  on_loop([&](loop& in) { in.refused = refused; });
}

void postgres_proxy::lead_to(const postgres_server& other) {
  on_loop([&](loop& in) { in.lead_to(socket_of(other)); });
}

std::vector<proxy_request> postgres_proxy::requests() const {
  std::vector<proxy_request> all;
  on_loop([&](loop& in) { all = in.requests; });
  return all;
}

std::size_t postgres_proxy::kept() const {
  std::size_t count = 0;
  on_loop([&](loop& in) { count = in.kept(); });
  return count;
}

bool postgres_proxy::wait_settled(milliseconds patience) const {
  return wait_for(
      [&] {
        bool settled = false;
        on_loop([&](loop& in) { settled = in.settled(); });
        return settled;
      },
      patience);
}

}  // namespace hedgerow::postgres_test
