#pragma once
// How the members of a group, and their clients, know each other: by a secret or by certificates.

#include <string>

#include <hedgerow/error.h>

namespace hedgerow {

// Paths of files. Either `secret_file`, or all three of tls_*, or none: plain text. The whole group
// has the same kind, clients included. The files are read again within about a second when they
// have changed, and by node::reload_security(); a bad one is named in the log and changes nothing.
struct security_options {
  // Secrets as new_secret() makes them, one a line, at most 16; lines with # are comments. Each is
  // accepted, the first is used to connect: add a new one behind, make it the first, remove the
  // old one, each time on all nodes.
  std::string secret_file;
  // PEM. The certificate (what leads to the CA may follow it) and its key, without a passphrase;
  // the CA that signed those of the others. A member's name must be one of the certificate's DNS
  // names, or its common name if there are none; a client's may be any.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_ca;

  bool wanted() const {
    return !secret_file.empty() || !tls_cert.empty() || !tls_key.empty() || !tls_ca.empty();
  }
  // What is wrong with the choice, in words that say what to do. The files are not read.
  result<void> validate() const;
};

// 32 bytes of the system's randomness, as a line for a secret file.
std::string new_secret();

}  // namespace hedgerow
