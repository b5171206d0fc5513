// OpenSSL's words for what went wrong, in ours.

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "net/tls_link.h"

namespace hedgerow::net {
namespace {

constexpr const char* other_secret =
    "it knows none of the secret that was offered; is its --secret-file the same, and were all "
    "nodes given the new secret before it became the first?";

tls_failure secret_failure(int reason, bool dialer) {
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return {occurrence::handshakes_wrong_secret,
              "it showed a certificate instead of using the secret; it is not of this group, or "
              "was started with --tls-cert"};
    case SSL_R_BINDER_DOES_NOT_VERIFY:
      return {occurrence::handshakes_wrong_secret, "it names the secret, but does not know it"};
    default:
      if (dialer) return {occurrence::handshakes_wrong_secret, other_secret};
      return {occurrence::handshakes_wrong_secret,
              "it offers no secret; give it the --secret-file of this group"};
  }
}

tls_failure verdict_failure(long verdict) {
  const auto wrong = [](std::string text) {
    return tls_failure{occurrence::handshakes_wrong_certificate, std::move(text)};
  };
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return wrong("its certificate has expired, or the clock here is wrong");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return wrong("its certificate is not valid yet, or the clock here is wrong");
    case X509_V_ERR_INVALID_PURPOSE:
      return wrong(
          "its certificate is not meant for this; members need both serverAuth and clientAuth");
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return wrong("its certificate is not signed by the CA in --tls-ca");
    default:
      return wrong(
          fmt::format("its certificate is refused: {}", X509_verify_cert_error_string(verdict)));
  }
}

// What the other side has said about us.
tls_failure alert_failure(int reason) {
  const auto wrong = [](const char* text) {
    return tls_failure{occurrence::handshakes_wrong_certificate, text};
  };
  switch (reason) {
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return wrong("it says that our certificate has expired, or is not valid yet");
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return wrong("it does not know who signed our certificate; is its --tls-ca the same?");
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return wrong("it wants a certificate, and was shown none");
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
      return wrong("it does not accept our certificate");
    default:
      return {occurrence::handshakes_tls_failed,
              fmt::format("it ended the TLS handshake ({}); does it use certificates, too?",
                          ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason)))};
  }
}

bool is_alert(int reason) {
  return reason >= SSL_AD_REASON_OFFSET;
}

}  // namespace

tls_failure explain_failure(unsigned long code, long verdict, bool by_secret, bool dialer) {
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      if (dialer)
        return {occurrence::handshakes_plain,
                "it speaks plain text: it was started without --secret-file or certificates, or "
                "it is no Hedgerow node"};
      break;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return {occurrence::handshakes_tls_failed, "it speaks no TLS 1.3"};
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {occurrence::handshakes_wrong_certificate,
              "it shows no certificate; give it --tls-cert, --tls-key and --tls-ca"};
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return by_secret ? secret_failure(reason, dialer) : verdict_failure(verdict);
    case SSL_R_BINDER_DOES_NOT_VERIFY:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
    case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:
      if (by_secret) return secret_failure(reason, dialer);
      break;
    default:
      break;
  }
  if (is_alert(reason)) return alert_failure(reason);
  const char* const words = reason == 0 ? nullptr : ERR_reason_error_string(code);
  return {occurrence::handshakes_tls_failed,
          fmt::format("the TLS handshake failed: {}", words == nullptr ? "unknown reason" : words)};
}

}  // namespace hedgerow::net
