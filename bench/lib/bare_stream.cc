#include "bench/lib/bare_stream.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <openssl/ssl.h>
#include <unistd.h>

#include "bench/lib/die.h"

namespace hedgerow::bench {

namespace {

// A connection to read from and write to; blocking.
class pipe_end {
 public:
  virtual ~pipe_end() = default;
  virtual void write(const char* data, std::size_t size) = 0;
  virtual std::size_t read(char* buffer, std::size_t size) = 0;  // 0 at the end

  void read_exactly(char* buffer, std::size_t size) {
    while (size > 0) {
      const std::size_t n = read(buffer, size);
      if (n == 0) die("the other end of a yardstick is gone");
      buffer += n;
      size -= n;
    }
  }
};

class bare_end final : public pipe_end {
 public:
  explicit bare_end(int fd) : fd_(fd) {}
  ~bare_end() override { close(fd_); }

  void write(const char* data, std::size_t size) override { write_all(fd_, data, size); }
  std::size_t read(char* buffer, std::size_t size) override {
    const ssize_t n = ::read(fd_, buffer, size);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }

 private:
  int fd_;
};

// A secret for two processes of a benchmark: nothing is protected by it.
constexpr unsigned char bench_key[32] = {7};
constexpr char bench_identity[] = "bench";

SSL_SESSION* new_secret_session(SSL* ssl) {
  const unsigned char aes_128_gcm_sha256[2] = {0x13, 0x01};
  SSL_SESSION* made = SSL_SESSION_new();
  if (!made || SSL_SESSION_set1_master_key(made, bench_key, sizeof bench_key) != 1 ||
      SSL_SESSION_set_cipher(made, SSL_CIPHER_find(ssl, aes_128_gcm_sha256)) != 1 ||
      SSL_SESSION_set_protocol_version(made, TLS1_3_VERSION) != 1)
    die("OpenSSL takes no secret");
  return made;
}

int use_secret(SSL* ssl, const EVP_MD* /*digest*/, const unsigned char** identity,
               std::size_t* identity_size, SSL_SESSION** session) {
  *identity = reinterpret_cast<const unsigned char*>(bench_identity);
  *identity_size = std::strlen(bench_identity);
  *session = new_secret_session(ssl);
  return 1;
}

int find_secret(SSL* ssl, const unsigned char* /*identity*/, std::size_t /*size*/,
                SSL_SESSION** session) {
  *session = new_secret_session(ssl);
  return 1;
}

class tls_end final : public pipe_end {
 public:
  tls_end(int fd, bool server) : fd_(fd) {
    SSL_CTX* context = SSL_CTX_new(TLS_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_num_tickets(context, 0);
    // Without these two each record of 16 KiB costs two reads of the socket.
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, bulk_bytes + 4096);
    SSL_CTX_set_psk_use_session_callback(context, use_secret);
    SSL_CTX_set_psk_find_session_callback(context, find_secret);
    ssl_ = SSL_new(context);
    SSL_CTX_free(context);
    if (!ssl_ || SSL_set_fd(ssl_, fd) != 1 || (server ? SSL_accept(ssl_) : SSL_connect(ssl_)) != 1)
      die("OpenSSL: no handshake");
  }
  ~tls_end() override {
    SSL_free(ssl_);
    close(fd_);
  }
  tls_end(const tls_end&) = delete;
  tls_end& operator=(const tls_end&) = delete;

  void write(const char* data, std::size_t size) override {
    std::size_t written = 0;
    if (SSL_write_ex(ssl_, data, size, &written) != 1 || written != size)
      die("the other end of a yardstick is gone");
  }
  std::size_t read(char* buffer, std::size_t size) override {
    std::size_t n = 0;
    return SSL_read_ex(ssl_, buffer, size, &n) == 1 ? n : 0;
  }

 private:
  int fd_;
  SSL* ssl_;
};

std::unique_ptr<pipe_end> open_end(int fd, protection how, bool server) {
  if (how == protection::none) return std::make_unique<bare_end>(fd);
  return std::make_unique<tls_end>(fd, server);
}

}  // namespace

void serve_bulk(int listener, protection how) {
  const auto end = open_end(accept_one(listener), how, true);
  std::string buffer(bulk_bytes, '\0');
  std::uint64_t left = 0;
  char announced[sizeof left];
  // Announced in a message of its own, so that what follows is read in full buffers.
  while (end->read(announced, 1) == 1) {
    end->read_exactly(announced + 1, sizeof announced - 1);
    std::memcpy(&left, announced, sizeof left);
    while (left > 0) {
      const std::size_t n = end->read(buffer.data(), std::min<std::uint64_t>(left, buffer.size()));
      if (n == 0) return;
      left -= n;
    }
    end->write("d", 1);
  }
}

class bulk_caller::impl {
 public:
  std::unique_ptr<pipe_end> end;
  std::string buffer = std::string(bulk_bytes, 'x');
};

bulk_caller::bulk_caller(const sockaddr_in& at, protection how) : impl_(std::make_unique<impl>()) {
  impl_->end = open_end(connect_to(at), how, false);
}

bulk_caller::~bulk_caller() = default;

clock::duration bulk_caller::pour(int count) {
  const std::uint64_t total = static_cast<std::uint64_t>(count) * bulk_bytes;
  char done = 0;
  const auto start = clock::now();
  impl_->end->write(reinterpret_cast<const char*>(&total), sizeof total);
  for (int i = 0; i < count; ++i)
    impl_->end->write(impl_->buffer.data(), impl_->buffer.size());
  impl_->end->read_exactly(&done, 1);
  return clock::now() - start;
}

}  // namespace hedgerow::bench
