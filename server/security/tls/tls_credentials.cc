// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/tls/tls_credentials.h"

#include <grpc/grpc.h>

#include "pinion/core/base/check.h"

namespace pinion {
namespace {

grpc_ssl_client_certificate_request_type RequestOf(ClientAuth client_auth) {
  switch (client_auth) {
    case ClientAuth::kOff:
      return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    case ClientAuth::kOptional:
      return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    case ClientAuth::kRequired:
      break;
  }
  return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
}

}  // namespace

// Each takes what the one within made.
TlsCredentials::TlsCredentials(TlsWatch& watch, ClientAuth client_auth)
    : watch_(watch),
      credentials_(grpc_ssl_server_credentials_create_with_options(
          grpc_ssl_server_credentials_create_options_using_config_fetcher(
              RequestOf(client_auth), Fetch, this))) {}

TlsCredentials::~TlsCredentials() {
  grpc_server_credentials_release(credentials_);
}

void TlsCredentials::SetAuthMetadataProcessor(
    const std::shared_ptr<grpc::AuthMetadataProcessor>&) {
  PINION_CHECK(false, "nobody sets one here");
}

int TlsCredentials::AddPortToServer(const std::string& address,
                                    grpc_server* server) {
  return grpc_server_add_http2_port(server, address.c_str(), credentials_);
}

grpc_ssl_certificate_config_reload_status TlsCredentials::Fetch(
    void* self, grpc_ssl_server_certificate_config** config) {
  auto& credentials = *static_cast<TlsCredentials*>(self);
  std::shared_ptr<const TlsFiles> files = credentials.watch_.current();
  if (files == credentials.fetched_) {
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  }
  const TlsTexts& texts = files->texts;
  const grpc_ssl_pem_key_cert_pair pair = {texts.key.c_str(),
                                           texts.certificate.c_str()};
  // gRPC 1.51 aborts without authorities, also if it asks no client for its
  // certificate; those of nobody will do then.
  *config = grpc_ssl_server_certificate_config_create(
      texts.client_ca.empty() ? pair.cert_chain : texts.client_ca.c_str(),
      &pair, 1);
  credentials.fetched_ = std::move(files);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

}  // namespace pinion
