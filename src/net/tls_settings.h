#pragma once
// Where a group's secret or a member's certificate is.

#include <string>

namespace hedgerow::net {

// Paths. Either the secret, or all three of the certificate, or nothing: plain text.
struct tls_settings {
  std::string secret_file;
  std::string cert;  // PEM: the member's certificate, then what leads to the CA
  std::string key;   // PEM, without a passphrase
  std::string ca;    // PEM: who signs the certificates of the group

  bool wanted() const { return !secret_file.empty() || !cert.empty(); }
};

}  // namespace hedgerow::net
