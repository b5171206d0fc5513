// Messages of 64 KiB one way over loopback, from thread to thread: our transport with a secret and
// in plain text, beside a bare OpenSSL stream under the same key in the same run. The three
// alternate. Then what an idle encrypted connection holds in memory.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <fmt/core.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/lib/die.h"
#include "net/event_loop.h"
#include "net/secret_file.h"
#include "net/tls_context.h"
#include "net/transport.h"

namespace {

using namespace hedgerow;
using bench::die;

constexpr std::size_t message_bytes = 64 * 1024;
constexpr int messages = 40'000;
constexpr int window = 64;
constexpr int rounds = 5;
constexpr int idle_connections = 400;

struct silent final : ports::log {
  void write(severity, std::string_view) override {}
  bool wants(severity) const override { return false; }
};

// One end: a loop with its thread.
struct end_point final : ports::transport_listener {
  void open(const net::transport_options& with, const std::string& name, std::uint64_t life) {
    auto made = net::transport::open(loop, *this, log, with);
    if (!made) die(made.error().message());
    transport = std::move(*made);
    transport->assume({ports::peer_role::member, name, transport->address(), {life, life}});
    thread = std::thread([this] { loop.run(); });
  }
  void close() {
    loop.post([this] {
      transport.reset();
      loop.stop();
    });
    thread.join();
  }
  void on_open(ports::connection_id id, const ports::peer&) override {
    ++opened;
    if (when_open) when_open(id);
  }
  void on_dial_failed(ports::connection_id, ports::dial_failure, const std::optional<ports::peer>&,
                      const std::string& text) override {
    die(text);
  }
  void on_message(ports::connection_id id, message::any&& what) override { when_heard(id, what); }
  void on_drained(ports::connection_id, std::size_t) override {}
  void on_closed(ports::connection_id, const std::string& why) override {
    if (!over) die(why);
  }

