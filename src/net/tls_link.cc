#include "net/tls_link.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "base/assert.h"

namespace hedgerow::net {
namespace {

// Of answers that a peer can cause without reading them (key updates).
constexpr std::size_t unsent_bytes_max = 256 * 1024;

// What the kernel takes at once, or -1 and errno. A peer that is gone must not raise SIGPIPE.
ssize_t send_some(int handle, const char* data, std::size_t size) {
  return ::send(handle, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

struct tls_link::bio {
  static tls_link& of(BIO* at) { return *static_cast<tls_link*>(BIO_get_data(at)); }

  static int write(BIO* at, const char* data, std::size_t size, std::size_t* written) {
    tls_link& self = of(at);
    *written = size;
    if (self.sealing_) {
      self.workspace_->sealed.append(data, size);
      return 1;
    }
    if (self.held() + size > unsent_bytes_max) {
      self.error_ = ENOBUFS;
      return 0;
    }
    std::size_t done = 0;
    if (self.held() == 0) {
      const ssize_t put = send_some(self.handle_, data, size);
      if (put < 0 && !would_block(errno)) {
        self.error_ = errno;
        return 0;
      }
      done = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
    }
    // What has left goes, or a peer that is always a little behind would make this grow for ever.
    if (self.unsent_at_ > self.held()) {
      self.unsent_.erase(0, self.unsent_at_);
      self.unsent_at_ = 0;
    }
    self.unsent_.append(data + done, size - done);
    return 1;
  }

  static int read(BIO* at, char* into, std::size_t size, std::size_t* got) {
    tls_link& self = of(at);
    BIO_clear_retry_flags(at);
    const ssize_t count = ::recv(self.handle_, into, size, MSG_DONTWAIT);
    *got = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    if (count > 0) {
      self.heard_ = true;
      return 1;
    }
    if (count == 0) {
      self.ended_ = true;
    } else if (would_block(errno)) {
      self.dry_ = true;
      BIO_set_retry_read(at);
    } else {
      self.error_ = errno;
    }
    return 0;
  }

  static long control(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }

  static int create(BIO* at) {
    BIO_set_init(at, 1);
    return 1;
  }

  static BIO* make(tls_link* owner) {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hedgerow");
      HEDGEROW_ASSERT(made != nullptr);
      BIO_meth_set_write_ex(made, write);
      BIO_meth_set_read_ex(made, read);
      BIO_meth_set_ctrl(made, control);
      BIO_meth_set_create(made, create);
      return made;
    }();
    BIO* const made = BIO_new(method);
    if (made != nullptr) BIO_set_data(made, owner);
    return made;
  }
};

tls_link::tls_link(std::shared_ptr<const tls_context> with,
                   std::shared_ptr<tls_workspace> workspace, int handle, bool dialer)
    : with_(std::move(with)),
      workspace_(std::move(workspace)),
      handle_(handle),
      dialer_(dialer),
      ssl_(SSL_new(dialer ? with_->dialing() : with_->accepting())) {
  BIO* const way = ssl_ == nullptr ? nullptr : bio::make(this);
  if (way == nullptr) {
    fail_with({occurrence::handshakes_tls_failed, "OpenSSL is out of memory"});
    return;
  }
  SSL_set_bio(ssl_, way, way);
  SSL_set_app_data(ssl_, this);
  if (!dialer_) {
    SSL_set_accept_state(ssl_);
    return;
  }
  looked_ = true;
  SSL_set_connect_state(ssl_);
  shake_hands();  // its first words; a failure is found again by the first read
}

tls_link::~tls_link() {
  SSL_free(ssl_);
}

bool begins_tls(std::string_view first) {
  return first.size() >= 3 && first[0] == 0x16 && first[1] == 0x03 && first[2] >= 1 &&
         first[2] <= 4;
}

// Looked at without taking: who speaks plain text is answered in plain text.
bool tls_link::speaks_plainly() {
  std::array<char, 3> first{};
  const ssize_t got = ::recv(handle_, first.data(), first.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got <= 0) return false;
  looked_ = true;
  // With fewer bytes it may still be either: OpenSSL will find out.
  if (got < 3) return first[0] != 0x16;
  return !begins_tls({first.data(), first.size()});
}

io_outcome tls_link::fail_with(tls_failure why) {
  if (!failure_) failure_ = std::move(why);
  io_outcome out;
  out.insecure = true;
  return out;
}

io_outcome tls_link::shake_hands() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  return done == 1 ? settle() : outcome_of(done);
}

// Says what OpenSSL's return value means, and keeps the reason of a failure.
io_outcome tls_link::outcome_of(int returned) {
  const int kind = SSL_get_error(ssl_, returned);
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  io_outcome out;
  if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) return out;
  if (kind == SSL_ERROR_ZERO_RETURN) {
    out.end = true;
  } else if (error_ != 0) {
    out.error = error_;
  } else if (ended_) {
    // No goodbye before it: cut off. To the protocol above every end is a lost connection.
    out.end = true;
  } else {
    tls_failure why =
        explain_failure(code, SSL_get_verify_result(ssl_), with_->by_secret(), dialer_);
    if (strange_secret_) {
      why.what = occurrence::handshakes_wrong_secret;
      why.text = "its secret is none of those in the --secret-file here";
    }
    return fail_with(std::move(why));
  }
  return out;
}

// The handshake is done: what it has proved.
io_outcome tls_link::settle() {
  if (SSL_version(ssl_) != TLS1_3_VERSION)
    return fail_with({occurrence::handshakes_tls_failed, "it speaks another version than TLS 1.3"});
  if (with_->by_secret()) {
    // Neither end goes on without the key, whatever else OpenSSL may have accepted.
    if (SSL_session_reused(ssl_) != 1 || mark_.empty())
      return fail_with({occurrence::handshakes_wrong_secret,
                        "the secret was not used in the handshake; does it have a --secret-file?"});
  } else {
    X509* const theirs = SSL_get1_peer_certificate(ssl_);
    if (theirs == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK) {
      X509_free(theirs);
      return fail_with(
          {occurrence::handshakes_wrong_certificate, "it has shown no valid certificate"});
    }
    peer_names_ = names_in(theirs);
    X509_free(theirs);
    mark_ = with_->certificate_mark();
  }
  established_ = true;
  return {};
}

io_outcome tls_link::read(std::span<char> into) {
  if (failure_) return fail_with({});
  if (!looked_ && speaks_plainly()) {
    tls_failure why{
        occurrence::handshakes_plain,
        "plain text is not taken here: both sides need the --secret-file, or --tls-cert, "
        "--tls-key and --tls-ca"};
    why.plain_peer = true;
    return fail_with(std::move(why));
  }
  if (!established_) {
    const io_outcome step = shake_hands();
    if (!established_) return step;
  }
  io_outcome out;
  while (out.bytes < into.size()) {
    std::size_t got = 0;
    dry_ = false;
    ERR_clear_error();
    const int done = SSL_read_ex(ssl_, into.data() + out.bytes, into.size() - out.bytes, &got);
    if (done == 1) {
      out.bytes += got;
      continue;
    }
    const io_outcome why = outcome_of(done);
    const bool over = why.end || why.error != 0 || why.insecure;
    if (!over && !dry_) {
      // A buffer full of records without data, new keys for one. A peer may send them as fast as
      // they are read, and others want their turn.
      out.more = true;
      return out;
    }
    if (out.bytes == 0) return why;
    // The bytes first; OpenSSL and the socket will say the rest again.
    out.more = over;
    return out;
  }
  out.more = true;
  return out;
}

bool tls_link::seal(const char* data, std::size_t size) {
  std::size_t written = 0;
  ERR_clear_error();
  return SSL_write_ex(ssl_, data, size, &written) == 1 && written == size;
}

// Sends what is left of former records.
io_outcome tls_link::push() {
  io_outcome out;
  while (held() > 0) {
    const ssize_t put = send_some(handle_, unsent_.data() + unsent_at_, held());
    if (put < 0) {
      out.error = would_block(errno) ? 0 : errno;
      return out;
    }
    unsent_at_ += static_cast<std::size_t>(put);
    out.departed += static_cast<std::size_t>(put);
  }
  unsent_at_ = 0;
  std::string().swap(unsent_);  // an idle connection keeps nothing
  return out;
}

io_outcome tls_link::write(std::span<const iovec> pieces) {
  if (failure_) return {};  // reading tells
  io_outcome out = push();
  if (!established_ || out.error != 0 || held() > 0) return out;

  // Whole records as far as possible; long pieces are encrypted from where they lie.
  constexpr std::size_t record = tls_workspace::record_bytes;
  std::string& sealed = workspace_->sealed;
  sealed.clear();
  std::size_t staged = 0;
  bool good = true;
  sealing_ = true;
  const auto seal_staged = [&] {
    if (staged > 0) good = good && seal(workspace_->plain.data(), std::exchange(staged, 0));
  };
  for (const iovec& piece : pieces) {
    const char* data = static_cast<const char*>(piece.iov_base);
    std::size_t left = piece.iov_len;
    while (good && left > 0 && sealed.size() < tls_workspace::sealed_bytes_max) {
      const bool direct = staged == 0 && left >= record;
      const std::size_t now = direct ? record : std::min(left, record - staged);
      if (direct) {
        good = seal(data, now);
      } else {
        std::memcpy(workspace_->plain.data() + staged, data, now);
        staged += now;
        if (staged == record) seal_staged();
      }
      data += now;
      left -= now;
      out.bytes += now;
    }
    if (left > 0) break;
  }
  seal_staged();
  sealing_ = false;
  if (!good) {
    ERR_clear_error();
    out.error = EPROTO;
    return out;
  }
  const ssize_t put = send_some(handle_, sealed.data(), sealed.size());
  if (put < 0 && !would_block(errno)) {
    out.error = errno;
    return out;
  }
  const auto done = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
  if (done < sealed.size()) unsent_.assign(sealed, done);
  out.departed += done;
  return out;
}

void tls_link::end_writing() {
  if (ssl_ == nullptr || failure_ || !established_ || error_ != 0) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

bool tls_link::may_be(const std::string& name) const {
  if (with_->by_secret()) return true;
  return std::find(peer_names_.begin(), peer_names_.end(), name) != peer_names_.end();
}

std::string tls_link::peer_names() const {
  return listed(peer_names_);
}

int tls_link::offer_secret(SSL* ssl, const EVP_MD* hash, const unsigned char** identity,
                           std::size_t* identity_size, SSL_SESSION** session) {
  auto& self = *static_cast<tls_link*>(SSL_get_app_data(ssl));
  *session = nullptr;
  // After a retry request with another hash the key can't be used; the handshake then fails.
  if (hash != nullptr && EVP_MD_is_a(hash, "SHA256") == 0) return 1;
  const group_secret& secret = self.with_->first_secret();
  *session = session_of(ssl, secret);
  if (*session == nullptr) return 0;
  *identity = reinterpret_cast<const unsigned char*>(secret.identity().data());
  *identity_size = secret.identity().size();
  self.mark_ = secret.identity();
  return 1;
}

int tls_link::find_secret(SSL* ssl, const unsigned char* identity, std::size_t identity_size,
                          SSL_SESSION** session) {
  auto& self = *static_cast<tls_link*>(SSL_get_app_data(ssl));
  *session = nullptr;
  const group_secret* const secret =
      self.with_->secret_named({reinterpret_cast<const char*>(identity), identity_size});
  if (secret == nullptr) {
    self.strange_secret_ = true;
    return 1;
  }
  *session = session_of(ssl, *secret);
  if (*session == nullptr) return 0;
  self.mark_ = secret->identity();
  self.strange_secret_ = false;
  return 1;
}

}  // namespace hedgerow::net
