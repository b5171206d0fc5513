#include "net/tls_context.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/tls_files.h"
#include "net/tls_link.h"

namespace hedgerow::net {
namespace {

constexpr std::size_t pem_bytes_max = 1024 * 1024;
// A pre-shared key goes with one hash, and ours is SHA-256: with the others on the list, OpenSSL
// would choose the first of them and drop the key without a word.
constexpr const char* suites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
constexpr std::array<unsigned char, 2> suite_of_keys{0x13, 0x01};  // TLS_AES_128_GCM_SHA256

template <auto Free>
struct freed {
  template <class T>
  void operator()(T* what) const {
    Free(what);
  }
};
using bio_ptr = std::unique_ptr<BIO, freed<BIO_free>>;
using x509_ptr = std::unique_ptr<X509, freed<X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY_free>>;

int no_passphrase(char*, int, int, void*) {
  return -1;  // OpenSSL's own would ask on the terminal
}

tl::unexpected<error> unusable(const std::string& text) {
  ERR_clear_error();
  return fail(errc::invalid_argument, text);
}

SSL_CTX* fresh(const SSL_METHOD* method) {
  SSL_CTX* const made = SSL_CTX_new(method);
  if (made == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(made, suites);
  SSL_CTX_set_options(made, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_num_tickets(made, 0);
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(made, 0);
  SSL_CTX_set_recv_max_early_data(made, 0);
  // Buffers only while there is something in them: an idle connection must be small.
  SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS);
  // Or it would read on and on within one call: see tls_link::read.
  SSL_CTX_clear_mode(made, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_read_ahead(made, 1);
  SSL_CTX_set_default_passwd_cb(made, no_passphrase);
  return made;
}

int no_certificate(X509_STORE_CTX*, void*) {
  return 0;
}

result<std::vector<x509_ptr>> read_pem(const std::string& path, const std::string& what) {
  const auto text = read_whole(path, what, pem_bytes_max);
  if (!text) return tl::unexpected<error>(text.error());
  const bio_ptr from(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  std::vector<x509_ptr> found;
  while (X509* one = PEM_read_bio_X509(from.get(), nullptr, no_passphrase, nullptr))
    found.emplace_back(one);
  const bool to_the_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (found.empty() || !to_the_end)
    return unusable(fmt::format("{} {} is damaged, or no certificate in PEM", what, path));
  return found;
}

result<key_ptr> read_key(const std::string& path) {
  auto text = read_whole(path, "the private key", pem_bytes_max);
  if (!text) return tl::unexpected<error>(text.error());
  const bio_ptr from(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  key_ptr key(PEM_read_bio_PrivateKey(from.get(), nullptr, no_passphrase, nullptr));
  OPENSSL_cleanse(text->data(), text->size());
  if (!key)
    return unusable(fmt::format(
        "the private key {} is damaged, has a passphrase, or is not PEM; none may be asked for",
        path));
  ERR_clear_error();
  return key;
}

std::string date_of(const ASN1_TIME* at) {
  const bio_ptr to(BIO_new(BIO_s_mem()));
  if (!to || ASN1_TIME_print(to.get(), at) != 1) return "an unknown date";
  char* text = nullptr;
  const auto size = BIO_get_mem_data(to.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

result<void> check_dates(const X509* certificate, const std::string& path) {
  const ASN1_TIME* const until = X509_get0_notAfter(certificate);
  const ASN1_TIME* const from = X509_get0_notBefore(certificate);
  if (X509_cmp_current_time(until) < 0)
    return unusable(fmt::format("the certificate {} has expired ({}); have a new one made", path,
                                date_of(until)));
  if (X509_cmp_current_time(from) > 0)
    return unusable(fmt::format("the certificate {} is not valid before {}; is the clock right?",
                                path, date_of(from)));
  return {};
}

void add_mark(std::string& mark, const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  X509_digest(certificate, EVP_sha256(), hash.data(), &size);
  mark.append(reinterpret_cast<const char*>(hash.data()), size);
}

std::string common_name(X509* certificate) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return {};
  std::string out(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return out;
}

}  // namespace

std::vector<std::string> names_in(X509* certificate) {
  std::vector<std::string> found;
  auto* const all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* const each = sk_GENERAL_NAME_value(all, i);
    if (each->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(each->d.dNSName));
    found.emplace_back(text, static_cast<std::size_t>(ASN1_STRING_length(each->d.dNSName)));
  }
  GENERAL_NAMES_free(all);
  if (!found.empty()) return found;
  if (auto name = common_name(certificate); !name.empty()) found.push_back(std::move(name));
  return found;
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 4;
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), most));
  return fmt::format("{}{}", fmt::join(names.begin(), end, ", "), names.size() > most ? ", …" : "");
}

SSL_SESSION* session_of(SSL* ssl, const group_secret& secret) {
  const SSL_CIPHER* const cipher = SSL_CIPHER_find(ssl, suite_of_keys.data());
  SSL_SESSION* const made = SSL_SESSION_new();
  if (made == nullptr) return nullptr;
  if (cipher == nullptr ||
      SSL_SESSION_set1_master_key(made, secret.key().data(), secret.key().size()) != 1 ||
      SSL_SESSION_set_cipher(made, cipher) != 1 ||
      SSL_SESSION_set_protocol_version(made, TLS1_3_VERSION) != 1) {
    SSL_SESSION_free(made);
    return nullptr;
  }
  return made;
}

tls_context::~tls_context() {
  SSL_CTX_free(dialing_);
  SSL_CTX_free(accepting_);
}

result<tls_context::loaded> tls_context::load(const tls_settings& settings) {
  std::shared_ptr<tls_context> made(new tls_context);
  if (auto done = made->open(settings); !done) return tl::unexpected<error>(done.error());
  loaded out{made, {}};
  for (const std::string* secret : {&settings.secret_file, &settings.key}) {
    if (secret->empty()) continue;
    if (auto words = exposure_of(*secret); !words.empty()) out.warnings.push_back(std::move(words));
  }
  return out;
}

result<void> tls_context::open(const tls_settings& settings) {
  dialing_ = fresh(TLS_client_method());
  accepting_ = fresh(TLS_server_method());
  if (dialing_ == nullptr || accepting_ == nullptr)
    return fail(errc::internal, "OpenSSL gives no TLS context: out of memory?");
  if (settings.secret_file.empty()) return read_certificates(settings);

  auto text = read_whole(settings.secret_file, "the secret", secret_file_bytes_max);
  if (!text) return tl::unexpected<error>(text.error());
  auto parsed = parse_secrets(*text, settings.secret_file);
  OPENSSL_cleanse(text->data(), text->size());
  if (!parsed) return tl::unexpected<error>(parsed.error());
  secrets_ = std::move(*parsed);
  // Without a certificate of its own a server can only go on with the key; a client believes no
  // certificate at all. tls_link checks once more that the key was used.
  SSL_CTX_set_verify(dialing_, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(dialing_, no_certificate, nullptr);
  SSL_CTX_set_psk_use_session_callback(dialing_, tls_link::offer_secret);
  SSL_CTX_set_psk_find_session_callback(accepting_, tls_link::find_secret);
  return {};
}

result<void> tls_context::read_certificates(const tls_settings& settings) {
  auto chain = read_pem(settings.cert, "the certificate");
  if (!chain) return tl::unexpected<error>(chain.error());
  X509* const own = chain->front().get();
  if (auto ok = check_dates(own, settings.cert); !ok) return ok;
  const auto key = read_key(settings.key);
  if (!key) return tl::unexpected<error>(key.error());
  if (X509_check_private_key(own, key->get()) != 1)
    return unusable(fmt::format("the private key {} does not belong to the certificate {}",
                                settings.key, settings.cert));
  const auto trusted = read_pem(settings.ca, "the CA certificate");
  if (!trusted) return tl::unexpected<error>(trusted.error());
  for (const auto& each : *chain)
    add_mark(mark_, each.get());
  for (const auto& each : *trusted)
    add_mark(mark_, each.get());
  names_ = names_in(own);

  for (SSL_CTX* each : {dialing_, accepting_}) {
    if (SSL_CTX_use_certificate(each, own) != 1 || SSL_CTX_use_PrivateKey(each, key->get()) != 1)
      return unusable(
          fmt::format("OpenSSL does not accept the certificate {}: is its key too "
                      "short, or its signature too old?",
                      settings.cert));
    for (std::size_t i = 1; i < chain->size(); ++i)
      SSL_CTX_add1_chain_cert(each, (*chain)[i].get());
    for (const auto& one : *trusted)
      X509_STORE_add_cert(SSL_CTX_get_cert_store(each), one.get());
    SSL_CTX_set_verify(each, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  ERR_clear_error();
  return {};
}

const group_secret* tls_context::secret_named(std::string_view identity) const {
  const auto at = std::find_if(secrets_.begin(), secrets_.end(),
                               [&](const auto& each) { return each.identity() == identity; });
  return at == secrets_.end() ? nullptr : &*at;
}

bool tls_context::honors(const std::string& mark) const {
  return by_secret() ? secret_named(mark) != nullptr : mark == mark_;
}

bool tls_context::may_be(const std::string& name) const {
  return by_secret() || std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::string tls_context::own_names() const {
  return listed(names_);
}

}  // namespace hedgerow::net
