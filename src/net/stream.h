#pragma once
// The seam between a session and the network: non-blocking reads and writes, and waiting for
// either. Plain TCP, or encrypted by a tls_link on the same socket.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <sys/uio.h>

#include "net/io_outcome.h"
#include "net/loop_socket.h"
#include "net/tls_link.h"

namespace hedgerow::net {

// Who is at the other end, as host:port; for the log.
std::string peer_of(int handle);

class stream {
 public:
  explicit stream(loop_socket socket) : socket_(std::move(socket)) {}

  // Small writes leave at once, and little of what is written waits in the kernel, where control
  // frames could not overtake it any more. A peer whose host is gone is noticed in 90 s.
  void tune();

  std::string peer() const { return peer_of(handle()); }

  // Before anything else is read or written. The dialer's first words leave at once.
  void encrypt(std::shared_ptr<const tls_context> with, std::shared_ptr<tls_workspace> workspace,
               bool dialer) {
    tls_ = std::make_unique<tls_link>(std::move(with), std::move(workspace), handle(), dialer);
  }
  // For a last word to somebody who began in plain text.
  void speak_plainly() { tls_.reset(); }
  // Null: plain text.
  const tls_link* encryption() const { return tls_.get(); }
  // False: nothing is taken before the other side has answered; reading goes on with that.
  bool may_write() const { return !tls_ || tls_->established(); }
  // Bytes that write() took, and the network did not yet; write() goes on with them, also when it
  // is given nothing.
  std::size_t held() const { return tls_ ? tls_->held() : 0; }

  io_outcome read(std::span<char> into);
  io_outcome write(std::span<const iovec> pieces);

  // Who hears when it can be read or written: see loop_socket.
  void serve(std::shared_ptr<waiter> who) { socket_.serve(std::move(who)); }
  void want_read() { socket_.want_read(); }
  void want_write() { socket_.want_write(); }

  void end_writing();  // the other side reads what was written, then the end
  void end_both();     // reads see what has arrived, then the end
  // Always after end_writing: closing with unread bytes would send RST, which means "nobody there"
  // to a peer that dials.
  void close();

 private:
  int handle() const { return socket_.handle(); }

  loop_socket socket_;
  std::unique_ptr<tls_link> tls_;
};

}  // namespace hedgerow::net
