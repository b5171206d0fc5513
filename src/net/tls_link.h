#pragma once
// One encrypted connection: OpenSSL on a non-blocking socket.
//
// What OpenSSL has encrypted is delivered by this class: its BIO takes everything, and what the
// network does not take at once is kept here. So a record is never half known to two sides, and
// other frames may be first when writing goes on.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/types.h>

#include "net/io_outcome.h"
#include "net/tally.h"
#include "net/tls_context.h"

struct ssl_session_st;  // SSL_SESSION

namespace hedgerow::net {

// Where all connections of a loop encrypt, one after the other.
struct tls_workspace {
  static constexpr std::size_t record_bytes = 16 * 1024;
  static constexpr std::size_t sealed_bytes_max = 4 * record_bytes;

  std::vector<char> plain = std::vector<char>(record_bytes);  // small pieces become one record
  std::string sealed;                                         // records that leave together
};

// Why there is no encrypted connection, for the log and the counters.
struct tls_failure {
  occurrence what = occurrence::handshakes_tls_failed;
  std::string text;
  bool plain_peer = false;  // it began in plain text, which is unread: it may be told so in such
};

class tls_link {
 public:
  tls_link(std::shared_ptr<const tls_context> with, std::shared_ptr<tls_workspace> workspace,
           int handle, bool dialer);
  ~tls_link();
  tls_link(const tls_link&) = delete;
  tls_link& operator=(const tls_link&) = delete;

  // Goes on with the handshake, or reads. `io_outcome::insecure`: see failure().
  io_outcome read(std::span<char> into);
  // Takes nothing before the handshake is done. What it takes may still wait in held().
  io_outcome write(std::span<const iovec> pieces);
  // Says that no more will come; without it an end is no end but a cut.
  void end_writing();

  bool established() const { return established_; }
  std::size_t held() const { return unsent_.size() - unsent_at_; }
  // Anything at all has come from the other side.
  bool heard() const { return heard_; }
  const std::optional<tls_failure>& failure() const { return failure_; }

  // Of an established one. Whether the other side proved that it is this member; with a secret it
  // proved that it is one, and may say which.
  bool may_be(const std::string& name) const;
  std::string peer_names() const;  // for texts
  bool honored_by(const tls_context& newer) const { return newer.honors(mark_); }

  // OpenSSL's callbacks, see tls_context.
  static int offer_secret(SSL* ssl, const EVP_MD* hash, const unsigned char** identity,
                          std::size_t* identity_size, ssl_session_st** session);
  static int find_secret(SSL* ssl, const unsigned char* identity, std::size_t identity_size,
                         ssl_session_st** session);

 private:
  struct bio;  // OpenSSL's way to the socket

  bool speaks_plainly();
  io_outcome shake_hands();
  io_outcome settle();
  io_outcome outcome_of(int returned);
  io_outcome fail_with(tls_failure why);
  io_outcome push();
  bool seal(const char* data, std::size_t size);

  std::shared_ptr<const tls_context> with_;
  std::shared_ptr<tls_workspace> workspace_;
  const int handle_;
  const bool dialer_;
  SSL* ssl_ = nullptr;
  std::string unsent_;  // encrypted; the network has not taken it
  std::size_t unsent_at_ = 0;
  int error_ = 0;  // of the socket
  bool ended_ = false;
  bool dry_ = false;      // the socket had no more for the last read
  bool sealing_ = false;  // within write(): records gather in the workspace
  bool looked_ = false;
  bool established_ = false;
  bool heard_ = false;
  bool strange_secret_ = false;  // it named one that is not known here
  std::string mark_;
  std::vector<std::string> peer_names_;
  std::optional<tls_failure> failure_;
};

// Whether these first bytes begin a TLS connection. No hello of ours begins so: it would be longer
// than a hello may be.
bool begins_tls(std::string_view first);

// OpenSSL's words for a failed handshake in ours. `verdict` is that of SSL_get_verify_result.
tls_failure explain_failure(unsigned long code, long verdict, bool by_secret, bool dialer);

}  // namespace hedgerow::net
