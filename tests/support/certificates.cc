// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/support/certificates.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <memory>
#include <utility>

#include "pinion/core/base/check.h"

namespace pinion::testing {
namespace {

std::string TextOf(const BioPointer& memory) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

BioPointer NewMemory() { return BioPointer(BIO_new(BIO_s_mem())); }
BioPointer MemoryOf(const std::string& text) {
  return BioPointer(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string PemOf(X509* certificate) {
  const BioPointer memory = NewMemory();
  PEM_write_bio_X509(memory.get(), certificate);
  return TextOf(memory);
}

std::string PemOf(EVP_PKEY* key) {
  const BioPointer memory = NewMemory();
  PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr,
                           nullptr);
  return TextOf(memory);
}

X509Pointer ParseCertificate(const std::string& text) {
  return X509Pointer(
      PEM_read_bio_X509(MemoryOf(text).get(), nullptr, nullptr, nullptr));
}

KeyPointer ParseKey(const std::string& text) {
  return KeyPointer(
      PEM_read_bio_PrivateKey(MemoryOf(text).get(), nullptr, nullptr, nullptr));
}

KeyPointer NewKey(int rsa_bits) {
  return KeyPointer(rsa_bits > 0 ? EVP_RSA_gen(static_cast<unsigned>(rsa_bits))
                                 : EVP_EC_gen("P-256"));
}

void AddExtension(X509* certificate, X509* issuer, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, &context, id, value);
  PINION_CHECK(extension != nullptr, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed with `issuer_key`; by itself if `issuer` is null.
PemPair Make(const WantedCertificate& wanted, X509* issuer,
             EVP_PKEY* issuer_key) {
  static std::atomic<long> serial{0x1000};
  const KeyPointer key = NewKey(wanted.rsa_bits);
  const X509Pointer made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
  ASN1_TIME_set(X509_getm_notBefore(made.get()),
                absl::ToTimeT(wanted.not_before));
  ASN1_TIME_set(X509_getm_notAfter(made.get()),
                absl::ToTimeT(wanted.not_after));
  X509_set_pubkey(made.get(), key.get());
  X509_NAME* const name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(
      name, "CN", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(wanted.name.c_str()), -1, -1, 0);
  X509* const signer = issuer == nullptr ? made.get() : issuer;
  X509_set_issuer_name(made.get(), X509_get_subject_name(signer));
  AddExtension(made.get(), signer, NID_basic_constraints,
               wanted.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  AddExtension(made.get(), signer, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) {
    AddExtension(made.get(), signer, NID_authority_key_identifier, "keyid");
  }
  if (!wanted.alternative_names.empty()) {
    AddExtension(made.get(), signer, NID_subject_alt_name,
                 wanted.alternative_names.c_str());
  }
  PINION_CHECK(X509_sign(made.get(),
                         issuer_key == nullptr ? key.get() : issuer_key,
                         EVP_sha256()) > 0);
  return {PemOf(made.get()), PemOf(key.get())};
}

WantedCertificate Authority(absl::string_view name) {
  return {.name = std::string(name),
          .alternative_names = "",
          .not_after = absl::Now() + absl::Hours(24 * 3650),
          .is_authority = true};
}

}  // namespace

TestAuthority::TestAuthority(absl::string_view name)
    : TestAuthority(Make(Authority(name), nullptr, nullptr)) {}

TestAuthority::TestAuthority(const TestAuthority& issuer,
                             absl::string_view name)
    : TestAuthority(issuer.Issue(Authority(name))) {}

TestAuthority::TestAuthority(PemPair pair)
    : pair_(std::move(pair)),
      own_(ParseCertificate(pair_.certificate)),
      own_key_(ParseKey(pair_.key)) {}

PemPair TestAuthority::Issue(const WantedCertificate& wanted) const {
  return Make(wanted, own_.get(), own_key_.get());
}

std::string EncryptedKey(const std::string& key) {
  const BioPointer memory = NewMemory();
  char password[] = "sesame";
  PEM_write_bio_PKCS8PrivateKey(memory.get(), ParseKey(key).get(),
                                EVP_aes_128_cbc(), password,
                                sizeof(password) - 1, nullptr, nullptr);
  return TextOf(memory);
}

std::string SerialOf(const std::string& certificate) {
  const X509Pointer parsed = ParseCertificate(certificate);
  BIGNUM* const number =
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(parsed.get()), nullptr);
  char* const digits = BN_bn2hex(number);
  const std::string serial = digits;
  OPENSSL_free(digits);
  BN_free(number);
  return serial;
}

}  // namespace pinion::testing
