// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/support/tls_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pinion/core/tls/openssl_pointers.h"

namespace pinion::testing {
namespace {

BioPointer MemoryOf(const std::string& text) {
  return BioPointer(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::Status Failed(absl::string_view what) {
  const unsigned long error = ERR_peek_last_error();
  const char* const reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return absl::UnavailableError(absl::StrCat(
      what, ": ",
      reason != nullptr ? reason : "the server has closed the connection"));
}

// Of "127.0.0.1:PORT"; -1 if nobody listens.
int ConnectTo(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port =
      htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) ==
      0) {
    return socket;
  }
  close(socket);
  return -1;
}

SslContextPointer ContextOf(const HandshakeOptions& options) {
  SslContextPointer context(SSL_CTX_new(TLS_client_method()));
  // What old clients offer, too.
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_VERSION + options.newest);
  if (!options.ca.empty()) {
    const X509Pointer ca(PEM_read_bio_X509(MemoryOf(options.ca).get(), nullptr,
                                           nullptr, nullptr));
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), ca.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (!options.pair.certificate.empty()) {
    const X509Pointer own(PEM_read_bio_X509(
        MemoryOf(options.pair.certificate).get(), nullptr, nullptr, nullptr));
    const KeyPointer key(PEM_read_bio_PrivateKey(
        MemoryOf(options.pair.key).get(), nullptr, nullptr, nullptr));
    SSL_CTX_use_certificate(context.get(), own.get());
    SSL_CTX_use_PrivateKey(context.get(), key.get());
  }
  if (!options.protocol.empty()) {
    const std::string protocols =
        absl::StrCat(std::string(1, static_cast<char>(options.protocol.size())),
                     options.protocol);
    SSL_CTX_set_alpn_protos(
        context.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
        static_cast<unsigned>(protocols.size()));
  }
  return context;
}

std::string SerialOfPeer(SSL* ssl) {
  const X509Pointer certificate(SSL_get1_peer_certificate(ssl));
  const BioPointer memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return SerialOf(std::string(text, static_cast<size_t>(size)));
}

// Calls `then` with the connection after its handshake.
absl::StatusOr<std::string> AfterHandshake(
    const std::string& address, const HandshakeOptions& options,
    absl::FunctionRef<absl::StatusOr<std::string>(SSL*)> then) {
  ERR_clear_error();
  signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to whoever has hung up.
  const int socket = ConnectTo(address);
  if (socket < 0) return absl::UnavailableError("nobody listens");
  const absl::Cleanup close_socket = [socket] { close(socket); };
  const SslContextPointer context = ContextOf(options);
  const SslPointer ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), socket);
  if (SSL_connect(ssl.get()) != 1) return Failed("the handshake failed");
  return then(ssl.get());
}

}  // namespace

absl::StatusOr<std::string> Handshake(const std::string& address,
                                      const HandshakeOptions& options) {
  return AfterHandshake(address, options,
                        [](SSL* ssl) -> absl::StatusOr<std::string> {
                          // In TLS 1.3 the client is ready before the server
                          // has judged it.
                          char first;
                          if (SSL_read(ssl, &first, 1) != 1) {
                            return Failed("not accepted");
                          }
                          return SerialOfPeer(ssl);
                        });
}

absl::StatusOr<std::string> Exchange(const std::string& address,
                                     const HandshakeOptions& options,
                                     absl::string_view bytes,
                                     absl::string_view mark) {
  return AfterHandshake(
      address, options, [&](SSL* ssl) -> absl::StatusOr<std::string> {
        if (SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())) <= 0) {
          return Failed("not sent");
        }
        std::string all;
        char part[4096];
        while (mark.empty() || !absl::StrContains(all, mark)) {
          const int size = SSL_read(ssl, part, sizeof(part));
          if (size <= 0) break;
          all.append(part, static_cast<size_t>(size));
        }
        return all;
      });
}

SilentConnection::SilentConnection(const std::string& address)
    : socket_(ConnectTo(address)) {}

SilentConnection::~SilentConnection() { close(socket_); }

absl::Status SendInClear(const std::string& address, absl::string_view bytes) {
  const int socket = ConnectTo(address);
  if (socket < 0) return absl::UnavailableError("nobody listens");
  const absl::Cleanup close_socket = [socket] { close(socket); };
  if (!bytes.empty() &&
      send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    return absl::UnavailableError(std::strerror(errno));
  }
  shutdown(socket, SHUT_WR);
  char byte;
  while (recv(socket, &byte, 1, 0) > 0) {
  }
  return absl::OkStatus();
}

}  // namespace pinion::testing
