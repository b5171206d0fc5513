// A message of 64 bytes to the leader and back, between two processes on loopback, beside a bare
// epoll echo over TCP in the same run. The two alternate, so that both meet the same machine.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include <hedgerow/client.h>
#include <hedgerow/node.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/lib/series.h"

namespace {

using hedgerow::bench::clock;
using hedgerow::bench::series;

constexpr int rounds = 10;
constexpr int messages_per_round = 3000;
constexpr int warm_up = 500;
const std::string payload(64, 'x');

[[noreturn]] void die(const std::string& text) {
  std::fprintf(stderr, "round_trip: %s\n", text.c_str());
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): nothing else of this program needs an end
}

void add_to_epoll(int epoll, int fd) {
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.fd = fd;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0) die("epoll_ctl failed");
}

// The yardstick's one step: wait until readable, read, as the loop of any server does.
std::size_t wait_and_read(int epoll, int fd, char* buffer, std::size_t size) {
  epoll_event e{};
  while (epoll_wait(epoll, &e, 1, -1) != 1) {
  }
  const ssize_t n = read(fd, buffer, size);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

void serve_echo(int listener) {
  const int fd = accept(listener, nullptr, nullptr);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const int epoll = epoll_create1(0);
  add_to_epoll(epoll, fd);
  char buffer[4096];
  while (const std::size_t n = wait_and_read(epoll, fd, buffer, sizeof buffer)) {
    if (write(fd, buffer, n) != static_cast<ssize_t>(n)) break;
  }
}

hedgerow::options node_options(const std::string& name, const std::string& store) {
  hedgerow::options o;
  o.name = name;
  o.store = store;
  o.lease = std::chrono::milliseconds{1000};
  return o;
}

// A leader whose handlers say "ok": on the loop for messages of 64 bytes, by option on the pool.
void serve_node(const std::string& store, bool on_loop) {
  auto o = node_options("server", store);
  const auto answer = [](const hedgerow::message_view& m) -> hedgerow::result<std::string> {
    return std::string(m.payload);
  };
  o.on_message =
      on_loop ? hedgerow::handler::non_blocking(answer) : hedgerow::handler::on_pool(answer);
  auto node = hedgerow::node::start(o);
  if (!node) die(node.error().message());
  pause();
}

// Where the scheduler puts two processes that wake each other changes a round trip more than
// anything that they do; so the yardstick and the measured are put on the same cores.
struct placement {
  int servers = -1;  // -1: wherever the scheduler likes
  int caller = -1;
};

void pin_to(int core) {
  if (core < 0) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(core), &cores);
  if (sched_setaffinity(0, sizeof cores, &cores) != 0) die("no core " + std::to_string(core));
}

pid_t in_child(int core, const std::function<void()>& work) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  pin_to(core);
  work();
  _exit(0);
}

struct echo_client {
  int fd = -1;
  int epoll = -1;

  explicit echo_client(const sockaddr_in& at) {
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) die("no echo server");
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll = epoll_create1(0);
    add_to_epoll(epoll, fd);
  }

  void run(int count, series& out) const {
    char buffer[4096];
    for (int i = 0; i < count; ++i) {
      const auto start = clock::now();
      if (write(fd, payload.data(), payload.size()) != static_cast<ssize_t>(payload.size()))
        die("the echo server is gone");
      std::size_t got = 0;
      while (got < payload.size())
        got += wait_and_read(epoll, fd, buffer, sizeof buffer);
      out.add(clock::now() - start);
    }
  }
};

// One message after the other, each sent from the completion of the one before, on the loop.
class callback_chain {
 public:
  callback_chain(hedgerow::node& node, int count, series& out)
      : node_(node), left_(count), out_(out) {}

  void run() {
    next();
    done_.get_future().get();
  }

 private:
  void next() {
    start_ = clock::now();
    node_.send(payload, std::chrono::seconds{5}, [this](hedgerow::result<hedgerow::reply> r) {
      if (!r) die(r.error().message());
      out_.add(clock::now() - start_);
      if (--left_ > 0) {
        next();
      } else {
        done_.set_value();
      }
    });
  }

  hedgerow::node& node_;
  int left_;
  series& out_;
  clock::time_point start_;
  std::promise<void> done_;
};

// Joins the server's group once the server leads it, so that it goes on leading.
std::unique_ptr<hedgerow::node> join(const std::string& store) {
  hedgerow::client_options look;
  look.store = store;
  auto client = hedgerow::client::start(look);
  if (!client) die(client.error().message());
  if (auto leader = (*client)->wait_for_leader(std::chrono::seconds{20}); !leader)
    die(leader.error().message());
  auto node = hedgerow::node::start(node_options("caller", store));
  if (!node) die(node.error().message());
  if (auto ok = (*node)->wait_until_member(std::chrono::seconds{20}); !ok)
    die(ok.error().message());
  if (auto first = (*node)->send(payload, std::chrono::seconds{20}); !first)
    die(first.error().message());
  return std::move(*node);
}

void measure_blocking(const std::string& store) {
  const auto node = join(store);
  series blocking;
  for (int i = 0; i < warm_up + rounds * messages_per_round / 4; ++i) {
    const auto start = clock::now();
    if (auto r = node->send(payload, std::chrono::seconds{5}); !r) die(r.error().message());
    if (i >= warm_up) blocking.add(clock::now() - start);
  }
  blocking.print("send, blocking call, handler on the pool");
}

void measure_callback(const std::string& store, const sockaddr_in& echo_at) {
  const echo_client echo(echo_at);
  const auto node = join(store);
  series nothing, bare, callback;
  echo.run(warm_up, nothing);
  callback_chain(*node, warm_up, nothing).run();
  for (int i = 0; i < rounds; ++i) {
    echo.run(messages_per_round, bare);
    callback_chain(*node, messages_per_round, callback).run();
  }
  bare.print("bare epoll echo over TCP");
  callback.print("send, callback, handler on the loop");
}

}  // namespace

// [SERVERS' CORE, CALLER'S CORE]
int main(int argc, char** argv) {
  placement on;
  if (argc == 3) on = {std::stoi(argv[1]), std::stoi(argv[2])};
  char folder[] = "/tmp/hedgerow-bench-XXXXXX";
  if (mkdtemp(folder) == nullptr) die("no temporary folder");
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(listener, 8) != 0)
    die("no port for the echo server");
  getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
  const std::string base = folder;
  const pid_t children[] = {in_child(on.servers, [&] { serve_echo(listener); }),
                            in_child(on.servers, [&] { serve_node(base + "/loop.db", true); }),
                            in_child(on.servers, [&] { serve_node(base + "/pool.db", false); })};
  const pid_t caller = in_child(on.caller, [&] {
    measure_callback(base + "/loop.db", at);
    measure_blocking(base + "/pool.db");
  });
  int status = 1;
  waitpid(caller, &status, 0);
  for (const pid_t c : children)
    kill(c, SIGKILL);
  for (const pid_t c : children)
    waitpid(c, nullptr, 0);
  std::filesystem::remove_all(folder);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
