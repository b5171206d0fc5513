#pragma once
// Somebody with OpenSSL who does not keep to our rules.

#include <optional>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "base/assert.h"
#include "net/secret_file.h"
#include "net/test_security.h"
#include "net/tls_context.h"

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
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
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

  // As a node does it that has this secret, or one that names it and has another.
  void know(const std::string& secret) { know(secret, secret); }
  void know(const std::string& named, const std::string& had) {
    identity_ = parse_secrets(named, "the secret")->front().identity();
    secret_ = parse_secrets(had, "the secret")->front();
    SSL_CTX_set_psk_use_session_callback(context_, offer);
    SSL_CTX_set_psk_find_session_callback(context_, find);
  }

  // Goes on with the handshake and with reading; whatever was decrypted is in `heard`.
  void step() {
    if (ssl_ == nullptr) {
      ssl_ = SSL_new(context_);
      SSL_set_fd(ssl_, handle_);
      SSL_set_app_data(ssl_, this);
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
  bool used_secret() const { return SSL_session_reused(ssl_) == 1; }
  std::string suite() const { return SSL_get_cipher_name(ssl_); }
  // False: no room.
  bool change_keys(bool other_side_too) {
    ERR_clear_error();
    SSL_key_update(ssl_, other_side_too ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    return SSL_do_handshake(ssl_) == 1;
  }
  // What can be sent at once.
  std::size_t offer(std::string_view text) {
    ERR_clear_error();
    const int put = SSL_write(ssl_, text.data(), static_cast<int>(text.size()));
    return put > 0 ? static_cast<std::size_t>(put) : 0;
  }
  void say(std::string_view text) { HEDGEROW_ASSERT(offer(text) == text.size()); }

  std::string heard;
  bool over = false;

 private:
  static int offer(SSL* ssl, const EVP_MD*, const unsigned char** identity, std::size_t* size,
                   SSL_SESSION** session) {
    const auto& self = *static_cast<tls_stranger*>(SSL_get_app_data(ssl));
    *identity = reinterpret_cast<const unsigned char*>(self.identity_.data());
    *size = self.identity_.size();
    *session = session_of(ssl, *self.secret_);
    return *session != nullptr ? 1 : 0;
  }
  static int find(SSL* ssl, const unsigned char*, std::size_t, SSL_SESSION** session) {
    const auto& self = *static_cast<tls_stranger*>(SSL_get_app_data(ssl));
    *session = session_of(ssl, *self.secret_);
    return *session != nullptr ? 1 : 0;
  }

  int handle_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  bool is_client_ = false;
  std::string identity_;
  std::optional<group_secret> secret_;
};

}  // namespace hedgerow::net
