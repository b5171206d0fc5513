#pragma once
// A listening socket that outlives every trouble of accepting.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "net/address.h"
#include "net/loop_impl.h"
#include "net/loop_socket.h"
#include "net/tally.h"

namespace hedgerow::net {

struct listen_options {
  std::string listen;
  std::string advertise;
  std::string route_to;
  bool allow_non_loopback = false;
};

// Bound and listening, but not accepting yet.
struct listening_socket {
  loop_socket socket;
  std::string address;  // for others to dial
};

// Resolves names, which may take a while. Fails with address_in_use, or invalid_argument for what
// cannot be listened on; the texts say what to do instead.
result<listening_socket> listen_on(event_loop::impl& loop, const listen_options& options);

class acceptor final : public waiter, public std::enable_shared_from_this<acceptor> {
 public:
  using handler = std::function<void(loop_socket)>;

  // `wanted` is asked before a connection is handed on, `scarce` when few descriptors are left: the
  // last ones are for the node's own dials, files and handlers. Who is not wanted gets `farewell`,
  // whole bytes of a frame, and the end.
  acceptor(event_loop::impl& loop, loop_socket socket, bookkeeper& books,
           std::function<bool(bool scarce)> wanted, std::string farewell, handler accepted);
  ~acceptor() override;
  acceptor(const acceptor&) = delete;
  acceptor& operator=(const acceptor&) = delete;

  void start();
  void stop();

 private:
  enum class step { again, wait, pause };

  void on_readable() override;
  void on_due() override;
  step accept_one();
  step out_of_descriptors(int error);
  void turn_away(int handle);
  void refuse(int handle, std::string_view why);

  event_loop::impl& loop_;
  loop_socket socket_;
  deadline pause_;
  std::function<bool(bool)> wanted_;
  std::string farewell_;
  handler accepted_;
  bookkeeper& books_;
  int spare_ = -1;  // given up to accept, and turn away, a connection when there is no other left
};

}  // namespace hedgerow::net
