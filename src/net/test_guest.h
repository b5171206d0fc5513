#pragma once
// Somebody from outside the library with whom a connection is open, and who then does not keep to
// the protocol. Encrypted where all nodes are, see be_secure().

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "net/net_fixture.h"
#include "net/test_stranger.h"
#include "net/tls_files.h"

namespace hedgerow::net {

class guest_socket {
 public:
  explicit guest_socket(const std::string& address) {
    plain_.connect(address);
    tls_settings given;
    be_secure(given);
    if (!given.wanted()) return;
    tls_.emplace(tls_stranger::end::client, ::dup(plain_.handle()));
    tls_->know(*read_whole(given.secret_file, "the secret", secret_file_bytes_max));
  }

  // Whether it may speak; goes on with the handshake.
  bool ready() {
    if (!tls_ || tls_->shaken()) return true;
    tls_->step();
    HEDGEROW_ASSERT(!tls_->over);
    return tls_->shaken();
  }
  // All of it, for which there must be room.
  void say(std::string_view text) {
    if (!tls_) return plain_.say(text);
    while (!text.empty()) {
      const std::size_t taken = tls_->offer(text);
      HEDGEROW_ASSERT(taken > 0);
      text.remove_prefix(taken);
    }
  }
  // What can be sent at once.
  std::size_t offer(std::string_view text) {
    if (tls_) return tls_->offer(text);
    const auto put = ::send(plain_.handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return put > 0 ? static_cast<std::size_t>(put) : 0;
  }
  // Adds what has arrived to heard(); true at the end of the connection.
  bool ended() {
    if (!tls_) return plain_.ended();
    std::size_t before = 0;
    do {
      before = tls_->heard.size();
      if (!tls_->over) tls_->step();
    } while (tls_->heard.size() > before && !tls_->over);
    return tls_->over;
  }
  const std::string& heard() const { return tls_ ? tls_->heard : plain_.heard; }

 private:
  raw_socket plain_;
  std::optional<tls_stranger> tls_;
};

// The base of the fixtures.
class guest_scene : public scene {
 protected:
  // An open connection to the server.
  std::unique_ptr<guest_socket> guest_of(node& server) {
    const std::size_t before = server.opened.size();
    auto made = std::make_unique<guest_socket>(server.net->address());
    HEDGEROW_ASSERT(until([&] { return made->ready(); }));
    made->say(hello_frame());
    HEDGEROW_ASSERT(until([&] { return server.opened.size() > before; }));
    return made;
  }
};

}  // namespace hedgerow::net
