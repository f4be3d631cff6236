// SPDX-License-Identifier: Apache-2.0
//
// TestAuthority: issues certificates in a test, right ones and others.
//
// Threads: any thread.
// Example: const TestAuthority authority;
//          const PemPair server = authority.Issue({.name = "server"});
//          files.Write("ca.pem", authority.certificate());
#ifndef PINION_TESTS_SUPPORT_CERTIFICATES_H_
#define PINION_TESTS_SUPPORT_CERTIFICATES_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/core/tls/openssl_pointers.h"

namespace pinion::testing {

// Both PEM.
struct PemPair {
  std::string certificate;
  std::string key;
};

// What a certificate is to have.
struct WantedCertificate {
  // Its common name.
  std::string name = "server";
  // As OpenSSL writes them; empty: it has none.
  std::string alternative_names = "DNS:localhost,IP:127.0.0.1";
  absl::Time not_before = absl::Now() - absl::Hours(1);
  absl::Time not_after = absl::Now() + absl::Hours(24 * 365);
  bool is_authority = false;
  // Of an RSA key; 0: a P-256 one.
  int rsa_bits = 0;
};

class TestAuthority {
 public:
  explicit TestAuthority(absl::string_view name = "a test's authority");
  // One that `issuer` has made.
  TestAuthority(const TestAuthority& issuer, absl::string_view name);

  // Each with a new key and another serial number.
  PemPair Issue(const WantedCertificate& wanted) const;

  // Its own, PEM.
  const std::string& certificate() const { return pair_.certificate; }
  const std::string& key() const { return pair_.key; }

 private:
  explicit TestAuthority(PemPair pair);

  PemPair pair_;
  X509Pointer own_;
  KeyPointer own_key_;
};

// `key` in a form that needs a password.
std::string EncryptedKey(const std::string& key);

// Hexadecimal, as CertificateFacts has it.
std::string SerialOf(const std::string& certificate);

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_CERTIFICATES_H_
