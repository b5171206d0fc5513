#pragma once
// What all encrypted connections of one time share: the secrets or the certificate, and OpenSSL's
// contexts made of them. It never changes; when files change there is a new one, and connections
// keep theirs.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <hedgerow/error.h>
#include <openssl/types.h>

#include "net/secret_file.h"
#include "net/tls_settings.h"

struct ssl_session_st;  // SSL_SESSION

namespace hedgerow::net {

class tls_context {
 public:
  struct loaded {
    std::shared_ptr<const tls_context> context;
    std::vector<std::string> warnings;  // for the log
  };

  // Reads the files. Fails with invalid_argument and a text for the user, which holds no secret.
  // Requires: settings.wanted().
  static result<loaded> load(const tls_settings& settings);
  ~tls_context();
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  SSL_CTX* dialing() const { return dialing_; }
  SSL_CTX* accepting() const { return accepting_; }

  // Else by certificates.
  bool by_secret() const { return !secrets_.empty(); }
  // The one to connect with.
  const group_secret& first_secret() const { return secrets_.front(); }
  const group_secret* secret_named(std::string_view identity) const;

  // What a connection was made under, for honors(): the identity of its secret, or what stands for
  // the certificate and the CA.
  const std::string& certificate_mark() const { return mark_; }
  // Whether a connection that was made under this may stay.
  bool honors(const std::string& mark) const;
  // Members that this process may be by its own certificate; everybody with a secret.
  bool may_be(const std::string& name) const;
  std::string own_names() const;  // for texts

 private:
  tls_context() = default;
  result<void> open(const tls_settings& settings);
  result<void> read_certificates(const tls_settings& settings);

  SSL_CTX* dialing_ = nullptr;
  SSL_CTX* accepting_ = nullptr;
  std::vector<group_secret> secrets_;
  std::string mark_;
  std::vector<std::string> names_;  // of the certificate
};

// The names in a certificate: its DNS names or, if there are none, its common name.
std::vector<std::string> names_in(X509* certificate);

// Some of them, for texts: a certificate may have a thousand.
std::string listed(const std::vector<std::string>& names);

// Makes the session that stands for a secret; null without memory.
ssl_session_st* session_of(SSL* ssl, const group_secret& secret);

}  // namespace hedgerow::net
