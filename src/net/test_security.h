#pragma once
// What the tests of encryption share: files of secrets, and certificates that are made when a test
// asks for them.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "net/secret_file.h"
#include "net/tls_settings.h"

namespace hedgerow::net {

// A folder of its own, removed with all that is in it.
class test_folder {
 public:
  test_folder() {
    std::string pattern = ::testing::TempDir() + "hedgerow-tls-XXXXXX";
    HEDGEROW_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~test_folder() {
    for (const auto& each : files_)
      ::unlink(each.c_str());
    ::rmdir(path_.c_str());
  }
  test_folder(const test_folder&) = delete;
  test_folder& operator=(const test_folder&) = delete;

  std::string path(const std::string& name) {
    files_.push_back(path_ + "/" + name);
    return files_.back();
  }
  // Replaced as a whole, as a careful operator does it.
  std::string write(const std::string& name, const std::string& text) {
    const auto at = path(name);
    const auto fresh = at + ".new";
    std::ofstream(fresh) << text;
    ::chmod(fresh.c_str(), 0600);
    HEDGEROW_ASSERT(std::rename(fresh.c_str(), at.c_str()) == 0);
    return at;
  }

 private:
  std::string path_;
  std::vector<std::string> files_;
};

// Signs certificates for the tests.
class test_authority {
 public:
  struct wish {
    std::string common_name = "someone";
    std::string dns;            // DNS:a,DNS:b
    long valid_from_s = -3600;  // from now
    long valid_for_s = 7200;
  };
  struct made {
    std::string cert;
    std::string key;
  };

  explicit test_authority(const std::string& name)
      : key_(new_key()), self_(build({name, "", -3600, 7200}, key_, true)) {}
  ~test_authority() {
    X509_free(self_);
    EVP_PKEY_free(key_);
  }
  test_authority(const test_authority&) = delete;
  test_authority& operator=(const test_authority&) = delete;

  std::string pem() const { return text_of(self_); }
  made sign(const wish& what) {
    EVP_PKEY* const key = new_key();
    X509* const certificate = build(what, key, false);
    made out{text_of(certificate), key_text(key)};
    X509_free(certificate);
    EVP_PKEY_free(key);
    return out;
  }

 private:
  // What EVP_EC_gen expands to, without its cast, which clang warns of.
  static EVP_PKEY* new_key() { return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"); }
  X509* build(const wish& what, EVP_PKEY* key, bool authority) {
    X509* const out = X509_new();
    X509_set_version(out, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(out), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(out), what.valid_from_s);
    X509_gmtime_adj(X509_getm_notAfter(out), what.valid_from_s + what.valid_for_s);
    X509_set_pubkey(out, key);
    auto* const name = X509_get_subject_name(out);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(what.common_name.c_str()), -1,
                               -1, 0);
    X509* const issuer = authority ? out : self_;
    X509_set_issuer_name(out, X509_get_subject_name(issuer));
    if (authority) extend(out, issuer, NID_basic_constraints, "critical,CA:TRUE");
    if (!what.dns.empty()) extend(out, issuer, NID_subject_alt_name, what.dns);
    HEDGEROW_ASSERT(X509_sign(out, key_, EVP_sha256()) > 0);
    return out;
  }
  static void extend(X509* to, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
    X509_EXTENSION* const made = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    HEDGEROW_ASSERT(made != nullptr);
    X509_add_ext(to, made, -1);
    X509_EXTENSION_free(made);
  }
  static std::string drained(BIO* from) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(from, &text);
    std::string out(text, static_cast<std::size_t>(size));
    BIO_free(from);
    return out;
  }
  static std::string text_of(X509* certificate) {
    BIO* const to = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(to, certificate);
    return drained(to);
  }
  static std::string key_text(EVP_PKEY* key) {
    BIO* const to = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
    return drained(to);
  }

  long serial_ = 0;
  EVP_PKEY* key_;
  X509* self_ = nullptr;
};

}  // namespace hedgerow::net
