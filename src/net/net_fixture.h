#pragma once
// What the tests of this folder share: nodes that write down what they hear, and sockets that do
// not keep to the protocol.

#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "net/transport.h"
#include "wire/codec.h"
#include "wire/handshake.h"

namespace hedgerow::net {

struct log_lines final : ports::log {
  void write(severity, std::string_view text) override { lines.emplace_back(text); }
  bool wants(severity) const override { return true; }
  std::vector<std::string> lines;
};

// With HEDGEROW_TEST_SECRET_FILE in the environment (see tests/CMakeLists.txt) all nodes speak TLS.
inline void be_secure(tls_settings& given) {
  const char* const file =
      std::getenv("HEDGEROW_TEST_SECRET_FILE");  // NOLINT(concurrency-mt-unsafe)
  if (file != nullptr && !given.wanted()) given.secret_file = file;
}

struct node final : ports::transport_listener {
  struct failure {
    ports::connection_id id;
    ports::dial_failure why;
    std::optional<ports::peer> actual;
    std::string text;
  };

  // Not listening yet.
  explicit node(std::string called, std::uint64_t life = 1) {
    self.name = std::move(called);
    self.incarnation = {std::hash<std::string>()(self.name), life};
  }

  void listen(event_loop& loop, transport_options options = {}) {
    if (options.group.empty()) options.group = "test";
    if (options.listen.empty()) options.listen = "127.0.0.1:0";
    be_secure(options.security);
    auto made = transport::open(loop, *this, log, std::move(options));
    HEDGEROW_ASSERT(made);
    net = std::move(*made);
    self.address = net->address();
    net->assume(self);
  }
  void connect_only(event_loop& loop, transport_options options = {}) {
    if (options.group.empty()) options.group = "test";
    be_secure(options.security);
    net = *transport::open(loop, *this, log, std::move(options));
    self = {ports::peer_role::client, "", "", {}};
    net->assume(self);
  }

  void on_open(ports::connection_id id, const ports::peer& who) override {
    opened.emplace_back(id, who);
    if (when_open) when_open(id);
  }
  void on_dial_failed(ports::connection_id id, ports::dial_failure why,
                      const std::optional<ports::peer>& actual, const std::string& text) override {
    failed.push_back({id, why, actual, text});
  }
  void on_message(ports::connection_id id, message::any&& what) override {
    if (const auto* data = std::get_if<message::stream_data>(&what)) {
      if (when_data) when_data(id, *data);
      return;
    }
    heard.emplace_back(id, std::move(what));
    if (when_heard) when_heard(id, heard.back().second);
  }
  void on_closed(ports::connection_id id, const std::string& why) override {
    closed.emplace_back(id, why);
    if (when_closed) when_closed(id);
  }
  void on_drained(ports::connection_id id, std::size_t bytes) override {
    drained += bytes;
    if (when_drained) when_drained(id, bytes);
  }

  void on_retired(ports::connection_id id) override { retired.push_back(id); }

  template <class Message>
  const Message& heard_as(std::size_t at) const {
    return std::get<Message>(heard.at(at).second);
  }

  ports::peer self;
  log_lines log;
  std::vector<std::pair<ports::connection_id, ports::peer>> opened;
  std::vector<failure> failed;
  std::vector<std::pair<ports::connection_id, message::any>> heard;
  std::vector<std::pair<ports::connection_id, std::string>> closed;
  std::vector<ports::connection_id> retired;
  std::function<void(ports::connection_id)> when_open;
  std::function<void(ports::connection_id, const message::any&)> when_heard;
  std::function<void(ports::connection_id)> when_closed;
  std::function<void(ports::connection_id, std::size_t)> when_drained;
  std::size_t drained = 0;
  // Instead of `heard`, for the data of streams: it is borrowed.
  std::function<void(ports::connection_id, const message::stream_data&)> when_data;
  std::unique_ptr<transport> net;  // first to go
};

// A blocking client that says whatever it likes.
class raw_socket {
 public:
  raw_socket() : handle_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    HEDGEROW_ASSERT(handle_ >= 0);
  }
  ~raw_socket() { ::close(handle_); }
  raw_socket(const raw_socket&) = delete;
  raw_socket& operator=(const raw_socket&) = delete;

