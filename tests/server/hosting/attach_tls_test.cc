// SPDX-License-Identifier: Apache-2.0
//
// Hosted services under the credentials of the user's builder.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/tests/server/support/attached.h"

namespace pinion {
namespace {

using ::pinion::testing::Attached;
using ::pinion::testing::kAddItem;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;

std::string TextOf(const Memory& memory) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

// A key for 127.0.0.1, and a certificate of it that it has signed itself.
grpc::SslServerCredentialsOptions::PemKeyCertPair NewIdentity() {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("a test"),
                             -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_EXTENSION* const names = X509V3_EXT_conf_nid(
      nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(certificate.get(), names, -1);
  X509_EXTENSION_free(names);
  EXPECT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);

  const Memory key_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0,
                           nullptr, nullptr);
  const Memory certificate_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_text.get(), certificate.get());
  return {TextOf(key_text), TextOf(certificate_text)};
}

class AttachTlsTest : public ::testing::Test {
 protected:
  AttachTlsTest() {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back(identity_);
    test_.builder().AddListeningPort(
        "127.0.0.1:0", grpc::SslServerCredentials(options), &port_);
    test_.Start();
  }
  ~AttachTlsTest() override { test_.Stop(); }

  absl::Status AddItem(ClientOptions options) {
    options.connect_timeout = absl::Minutes(5);
    const auto client =
        Client::Connect("127.0.0.1:" + std::to_string(port_), options);
    shop::v1::AddItemRequest request;
    request.set_customer("ann");
    return client->Call<shop::v1::AddItemResponse>(kAddItem, request).status();
  }

  std::shared_ptr<grpc::ChannelCredentials> Trusting(const std::string& root) {
    return grpc::SslCredentials(
        {.pem_root_certs = root, .pem_private_key = {}, .pem_cert_chain = {}});
  }

  const grpc::SslServerCredentialsOptions::PemKeyCertPair identity_ =
      NewIdentity();
  int port_ = 0;
  Attached test_;
};

TEST_F(AttachTlsTest, ServesHostedCallsEncryptedUnaryAndInSessions) {
  for (const bool unary : {true, false}) {
    const absl::Status added = AddItem(
        {.unary = unary, .credentials = Trusting(identity_.cert_chain)});
    EXPECT_TRUE(added.ok()) << added;
  }
}

TEST_F(AttachTlsTest, ServesNobodyWhoTrustsAnother) {
  const absl::Status added = AddItem(
      {.unary = true, .credentials = Trusting(NewIdentity().cert_chain)});
  EXPECT_EQ(added.code(), absl::StatusCode::kUnavailable) << added;
}

TEST_F(AttachTlsTest, ServesNobodyInTheClear) {
  const absl::Status added = AddItem(
      {.unary = true, .credentials = grpc::InsecureChannelCredentials()});
  EXPECT_EQ(added.code(), absl::StatusCode::kUnavailable) << added;
}

}  // namespace
}  // namespace pinion
