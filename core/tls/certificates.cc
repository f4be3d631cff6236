// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/tls/certificates.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "pinion/core/tls/openssl_pointers.h"

namespace pinion {
namespace {

using BigNumberPointer = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;

// Leaves OpenSSL's queue of errors empty for whoever calls it next on this
// thread: gRPC, for one, takes an old error for its own.
class NoErrorsLeft {
 public:
  NoErrorsLeft() { ERR_clear_error(); }
  ~NoErrorsLeft() { ERR_clear_error(); }
};

template <typename... Why>
absl::Status Wrong(absl::string_view name, const Why&... why) {
  return absl::InvalidArgumentError(absl::StrCat(name, " ", why...));
}

std::string OpensslsReason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "OpenSSL does not say why" : reason;
}

BioPointer Reader(absl::string_view text) {
  return BioPointer(BIO_new_mem_buf(
      text.data(), static_cast<int>(std::min<size_t>(
                       text.size(), std::numeric_limits<int>::max()))));
}

std::string TextOf(BIO* memory) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  return std::string(text, static_cast<size_t>(size));
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromCivil(
      absl::CivilSecond(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                        parts.tm_hour, parts.tm_min, parts.tm_sec),
      absl::UTCTimeZone());
}

std::string SubjectOf(X509* certificate) {
  const BioPointer text(BIO_new(BIO_s_mem()));
  // ONELINE escapes control characters.
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0,
                     XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  const std::string subject = TextOf(text.get());
  return subject.empty() ? "a certificate without a subject" : subject;
}

std::string SerialOf(X509* certificate) {
  const BigNumberPointer number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  char* const digits = number == nullptr ? nullptr : BN_bn2hex(number.get());
  const std::string serial = digits == nullptr ? "unknown" : digits;
  OPENSSL_free(digits);
  return serial;
}

CertificateFacts FactsOf(X509* certificate) {
  return {.subject = SubjectOf(certificate),
          .serial = SerialOf(certificate),
          .not_before = TimeOf(X509_get0_notBefore(certificate)),
          .not_after = TimeOf(X509_get0_notAfter(certificate))};
}

// All certificates of `text`; at least one.
absl::StatusOr<std::vector<X509Pointer>> ParseCertificates(
    const NamedPem& pem) {
  const BioPointer reader = Reader(pem.text);
  std::vector<X509Pointer> certificates;
  for (;;) {
    X509Pointer next(
        PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) break;
    certificates.push_back(std::move(next));
  }
  // What ends the text is that no further one begins.
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM &&
                      ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!at_end) {
    return Wrong(pem.name, "is damaged at its certificate ",
                 certificates.size() + 1, ": ", OpensslsReason());
  }
  if (certificates.empty()) {
    return Wrong(pem.name, "has no PEM certificate");
  }
  return certificates;
}

// Nobody is there to type a password.
int NotePassword(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::StatusOr<KeyPointer> ParseKey(const NamedPem& pem) {
  bool asked = false;
  KeyPointer key(PEM_read_bio_PrivateKey(Reader(pem.text).get(), nullptr,
                                         NotePassword, &asked));
  if (key != nullptr) return key;
  if (asked) {
    return Wrong(pem.name,
                 "is encrypted; give a key without a password, in a file that "
                 "only the program can read");
  }
  // The library that found nothing to decode has no better word.
  return ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_OSSL_DECODER
             ? Wrong(pem.name, "has no PEM private key")
             : Wrong(pem.name, "is damaged: ", OpensslsReason());
}

// Why the key does not belong to the first of `chain`.
std::string WhyNoPair(const std::vector<X509Pointer>& chain, EVP_PKEY* key) {
  for (size_t i = 1; i < chain.size(); ++i) {
    if (X509_check_private_key(chain[i].get(), key) == 1) {
      return absl::StrCat("belongs to certificate ", i + 1,
                          " of its file, and must belong to the first one");
    }
  }
  return absl::StrCat("does not belong to the certificate ",
                      SubjectOf(chain[0].get()));
}

// In the way gRPC gives them to OpenSSL, which refuses weak ones.
absl::Status CheckUse(const NamedPem& certificate,
                      const std::vector<X509Pointer>& chain,
                      const NamedPem& key, EVP_PKEY* own_key) {
  const SslContextPointer context(SSL_CTX_new(TLS_method()));
  if (SSL_CTX_use_certificate(context.get(), chain[0].get()) != 1) {
    return Wrong(certificate.name, "cannot be used: ", OpensslsReason());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) != 1) {
      return Wrong(certificate.name, "cannot be used, for its certificate ",
                   i + 1, ": ", OpensslsReason());
    }
  }
  if (X509_check_private_key(chain[0].get(), own_key) != 1) {
    return Wrong(key.name, WhyNoPair(chain, own_key));
  }
  if (SSL_CTX_use_PrivateKey(context.get(), own_key) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return Wrong(key.name, "cannot be used: ", OpensslsReason());
  }
  return absl::OkStatus();
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace

std::string CertificateFacts::ToString() const {
  return absl::StrCat(subject, " (serial ", serial, "), which ends ",
                      TimeText(not_after));
}

absl::StatusOr<CertificateFacts> FactsOf(const NamedPem& certificate) {
  const NoErrorsLeft no_errors_left;
  const auto chain = ParseCertificates(certificate);
  if (!chain.ok()) return chain.status();
  return FactsOf(chain->front().get());
}

absl::StatusOr<CertificateFacts> CheckPair(const NamedPem& certificate,
                                           const NamedPem& key) {
  const NoErrorsLeft no_errors_left;
  const auto chain = ParseCertificates(certificate);
  if (!chain.ok()) return chain.status();
  const auto own_key = ParseKey(key);
  if (!own_key.ok()) return own_key.status();
  const absl::Status use = CheckUse(certificate, *chain, key, own_key->get());
  if (!use.ok()) return use;
  CertificateFacts facts = FactsOf(chain->front().get());
  for (const X509Pointer& issuer : *chain) {
    const CertificateFacts its = FactsOf(issuer.get());
    facts.not_before = std::max(facts.not_before, its.not_before);
    facts.not_after = std::min(facts.not_after, its.not_after);
  }
  return facts;
}

absl::StatusOr<CertificateFacts> CheckAuthorities(const NamedPem& authorities,
                                                  absl::Time now) {
  const NoErrorsLeft no_errors_left;
  const auto all = ParseCertificates(authorities);
  if (!all.ok()) return all.status();
  CertificateFacts facts = FactsOf(all->front().get());
  absl::Status last;
  bool holds = false;
  for (const X509Pointer& authority : *all) {
    const CertificateFacts its = FactsOf(authority.get());
    if (X509_check_ca(authority.get()) == 0) {
      return Wrong(authorities.name, "has ", its.subject,
                   ", which is no certificate authority (it has no "
                   "basicConstraints CA:TRUE)");
    }
    facts.not_before = std::min(facts.not_before, its.not_before);
    facts.not_after = std::max(facts.not_after, its.not_after);
    last = CheckTime(its.subject, its, now);
    holds = holds || last.ok();
  }
  if (holds) return facts;
  return Wrong(authorities.name,
               "has no authority that is valid now: ", last.message());
}

absl::Status CheckTime(absl::string_view name, const CertificateFacts& facts,
                       absl::Time now) {
  if (now > facts.not_after) {
    return Wrong(name, "has expired, at ", TimeText(facts.not_after));
  }
  if (now < facts.not_before) {
    return Wrong(name, "is not valid before ", TimeText(facts.not_before),
                 ", and the clock says ", TimeText(now));
  }
  return absl::OkStatus();
}

}  // namespace pinion