  static sockaddr_in at(std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
  }

  void connect(const std::string& address) {
    const sockaddr_in to = at(parse_host_port(address)->port);
    HEDGEROW_ASSERT(::connect(handle_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  // Listens, and never accepts unless asked; returns its address.
  std::string listen() {
    sockaddr_in here = at(0);
    socklen_t size = sizeof here;
    HEDGEROW_ASSERT(::bind(handle_, reinterpret_cast<const sockaddr*>(&here), size) == 0);
    HEDGEROW_ASSERT(::listen(handle_, 8) == 0);
    HEDGEROW_ASSERT(::getsockname(handle_, reinterpret_cast<sockaddr*>(&here), &size) == 0);
    return to_string(host_port{"127.0.0.1", ntohs(here.sin_port)});
  }
  // Blocks; only after a connect to it has begun.
  int accept() const { return ::accept(handle_, nullptr, nullptr); }

  void say(std::string_view text) {
    HEDGEROW_ASSERT(::send(handle_, text.data(), text.size(), MSG_NOSIGNAL) ==
                    static_cast<ssize_t>(text.size()));
  }
  // Adds what has arrived to `heard`; true at the end of the stream, which must be a clean one.
  bool ended() {
    char buffer[65536];
    while (true) {
      const ssize_t got = ::recv(handle_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got <= 0) {
        if (got < 0 && errno != EAGAIN) clean = false;
        return got == 0 || errno != EAGAIN;
      }
      heard.append(buffer, static_cast<std::size_t>(got));
    }
  }
  int handle() const { return handle_; }

  std::string heard;
  bool clean = true;

 private:
  int handle_;
};

// A loop, and what can be done with it. The base of the fixtures.
class scene {
 protected:
  // Runs the loop until the condition holds; false if it takes absurdly long.
  bool until(const std::function<bool()>& condition) {
    const boot_time deadline = boot_now() + seconds(20);
    while (!condition()) {
      if (boot_now() > deadline) return false;
      loop.run_once(milliseconds(5));
    }
    return true;
  }
  // Lets everything happen that is about to happen, as far as a test can know.
  void settle() {
    const boot_time end = boot_now() + milliseconds(20);
    while (boot_now() < end)
      loop.run_once(milliseconds(1));
  }
  static message::request request_of(std::string payload, std::uint64_t id = 1) {
    message::request out;
    out.id = id;
    out.payload = make_bytes(payload);
    return out;
  }
  // Connects a to b; returns the ids at a and at b.
  std::pair<ports::connection_id, ports::connection_id> join(node& a, node& b) {
    const std::size_t before = b.opened.size();
    const auto id = a.net->dial(b.net->address(), b.self.incarnation, seconds(10));
    HEDGEROW_ASSERT(until([&] {
      return !a.opened.empty() && a.opened.back().first == id && b.opened.size() > before;
    }));
    return {id, b.opened.back().first};
  }
  static std::string hello_frame(const std::string& group = "test") {
    std::string out;
    HEDGEROW_ASSERT(wire::encode(
        wire::hello{wire::protocol_version, group, {ports::peer_role::client, {}, {}, {}}, {}},
        out));
    return out;
  }
  // The rejection that a raw socket has heard.
  static std::optional<wire::rejection> rejection_in(std::string_view heard) {
    const auto header = wire::decode_header(heard, wire::stage::awaiting_answer, 0);
    if (!header || header->type != wire::frame_type::rejection) return std::nullopt;
    const auto out = wire::decode_rejection(heard.substr(wire::frame_header_bytes, header->length));
    return out ? std::optional(*out) : std::nullopt;
  }

  event_loop loop;
};

}  // namespace hedgerow::net
