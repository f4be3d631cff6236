// SPDX-License-Identifier: Apache-2.0
//
// Handshake: one connection to a gRPC server and its TLS handshake, by OpenSSL
//            itself, which can do what no gRPC client would.
//
// Threads: any thread; it blocks until the server has answered.
// Cost:    some milliseconds; a channel of gRPC's takes longer, and tries
// again. Example: const auto serial = Handshake(server.address(), {.ca = ca});
//          EXPECT_EQ(*serial, SerialOf(pair.certificate));
#ifndef PINION_TESTS_SUPPORT_TLS_CLIENT_H_
#define PINION_TESTS_SUPPORT_TLS_CLIENT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/tests/support/certificates.h"

namespace pinion::testing {

struct HandshakeOptions {
  // PEM; the server's certificate must be of these authorities. Empty: any may
  // be.
  std::string ca = {};
  // What the client shows; empty: nothing.
  PemPair pair = {};
  // The newest version of TLS that it offers: 2 is 1.2, 3 is 1.3.
  int newest = 3;
  // What it wants to speak then; empty: it does not say.
  std::string protocol = "h2";
};

// Waits until the server has accepted the client as well, which its first bytes
// of HTTP/2 show, and returns the serial number of its certificate. UNAVAILABLE
// with OpenSSL's reason if one of the two has not accepted the other.
absl::StatusOr<std::string> Handshake(const std::string& address,
                                      const HandshakeOptions& options);

// After a handshake, sends `bytes` and returns what the server sends until it
// closes the connection, or until `mark` if that is not empty. UNAVAILABLE as
// of Handshake().
absl::StatusOr<std::string> Exchange(const std::string& address,
                                     const HandshakeOptions& options,
                                     absl::string_view bytes,
                                     absl::string_view mark = "");

// A connection on which nothing is sent until it is destroyed.
class SilentConnection {
 public:
  explicit SilentConnection(const std::string& address);
  ~SilentConnection();
  SilentConnection(const SilentConnection&) = delete;
  SilentConnection& operator=(const SilentConnection&) = delete;

 private:
  const int socket_;
};

// Connects, sends `bytes`, and waits until the server closes the connection.
absl::Status SendInClear(const std::string& address, absl::string_view bytes);

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_TLS_CLIENT_H_