  silent log;
  net::event_loop loop;
  std::unique_ptr<net::transport> transport;
  std::thread thread;
  std::atomic<int> opened{0};
  std::atomic<bool> over{false};
  std::function<void(ports::connection_id)> when_open;
  std::function<void(ports::connection_id, const message::any&)> when_heard;
};

net::transport_options options_of(const std::string& secret_file) {
  net::transport_options o;
  o.group = "bench";
  o.listen = "127.0.0.1:0";
  o.security.secret_file = secret_file;
  o.strangers_max = 2 * idle_connections;
  o.queue_bytes_max = 2 * window * message_bytes;
  return o;
}

// MiB/s.
double rate(std::chrono::steady_clock::time_point since) {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - since;
  return static_cast<double>(message_bytes) * messages / took.count() / (1024 * 1024);
}

double through_transport(const std::string& secret_file) {
  end_point from;
  end_point to;
  to.when_heard = [&](ports::connection_id id, const message::any& what) {
    message::reply answer;
    answer.id = std::get<message::request>(what).id;
    if (!to.transport->send(id, answer)) die("no room for a reply");
  };
  const auto payload = make_bytes(std::string(message_bytes, 'p'));
  int sent = 0;
  std::atomic<int> answered{0};
  const auto send_one = [&](ports::connection_id id) {
    message::request next;
    next.id = static_cast<std::uint64_t>(++sent);
    next.payload = payload;
    if (!from.transport->send(id, std::move(next))) die("no room for a request");
  };
  std::chrono::steady_clock::time_point start;
  from.when_open = [&](ports::connection_id id) {
    start = std::chrono::steady_clock::now();
    for (int i = 0; i < window; ++i)
      send_one(id);
  };
  from.when_heard = [&](ports::connection_id id, const message::any&) {
    if (sent < messages) send_one(id);
    if (++answered == messages) answered.notify_one();
  };
  to.open(options_of(secret_file), "to", 1);
  from.open(options_of(secret_file), "from", 2);
  from.loop.post([&] { from.transport->dial(to.transport->address(), {}, seconds(5)); });
  for (int now = answered; now < messages; now = answered)
    answered.wait(now);
  const double out = rate(start);
  from.over = to.over = true;
  from.close();
  to.close();
  return out;
}

// The same key and suite, blocking calls, nothing else.
const net::group_secret* bare_secret = nullptr;

int offer(SSL* ssl, const EVP_MD*, const unsigned char** identity, std::size_t* size,
          SSL_SESSION** session) {
  *session = net::session_of(ssl, *bare_secret);
  *identity = reinterpret_cast<const unsigned char*>(bare_secret->identity().data());
  *size = bare_secret->identity().size();
  return 1;
}
int find(SSL* ssl, const unsigned char*, std::size_t, SSL_SESSION** session) {
  *session = net::session_of(ssl, *bare_secret);
  return 1;
}

void connect_pair(int& left, int& right) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  left = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto* const any = reinterpret_cast<sockaddr*>(&at);
  if (::bind(listener, any, size) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, any, &size) != 0 || ::connect(left, any, size) != 0)
    die("no loopback");
  right = ::accept(listener, nullptr, nullptr);
  ::close(listener);
  const int on = 1;
  ::setsockopt(left, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

double through_openssl(const net::tls_context& with) {
  int left = -1;
  int right = -1;
  connect_pair(left, right);
  SSL_CTX_set_psk_use_session_callback(with.dialing(), offer);
  SSL_CTX_set_psk_find_session_callback(with.accepting(), find);
  std::chrono::steady_clock::time_point start;
  double out = 0;
  std::thread reader([&] {
    SSL* const ssl = SSL_new(with.accepting());
    SSL_set_fd(ssl, right);
    if (SSL_accept(ssl) != 1) die("no handshake");
    std::string into(message_bytes, '\0');
    std::size_t left_over = message_bytes * messages;
    while (left_over > 0) {
      const int got = SSL_read(ssl, into.data(), static_cast<int>(into.size()));
      if (got <= 0) die("the stream has ended");
      left_over -= static_cast<std::size_t>(got);
    }
    out = rate(start);
    SSL_free(ssl);
  });
  SSL* const ssl = SSL_new(with.dialing());
  SSL_set_fd(ssl, left);
  start = std::chrono::steady_clock::now();
  if (SSL_connect(ssl) != 1) die("no handshake");
  const std::string payload(message_bytes, 'p');
  for (int i = 0; i < messages; ++i) {
    if (SSL_write(ssl, payload.data(), message_bytes) != message_bytes) die("cannot write");
  }
  reader.join();
  SSL_free(ssl);
  ::close(left);
  ::close(right);
  return out;
}

// Of both ends together, halved.
std::size_t idle_bytes(const std::string& secret_file) {
  end_point from;
  end_point to;
  to.when_heard = from.when_heard = [](ports::connection_id, const message::any&) {};
  to.open(options_of(secret_file), "to", 1);
  from.open(options_of(secret_file), "from", 2);
  const auto dial = [&](int count) {
    const int before = from.opened;
    for (int i = 0; i < count; ++i)
      from.loop.post([&] { from.transport->dial(to.transport->address(), {}, seconds(5)); });
    while (from.opened < before + count || to.opened < before + count)
      std::this_thread::yield();
  };
  dial(50);
  const auto before = mallinfo2();
  dial(idle_connections);
  const auto after = mallinfo2();
  const std::size_t all = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
  from.over = to.over = true;
  from.close();
  to.close();
  return all / (2 * idle_connections);
}

}  // namespace

int main() {
  // So that mallinfo2 sees all.
  ::mallopt(M_ARENA_MAX, 1);  // NOLINT(concurrency-mt-unsafe): no threads yet
  const std::string file =
      std::filesystem::temp_directory_path() / fmt::format("hedgerow-bench-{}.secret", ::getpid());
  const std::string text = net::new_secret();
  std::ofstream(file) << text << "\n";
  const auto secrets = net::parse_secrets(text, file);
  bare_secret = &secrets->front();
  net::tls_settings settings;
  settings.secret_file = file;
  {
    const auto with = net::tls_context::load(settings);
    if (!with) die(with.error().message());
    for (int i = 0; i < rounds; ++i) {
      const double yardstick = through_openssl(*with->context);
      const double measured = through_transport(file);
      const double unencrypted = through_transport("");
      fmt::print("MiB/s: bare OpenSSL {:.0f}, with a secret {:.0f} ({:.2f}), plain {:.0f}\n",
                 yardstick, measured, measured / yardstick, unencrypted);
      std::fflush(stdout);
    }
  }
  fmt::print("bytes of an idle connection: with a secret {}, plain {}\n", idle_bytes(file),
             idle_bytes(""));
  std::filesystem::remove(file);
}
