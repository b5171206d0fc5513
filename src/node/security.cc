#include "node/security.h"

#include <hedgerow/security.h>

#include "net/secret_file.h"

namespace hedgerow {

std::string new_secret() {
  return net::new_secret();
}

net::tls_settings settings_of(const security_options& from) {
  return {from.secret_file, from.tls_cert, from.tls_key, from.tls_ca};
}

result<void> check_security(const security_options& chosen, bool insecure) {
  if (auto ok = chosen.validate(); !ok) return ok;
  if (insecure && chosen.wanted())
    return fail(errc::invalid_argument,
                "--insecure is plain text, and a secret or a certificate is none; remove one of "
                "them");
  return {};
}

result<void> security_options::validate() const {
  const bool certificate = !tls_cert.empty() || !tls_key.empty() || !tls_ca.empty();
  if (!secret_file.empty() && certificate)
    return fail(errc::invalid_argument,
                "--secret-file and --tls-cert exclude each other: choose a secret for the whole "
                "group, or a certificate for each member");
  if (!certificate) return {};
  for (const auto& [path, name] :
       {std::pair{&tls_cert, "--tls-cert"}, {&tls_key, "--tls-key"}, {&tls_ca, "--tls-ca"}}) {
    if (path->empty())
      return fail(
          errc::invalid_argument,
          std::string("--tls-cert, --tls-key and --tls-ca go together; ") + name + " is missing");
  }
  return {};
}

}  // namespace hedgerow
