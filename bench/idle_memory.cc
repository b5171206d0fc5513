// What a connection and a stream that are idle cost a node in memory: by how much the memory that
// belongs to its process alone grows for each of 900 clients, which are connected and say nothing,
// in plain text and with a secret; and for each of the streams that they then open to the leader.
// What the kernel holds for the sockets is not in it.

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <hedgerow/client.h>
#include <hedgerow/node.h>
#include <unistd.h>

#include "bench/lib/die.h"
#include "bench/lib/group.h"
#include "bench/lib/process.h"

namespace {

using namespace hedgerow::bench;

constexpr std::chrono::seconds patience{60};
// The first ones fill caches and free lists, and do not count.
constexpr int first_clients = 100;
constexpr int counted_processes = 4;
constexpr int clients_per_process = 225;  // with the first ones below the limit of subscribers
constexpr int counted_clients = counted_processes * clients_per_process;
constexpr int streams_per_client = 4;
// After the last handshake, until what served it alone has been given back.
constexpr std::chrono::seconds settling{3};

// A server and its clients, all processes of their own, and what they tell each other.
struct crowd {
  explicit crowd(place where) : at(std::move(where)) {}

  place at;
  notice port;                           // of the server
  notice first, others;                  // connect, to this port
  notice connected;                      // so many more
  notice first_streams, others_streams;  // open them
  notice opened;                         // so many more
};

[[noreturn]] void serve(const crowd& in) {
  hedgerow::options o;
  o.name = "server";
  o.store = in.at.store;
  o.security.secret_file = in.at.secret_file;
  o.on_stream = hedgerow::stream_handler::non_blocking([](hedgerow::stream&) {
    hedgerow::stream_events on;
    on.on_message = [](hedgerow::stream&, std::string_view) {};
    return on;
  });
  const auto node = hedgerow::node::start(o);
  if (!node) die(node.error().message());
  if (auto ok = (*node)->wait_until_member(patience); !ok) die(ok.error().message());
  const auto& address = (*node)->address();
  in.port.tell(std::stoi(address.substr(address.rfind(':') + 1)));
  while (true)
    pause();
}

// Streams of some clients, each with a message that the server has consumed.
class idle_streams {
 public:
  void open(hedgerow::client& from) {
    hedgerow::stream_options how;
    how.events.on_open = [](hedgerow::stream& s) {
      if (const auto ok = s.try_write(std::string(small, 'x')); !ok) die(ok.error().message());
    };
    how.events.on_acknowledged = [this](hedgerow::stream&, std::uint64_t) {
      const std::lock_guard lock(mutex_);
      ++used_;
      changed_.notify_one();
    };
    how.events.on_message = [](hedgerow::stream&, std::string_view) {};
    how.events.on_end = [](hedgerow::stream&, const hedgerow::stream_end& end) {
      die("an idle stream ended" + (end.outcome ? "" : ": " + end.outcome.error().message()));
    };
    auto one = from.open_stream(how);
    if (!one) die(one.error().message());
    all_.push_back(std::move(*one));
  }

  int wait_until_used() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [this] { return used_ == all_.size(); }))
      die("streams are not taken");
    return static_cast<int>(all_.size());
  }

 private:
  static constexpr std::size_t small = 64;

  std::vector<hedgerow::stream> all_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t used_ = 0;
};

[[noreturn]] void connect_idle(const crowd& in, int count, const notice& start,
                               const notice& start_streams) {
  const int port = start.await();
  std::vector<std::unique_ptr<hedgerow::client>> all;
  for (int i = 0; i < count; ++i) {
    hedgerow::client_options o;
    o.agent = "127.0.0.1:" + std::to_string(port);
    o.security.secret_file = in.at.secret_file;
    auto one = hedgerow::client::start(o);
    if (!one) die(one.error().message());
    all.push_back(std::move(*one));
  }
  for (const auto& one : all)
    if (auto ok = one->wait_until_connected(patience); !ok) die(ok.error().message());
  in.connected.tell(count);
  start_streams.await();
  idle_streams streams;
  for (const auto& one : all)
    for (int i = 0; i < streams_per_client; ++i)
      streams.open(*one);
  in.opened.tell(streams.wait_until_used());
  while (true)
    pause();
}

// Memory that only this process has, in bytes.
long long own_memory(pid_t process) {
  std::ifstream rollup("/proc/" + std::to_string(process) + "/smaps_rollup");
  long long kib = -1;
  for (std::string word; rollup >> word;)
    if (word == "Private_Dirty:") rollup >> kib;
  if (kib < 0) die("no smaps_rollup of the server");
  return kib * 1024;
}

// Has the first ones do it, and then the others; prints what each of these has cost the server.
void measure(const char* name, pid_t server, int number, const notice& first, const notice& others,
             const notice& done, int each) {
  const auto await_all = [&](int count) {
    while (count > 0)
      count -= done.await();
    std::this_thread::sleep_for(settling);
  };
  first.tell(number);
  await_all(first_clients * each);
  const long long before = own_memory(server);
  for (int i = 0; i < counted_processes; ++i)
    others.tell(number);
  const int count = counted_clients * each;
  await_all(count);
  std::printf("{\"name\":\"%s\",\"count\":%d,\"bytes\":%lld}\n", name, count,
              (own_memory(server) - before) / count);
  std::fflush(stdout);
}

pid_t start(children& all, const crowd& in) {
  const pid_t server = all.start(-1, [&] { serve(in); });
  all.start(-1, [&] { connect_idle(in, first_clients, in.first, in.first_streams); });
  for (int i = 0; i < counted_processes; ++i)
    all.start(-1, [&] { connect_idle(in, clients_per_process, in.others, in.others_streams); });
  return server;
}

}  // namespace

int main() {
  const temporary_folder folder;
  const crowd plain(place_in(folder, "plain"));
  const crowd secret(place_in(folder, "secret", protection::tls));
  children all;
  const pid_t plain_server = start(all, plain), secret_server = start(all, secret);
  const pid_t caller = all.start(-1, [&] {
    measure("connection", plain_server, plain.port.await(), plain.first, plain.others,
            plain.connected, 1);
    measure("connection with TLS", secret_server, secret.port.await(), secret.first, secret.others,
            secret.connected, 1);
    measure("stream", plain_server, 0, plain.first_streams, plain.others_streams, plain.opened,
            streams_per_client);
  });
  return all.wait(caller);
}
