#pragma once
// Somebody with OpenSSL who does not keep to our rules.

#include <functional>
#include <string>

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "base/assert.h"
#include "net/test_security.h"

namespace hedgerow::net {

// Over a connected socket, which it owns. Non-blocking: step() again and again.
class tls_stranger {
 public:
  enum class end { client, server };

  tls_stranger(end which, int handle)
      : handle_(handle),
        context_(SSL_CTX_new(which == end::client ? TLS_client_method() : TLS_server_method())) {
    ::fcntl(handle_, F_SETFL, ::fcntl(handle_, F_GETFL) | O_NONBLOCK);
    SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
    is_client_ = which == end::client;
  }
  ~tls_stranger() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ::close(handle_);
  }
  tls_stranger(const tls_stranger&) = delete;
  tls_stranger& operator=(const tls_stranger&) = delete;

  SSL_CTX* context() { return context_; }
  void show(const test_authority::made& with) {
    BIO* const cert_text = BIO_new_mem_buf(with.cert.data(), -1);
    BIO* const key_text = BIO_new_mem_buf(with.key.data(), -1);
    X509* const cert = PEM_read_bio_X509(cert_text, nullptr, nullptr, nullptr);
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(key_text, nullptr, nullptr, nullptr);
    HEDGEROW_ASSERT(SSL_CTX_use_certificate(context_, cert) == 1 &&
                    SSL_CTX_use_PrivateKey(context_, key) == 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_text);
    BIO_free(key_text);
  }

  // Goes on with the handshake and with reading; whatever was decrypted is in `heard`.
  void step() {
    if (ssl_ == nullptr) {
      ssl_ = SSL_new(context_);
      SSL_set_fd(ssl_, handle_);
      is_client_ ? SSL_set_connect_state(ssl_) : SSL_set_accept_state(ssl_);
    }
    ERR_clear_error();
    char buffer[4096];
    const int got = SSL_read(ssl_, buffer, sizeof buffer);
    if (got > 0) heard.append(buffer, static_cast<std::size_t>(got));
    const int why = SSL_get_error(ssl_, got);
    over = got <= 0 && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE;
  }
  bool shaken() const { return ssl_ != nullptr && SSL_is_init_finished(ssl_) == 1; }

  std::string heard;
  bool over = false;

 private:
  int handle_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  bool is_client_ = false;
};

}  // namespace hedgerow::net
