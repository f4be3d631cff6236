// SPDX-License-Identifier: Apache-2.0
//
// What gRPC tells of a certificate is shown by tests with real ones, too.
#include "pinion/server/security/identity/certificate_name.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

// The forwarded principal; "none", or "bad".
std::string Named(absl::string_view header) {
  const auto name = ForwardedName(header);
  if (!name.ok()) {
    EXPECT_EQ(name.status().code(), absl::StatusCode::kUnauthenticated);
    return "bad";
  }
  return name->has_value() ? (*name)->ToString() : "none";
}

TEST(ForwardedNameTest, IsTheSpiffeUriElseTheDnsNameElseTheCommonName) {
  EXPECT_EQ(Named("By=spiffe://p;Hash=ab;Subject=\"CN=cart,O=Shop\";"
                  "URI=spiffe://shop/cart;DNS=cart.shop"),
            "x509:spiffe://shop/cart");
  EXPECT_EQ(Named("Subject=\"CN=cart\";DNS=cart.shop;DNS=other"),
            "x509:cart.shop");
  EXPECT_EQ(Named("Hash=ab;Subject=\"O=Shop, CN=cart\\, the\""),
            "x509:cart, the");
  EXPECT_EQ(Named("URI=https://cart;DNS=cart.shop"), "x509:cart.shop");
}

TEST(ForwardedNameTest, IsThatOfTheLastElementOnly) {
  // The client has written the first; the proxy appended what it has seen.
  EXPECT_EQ(Named("URI=spiffe://shop/admin,URI=spiffe://shop/cart"),
            "x509:spiffe://shop/cart");
  EXPECT_EQ(Named("URI=spiffe://shop/admin,Hash=ab"), "none");
  EXPECT_EQ(Named("URI=spiffe://shop/admin,Subject=\"CN=a,b\""), "x509:a");
}

// A client opens something that only the proxy's text closes, or escapes the
// comma that the proxy appends. Whatever comes of it, it is not the name that
// the client has written, nor is the client without the one that it has.
TEST(ForwardedNameTest, OfTheProxyCannotBeJoinedToTextOfAClient) {
  const std::pair<const char*, const char*> proxies[] = {
      {"By=spiffe://p;Hash=ab;Subject=\"CN=bob,O=x\"", "x509:bob"},
      {"By=spiffe://p;Hash=ab;Subject=\"\";URI=spiffe://shop/bob",
       "x509:spiffe://shop/bob"},
      {"Hash=ab;Subject=\"O=\\\"q\\\",CN=bob\"", "x509:bob"},
      {"Hash=ab;Subject=\"O=\\\"q\\\",CN=bob\";DNS=bob", "x509:bob"},
  };
  for (const auto& [proxy, name] : proxies) {
    EXPECT_EQ(Named(proxy), name);
    for (const char* const client :
         {"URI=spiffe://shop/admin;X=\\", "DNS=admin;X=\\", "X=\\\\",
          "URI=spiffe://shop/admin;X=\"", "URI=spiffe://shop/admin;X=\"\\",
          "URI=spiffe://shop/admin;X=\"\\\"", "DNS=admin;X=a\"", "DNS=admin;\\",
          "\\", "\"", "DNS=admin;X=\"a\"b\\", "Subject=\"CN=admin",
          "Subject=\"CN=admin,O=", "X=\"a,b", "DNS=\"admin\";X=\"\\"}) {
      for (const char* const comma : {",", ", "}) {
        const std::string got = Named(absl::StrCat(client, comma, proxy));
        EXPECT_TRUE(got == name || got == "bad") << client << " -> " << got;
      }
    }
  }
  EXPECT_EQ(Named("URI=spiffe://shop/admin;X=\\,Subject=\"CN=bob\""),
            "x509:bob");
}

TEST(ForwardedNameTest, IsRefusedIfTheSubjectCanBeReadInTwoWays) {
  // As OpenSSL writes it, its O is x\,CN=admin; unescaped once more, x\.
  EXPECT_EQ(Named(R"(Subject="O=x\\\,CN=admin,CN=cart")"), "bad");
  EXPECT_EQ(Named(R"(Subject="O=x\\,CN=cart")"), "bad");
  EXPECT_EQ(Named(R"(Subject="O=\",CN=cart,OU=\"")"), "bad");
}

TEST(ForwardedNameTest, CannotBeWrittenByOtherAttributesOfASubject) {
  EXPECT_EQ(Named("Subject=\"O=x\\,CN=admin,CN=cart\""), "x509:cart");
  EXPECT_EQ(Named("Subject=\"/O=x/CN=admin/CN=cart\""), "none");
  EXPECT_EQ(Named("Subject=\"O=x;URI=spiffe://shop/admin,CN=cart\""),
            "x509:cart");
}

TEST(ForwardedNameTest, IsRefusedIfAFieldButDnsIsThereTwice) {
  EXPECT_EQ(Named("URI=spiffe://a/b;URI=spiffe://a/c;DNS=d"), "bad");
  EXPECT_EQ(Named("URI=spiffe://a/b;uri=https://c"), "bad");
  EXPECT_EQ(Named("URI=;URI=spiffe://a/b"), "bad");
  EXPECT_EQ(Named("Subject=\"CN=a\";Subject=\"CN=b\""), "bad");
  EXPECT_EQ(Named("Hash=a;URI=spiffe://a/b;Hash=a"), "bad");
  EXPECT_EQ(Named("DNS=a;DNS=b"), "x509:a");
  // In another element it was the client's.
  EXPECT_EQ(Named("URI=a;URI=b,URI=spiffe://a/b"), "x509:spiffe://a/b");
}

TEST(ForwardedNameTest, OfAnotherKindIsNoSpiffeUri) {
  EXPECT_EQ(Named("DNS=spiffe://shop/admin"), "none");
  EXPECT_EQ(Named("DNS=Spiffe://shop/admin;Subject=\"CN=a\""), "none");
  EXPECT_EQ(Named("Subject=\"CN=spiffe://shop/admin\""), "none");
  EXPECT_EQ(Named("URI=SPIFFE://shop/admin;DNS=a"), "none");
  EXPECT_EQ(Named("URI=;Subject=\"CN=a\""), "x509:a");
}

TEST(ForwardedNameTest, HasNoControlCharacters) {
  EXPECT_EQ(Named("DNS=\"a\nb\""), "none");
}

TEST(ForwardedNameTest, SaysIfTheHeaderCannotBeRead) {
  EXPECT_EQ(Named(""), "bad");
  EXPECT_EQ(Named("nonsense"), "bad");
  EXPECT_EQ(Named("Subject=\"CN=a"), "bad");
  EXPECT_EQ(Named("URI=spiffe://a/b,"), "bad");
  EXPECT_EQ(Named("URI=spiffe://a/b;"), "bad");
  EXPECT_EQ(Named("=spiffe://a/b"), "bad");
  EXPECT_EQ(Named("URI=\"spiffe://a/b\"x"), "bad");
  EXPECT_EQ(Named("URI=spiffe://a/\"b\""), "bad");
}

// What gRPC says of a connection.
class Connection : public grpc::AuthContext {
 public:
  using Properties = std::vector<std::pair<std::string, std::string>>;
  explicit Connection(Properties properties)
      : properties_(std::move(properties)) {}

  bool IsPeerAuthenticated() const override { return true; }
  std::vector<grpc::string_ref> GetPeerIdentity() const override { return {}; }
  std::string GetPeerIdentityPropertyName() const override { return ""; }
  std::vector<grpc::string_ref> FindPropertyValues(
      const std::string& name) const override {
    std::vector<grpc::string_ref> values;
    for (const auto& [its_name, value] : properties_) {
      if (its_name == name) values.emplace_back(value);
    }
    return values;
  }
  grpc::AuthPropertyIterator begin() const override { return NoProperty(); }
  grpc::AuthPropertyIterator end() const override { return NoProperty(); }
  void AddProperty(const std::string&, const grpc::string_ref&) override {}
  bool SetPeerIdentityPropertyName(const std::string&) override {
    return false;
  }

 private:
  // Its constructor is protected.
  struct NoProperty : grpc::AuthPropertyIterator {};

  const Properties properties_;
};

std::string NameOf(Connection::Properties properties) {
  const auto name = CertificateName(Connection(std::move(properties)));
  return name.has_value() ? name->ToString() : "none";
}

constexpr char kSpiffe[] = GRPC_PEER_SPIFFE_ID_PROPERTY_NAME;
constexpr char kUri[] = GRPC_PEER_URI_PROPERTY_NAME;
constexpr char kDns[] = GRPC_PEER_DNS_PROPERTY_NAME;
constexpr char kCn[] = GRPC_X509_CN_PROPERTY_NAME;

TEST(CertificateNameTest, IsTheSpiffeIdElseTheDnsNameElseTheCommonName) {
  EXPECT_EQ(NameOf({{kCn, "a"},
                    {kDns, "b"},
                    {kUri, "spiffe://s/c"},
                    {kSpiffe, "spiffe://s/c"}}),
            "x509:spiffe://s/c");
  EXPECT_EQ(NameOf({{kCn, "a"}, {kDns, "b"}, {kDns, "c"}}), "x509:b");
  EXPECT_EQ(NameOf({{kCn, "a"}, {kUri, "https://b"}}), "x509:a");
  EXPECT_EQ(NameOf({}), "none");
}

TEST(CertificateNameTest, OfAnotherKindIsNoSpiffeId) {
  EXPECT_EQ(NameOf({{kCn, "spiffe://shop/admin"}}), "none");
  EXPECT_EQ(NameOf({{kDns, "spiffe://shop/admin"}, {kCn, "a"}}), "none");
  EXPECT_EQ(NameOf({{kCn, "SPIFFE://shop/admin"}}), "none");
}

TEST(CertificateNameTest, IsNoneIfASpiffeUriIsNotAlone) {
  EXPECT_EQ(NameOf({{kCn, "a"},
                    {kDns, "b"},
                    {kUri, "spiffe://s/c"},
                    {kUri, "https://c"}}),
            "none");
  EXPECT_EQ(NameOf({{kCn, "a"},
                    {kUri, "spiffe://s/c"},
                    {kUri, "spiffe://s/d"},
                    {kSpiffe, "spiffe://s/c"}}),
            "none");
  // One that gRPC does not take.
  EXPECT_EQ(NameOf({{kCn, "a"}, {kUri, "spiffe://"}}), "none");
  EXPECT_EQ(NameOf({{kCn, "a"}, {kUri, "Spiffe://s/c"}}), "none");
}

}  // namespace
}  // namespace pinion
